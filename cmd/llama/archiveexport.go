package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/query"
	"github.com/spf13/cobra"
)

type exportOptions struct {
	keyOptions
	collection, from, to string
	after                uint64
	file                 string
	resume               bool
}

func newArchiveExport() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the events of a collection as NDJSON",
		Long: `Writes a JSON object a line for each event, in the order of arrival, to stdout or to
a file, which is compressed when its name ends in .gz or .zst. Numbers, booleans and
nested objects are what they were. Each has its arrival number as _seq: an export that
was cut short goes on with --resume, if its file is not compressed, or with --after.

Times are those of the events: RFC 3339, dates, or relative to now: -15m, now-7d.`,
		Example: "  llama archive export --collection sshd --from 2026-11-01 --to 2026-12-01 -o sshd.ndjson.zst\n  llama archive export --collection sshd --after 120000 | jq ._msg",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.read(cmd)
			if err != nil {
				return err
			}
			return o.export(cmd.Context(), &c, cmd.OutOrStdout())
		},
	}
	o.flags(cmd)
	o.masterFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.collection, "collection", "", "`NAME` of the collection")
	flags.StringVar(&o.from, "from", "", "earliest `TIME` of an event (default: the beginning)")
	flags.StringVar(&o.to, "to", "", "`TIME` before which events are wanted (default: no end)")
	flags.Uint64Var(&o.after, "after", 0, "only events with a _seq above `N`")
	flags.StringVarP(&o.file, "output", "o", "", "`FILE` to make, instead of stdout")
	flags.BoolVar(&o.resume, "resume", false, "go on where FILE ends")
	cmd.MarkFlagRequired("collection")
	return cmd
}

// export has the node write its events, or does it itself.
func (o *exportOptions) export(ctx context.Context, c *Config, stdout io.Writer) error {
	now := time.Now()
	from, err := query.ParseMoment(o.from, now)
	if err != nil {
		return usagef("--from: %v", err)
	}
	to, err := query.ParseMoment(o.to, now)
	if err != nil {
		return usagef("--to: %v", err)
	}
	out, err := o.open(stdout)
	if err != nil {
		return err
	}
	err = withArchive(ctx, c, newAsker(), func() error {
		answer, err := ask(ctx, c.Data, "/archive/export", url.Values{
			"collection": {o.collection}, "start": {o.from}, "end": {o.to}, "after": {strconv.FormatUint(o.after, 10)},
		})
		if err != nil {
			return err
		}
		defer answer.Close() // it was only read
		return out.copy(answer)
	}, func(a *archive.Archive) error {
		return a.Export(ctx, archive.NewExport(o.collection, from, to, o.after), func(events []llama.Event) error {
			for i := range events {
				if err := out.event(&events[i]); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err := errors.Join(err, out.close()); err != nil {
		return err
	}
	words(os.Stderr, "%s written", many(out.events, "event", "events"))
	return nil
}

// An exportFile is where events are written to.
type exportFile struct {
	out     *bufio.Writer
	closers []io.Closer // the innermost first
	line    []byte
	events  int
}

// open opens the output.
func (o *exportOptions) open(stdout io.Writer) (*exportFile, error) {
	if o.file == "" {
		if o.resume {
			return nil, usagef("--resume needs the file to go on with; name it with -o")
		}
		return &exportFile{out: bufio.NewWriterSize(stdout, 64<<10)}, nil
	}
	packed := strings.HasSuffix(o.file, ".gz") || strings.HasSuffix(o.file, ".zst")
	if o.resume {
		if packed {
			return nil, usagef("%s is compressed, so that it cannot be gone on with; use --after and another file", o.file)
		}
		return o.reopen()
	}
	f, err := os.OpenFile(o.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s exists; go on with it with --resume, or name another", o.file)
	} else if err != nil {
		return nil, err
	}
	x := &exportFile{closers: []io.Closer{f}}
	var w io.Writer = f
	switch {
	case strings.HasSuffix(o.file, ".gz"):
		z := gzip.NewWriter(f)
		w, x.closers = z, []io.Closer{z, f}
	case strings.HasSuffix(o.file, ".zst"):
		z, err := zstd.NewWriter(f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		w, x.closers = z, []io.Closer{z, f}
	}
	x.out = bufio.NewWriterSize(w, 256<<10)
	return x, nil
}

// reopen opens a file to go on behind its last whole line, whose event is the last
// that it has.
func (o *exportOptions) reopen() (*exportFile, error) {
	f, err := os.OpenFile(o.file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	last, end, err := lastLine(f)
	var event struct {
		Seq uint64 `json:"_seq"`
	}
	if err == nil && len(last) > 0 {
		if err = json.Unmarshal(last, &event); err == nil && event.Seq == 0 {
			err = errors.New("its last line has no _seq")
		}
	}
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("go on with %s: %w", o.file, err), f.Close())
	}
	o.after = max(o.after, event.Seq)
	return &exportFile{out: bufio.NewWriterSize(f, 256<<10), closers: []io.Closer{f}}, nil
}

// lastLine returns the last whole line of a file, and where it ends.
func lastLine(f *os.File) (line []byte, end int64, err error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	for window := int64(64 << 10); ; window *= 4 {
		from := max(0, size-window)
		tail := make([]byte, size-from)
		if _, err := f.ReadAt(tail, from); err != nil && err != io.EOF {
			return nil, 0, err
		}
		stop := bytes.LastIndexByte(tail, '\n')
		start := -1
		if stop > 0 {
			start = bytes.LastIndexByte(tail[:stop], '\n')
		}
		if stop >= 0 && (start >= 0 || from == 0) {
			return tail[start+1 : stop], from + int64(stop) + 1, nil
		} else if from == 0 {
			return nil, 0, nil
		}
	}
}

func (x *exportFile) event(e *llama.Event) error {
	x.line = append(archive.AppendJSON(x.line[:0], e), '\n')
	x.events++
	_, err := x.out.Write(x.line)
	return err
}

// copy writes the lines of a node's answer. The last says whether it is whole.
func (x *exportFile) copy(answer io.Reader) error {
	end := false
	err := eachLine(answer, maxRow, func(line string) error {
		if strings.HasPrefix(line, `{"end":`) {
			var tail struct {
				Error string `json:"error"`
			}
			end = true
			if err := json.Unmarshal([]byte(line), &tail); err != nil || tail.Error == "" {
				return err
			}
			return errors.New(tail.Error)
		}
		x.events++
		x.out.WriteString(line)
		return x.out.WriteByte('\n') // fails if the line before has
	})
	if err == nil && !end {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (x *exportFile) close() error {
	errs := []error{x.out.Flush()}
	for _, c := range x.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
