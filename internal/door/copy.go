package door

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/llama-logs/llama"
)

// CopyOptions bound a Copy. The zero value is usable.
type CopyOptions struct {
	BodyBytes int           // a body's size; 4 MiB when 0. A longer line makes a longer body
	LineBytes int           // what is sent of a longer line, more than any node keeps; 16 MiB when 0
	Patience  time.Duration // how long a node that says "not now" is waited for; 10 minutes when 0
	Waiting   func(error)   // told why before each pause; may be nil
	Progress  func(Tally)   // told after each body; may be nil
}

// A Tally counts the lines of a Copy.
type Tally struct {
	Accepted, Rejected int
	Known              uint64     // lines that the node had already
	Errors             []Rejected // the first of them, their lines counted from 1 in the stream
}

const maxTallied = 20

// Copy sends all lines of r that the node does not have yet and returns when
// they are safe. The stream's numbers are its lines' from 0, so r must begin
// where it did the last time.
func (c *Client) Copy(ctx context.Context, s Stream, r io.Reader, o CopyOptions) (Tally, error) {
	o = o.filled()
	var tally Tally
	var next uint64
	err := retry(ctx, o.Patience, o.Waiting, func() (err error) {
		next, err = c.Next(ctx, s)
		return err
	})
	if err != nil {
		return tally, err
	}
	in := lineReader{in: bufio.NewReaderSize(r, 256<<10), maxLine: o.LineBytes}
	if tally.Known, err = in.skip(next); err != nil {
		return tally, err
	}
	body := make([]byte, 0, o.BodyBytes+64<<10)
	for {
		first := in.lines
		body, err = in.body(body[:0], o.BodyBytes)
		if len(body) > 0 {
			if err := c.sendBody(ctx, s, first, body, o, &tally); err != nil {
				return tally, err
			}
			o.Progress(tally)
		}
		if errors.Is(err, io.EOF) {
			return tally, nil
		}
		if err != nil {
			return tally, fmt.Errorf("line %d: %w", in.lines+1, err)
		}
	}
}

func (o CopyOptions) filled() CopyOptions {
	if o.BodyBytes == 0 {
		o.BodyBytes = 4 << 20
	}
	if o.LineBytes == 0 {
		o.LineBytes = 16 << 20
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Minute
	}
	if o.Waiting == nil {
		o.Waiting = func(error) {}
	}
	if o.Progress == nil {
		o.Progress = func(Tally) {}
	}
	return o
}

func (c *Client) sendBody(ctx context.Context, s Stream, first uint64, body []byte, o CopyOptions, t *Tally) error {
	var answer Answer
	err := retry(ctx, o.Patience, o.Waiting, func() (err error) {
		if answer, err = c.Send(ctx, s, first, body); err != nil || answer.Rejected == 0 {
			return err
		}
		return c.reached(ctx, s, first+uint64(bytes.Count(body, []byte{'\n'})), answer)
	})
	if err != nil {
		return fmt.Errorf("lines from %d: %w", first+1, err)
	}
	t.Accepted += answer.Accepted
	t.Rejected += answer.Rejected
	for _, e := range answer.Errors {
		if len(t.Errors) < maxTallied {
			t.Errors = append(t.Errors, Rejected{Line: first + e.Line, Detail: e.Detail})
		}
	}
	return nil
}

// reached makes sure of an answer that refuses lines: its status is also that of
// a body which was given up half-way, and what follows that must not be passed
// over.
func (c *Client) reached(ctx context.Context, s Stream, next uint64, a Answer) error {
	has, err := c.Next(ctx, s)
	if err != nil {
		return err
	}
	if has < next {
		return llama.Errorf(llama.Invalid, "the node read no further than line %d: %s", has+1, a.Detail)
	}
	return nil
}

// lineReader cuts a stream at line ends.
type lineReader struct {
	in      *bufio.Reader
	lines   uint64 // read so far
	maxLine int
}

// skip reads over the first n lines and returns how many there were.
func (r *lineReader) skip(n uint64) (uint64, error) {
	for r.lines < n {
		_, err := r.line(nil, 0)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r.lines, fmt.Errorf("line %d: %w", r.lines+1, err)
		}
	}
	return r.lines, nil
}

// body appends whole lines to dst until it has size bytes. With io.EOF come the
// last ones.
func (r *lineReader) body(dst []byte, size int) ([]byte, error) {
	for len(dst) < size {
		var err error
		if dst, err = r.line(dst, r.maxLine); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// line appends one line with its end to dst, at most keep bytes of its text. A
// last line without an end is given one. It returns io.EOF when there is none.
func (r *lineReader) line(dst []byte, keep int) ([]byte, error) {
	begin := len(dst)
	some := false
	for {
		part, err := r.in.ReadSlice('\n')
		some = some || len(part) > 0
		ended := bytes.HasSuffix(part, []byte{'\n'})
		part = bytes.TrimSuffix(part, []byte{'\n'})
		dst = append(dst, part[:max(0, min(len(part), keep-(len(dst)-begin)))]...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return dst[:begin], err
		case !some:
			return dst[:begin], io.EOF
		}
		if !ended && err == nil {
			continue
		}
		r.lines++
		return append(dst, '\n'), nil
	}
}
