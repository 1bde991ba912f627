package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/llama-logs/llama"
)

// Rows come packed as their nodes packed them, and central passes them on as they are. So
// it is here that they are looked at: whether there are as many as was said, each a flat
// JSON object. A mark before each stream says of how many rows it is, and whose.

// markMagic begins a mark: a frame that zstd passes over; then its length (4 bytes, the
// little end first), and within it a count of rows and one of bytes, both uvarints, and
// the name of a target, or nothing where central has looked at the rows.
var markMagic = []byte{0x5C, 0x2A, 0x4D, 0x18}

const (
	// maxMark is the most that a mark holds.
	maxMark = 4 << 10
	// maxPacked and maxUnpacked bound a stream of rows.
	maxPacked   = 64 << 20
	maxUnpacked = 64 << 20
)

// Rows hands on all rows of a query, each one flat JSON object without its line
// end. The bytes are emit's until it returns.
func (c *Client) Rows(ctx context.Context, id string, emit func(row []byte) error) error {
	return c.rows(ctx, id, func(lines []byte) error {
		for line := range bytes.Lines(lines) {
			if err := emit(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
				return err
			}
		}
		return nil
	})
}

// rows hands on the rows of a query, lines that were looked at, many at once.
func (c *Client) rows(ctx context.Context, id string, emit func(lines []byte) error) error {
	path := "/query/" + url.PathEscape(id) + "/rows?format=ndjson&marked=true"
	resp, err := c.send(ctx, http.MethodGet, path, nil, "Accept-Encoding", "zstd") // as central keeps them
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Encoding") != "zstd" {
		return c.broken(ctx, plainRows(resp.Body, emit))
	}
	unpack, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked))
	if err != nil {
		return fmt.Errorf("unpack the answer of %s: %w", c.base.Host, err)
	}
	defer unpack.Close()
	m := marked{in: bufio.NewReaderSize(resp.Body, 256<<10), unpack: unpack}
	for {
		lines, err := m.next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return c.broken(ctx, err)
		}
		if err := emit(lines); err != nil {
			return err
		}
	}
}

// plainRows hands on rows that come as they are.
func plainRows(in io.Reader, emit func(lines []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; lines.Scan(); n++ {
		if err := llama.CheckFlat(lines.Text()); err != nil {
			return llama.Errorf(llama.Unavailable, "row %d of the answer is damaged: %w", n, err)
		}
		if err := emit(append(lines.Bytes(), '\n')); err != nil {
			return err
		}
	}
	return lines.Err()
}

// marked reads packed rows and their marks.
type marked struct {
	in     *bufio.Reader
	unpack *zstd.Decoder
	read   int64 // rows so far
	packed []byte
	text   []byte
}

// A mark is what is said of the rows that follow it.
type mark struct {
	rows, bytes uint64
	target      string
}

var errMark error = llama.Errorf(llama.Unavailable, "the rows do not come as this version of llama expects them; central may be of another")

// next returns some rows, good until the next call, or io.EOF behind the last.
func (m *marked) next() ([]byte, error) {
	said, err := m.mark()
	if err != nil {
		return nil, err
	}
	m.packed = slices.Grow(m.packed[:0], int(said.bytes))[:said.bytes]
	if _, err := io.ReadFull(m.in, m.packed); err != nil {
		return nil, cutOff(err)
	}
	m.text, err = m.unpack.DecodeAll(m.packed, m.text[:0])
	if n := bytes.Count(m.text, []byte{'\n'}); err == nil && uint64(n) != said.rows {
		err = fmt.Errorf("there are %d lines, and there should be %d", n, said.rows)
	}
	if err == nil {
		var right int
		if right, err = llama.CheckFlatLines(m.text); err != nil {
			err = fmt.Errorf("row %d: %w", m.read+1+int64(right), err)
		}
	}
	if err != nil {
		return nil, said.damaged(m.read+1, err)
	}
	m.read += int64(said.rows)
	return m.text, nil
}

// damaged says whose rows are wrong.
func (s *mark) damaged(first int64, err error) error {
	last := first + int64(s.rows) - 1
	if s.target == "" {
		return llama.Errorf(llama.Unavailable, "rows %d to %d of the answer are damaged: %v", first, last, err)
	}
	return llama.Errorf(llama.Unavailable, "rows %d to %d of the answer are damaged, which a node of %s has sent: %v", first, last, s.target, err)
}

// mark reads the next mark.
func (m *marked) mark() (s mark, err error) {
	var head [8]byte
	if _, err := io.ReadFull(m.in, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return s, err // all was read
		}
		return s, cutOff(err)
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if !bytes.Equal(head[:4], markMagic) || size > maxMark {
		return s, errMark
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(m.in, text); err != nil {
		return s, cutOff(err)
	}
	rows, n := binary.Uvarint(text)
	if n <= 0 {
		return s, errMark
	}
	packed, k := binary.Uvarint(text[n:])
	if k <= 0 || packed > maxPacked || rows > maxUnpacked {
		return s, errMark
	}
	return mark{rows, packed, string(text[n+k:])}, nil
}

// cutOff is what an end is where there should be more.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

// Export copies all rows of a query as a file: ndjson or csv. The spreadsheet
// form of csv keeps formulas in events from running.
func (c *Client) Export(ctx context.Context, id, format string, spreadsheet bool, to io.Writer) error {
	if format == "ndjson" {
		return c.rows(ctx, id, func(lines []byte) error {
			_, err := to.Write(lines)
			return err
		})
	}
	parameters := url.Values{"format": {format}}
	if spreadsheet {
		parameters.Set("spreadsheet", "true")
	}
	resp, err := c.send(ctx, http.MethodGet, "/query/"+url.PathEscape(id)+"/rows?"+parameters.Encode(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(to, resp.Body)
	return c.broken(ctx, err)
}
