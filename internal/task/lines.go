package task

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/store"
)

// The forms of a chunk's rows. Their numbers are kept and must not change.
const (
	formRows  = 0 // as encodeRows writes them; so did older programs
	formLines = 1 // lines of JSON, compressed with zstd
	formFrame = 2 // a whole frame of lines, as its node sent it
)

// packLines returns a frame of lines as it travels.
func packLines(f Frame) []byte {
	body := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(f.Body)+len(f.Text)/6), uint32(len(f.Body)))
	return compressTo(append(body, f.Body...), f.Text)
}

// unpackLines takes apart what packLines returned; the lines stay compressed.
func unpackLines(body []byte) (head, packed []byte, err error) {
	if len(body) < 4 || uint64(binary.BigEndian.Uint32(body)) > uint64(len(body)-4) {
		return nil, nil, errPiece
	}
	n := 4 + binary.BigEndian.Uint32(body)
	return body[4:n], body[n:], nil
}

// An origin is a frame of lines as it came. Its bytes are held until the store has them.
type origin struct {
	of     *merging
	frame  store.Frame // its Body is nil once the store has it
	single bool        // it is one piece, so the store has it as one
}

// A readError is why a frame that was kept cannot be read, which is no node's doing.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// packed returns the lines, compressed.
func (o *origin) packed() ([]byte, error) {
	body := o.frame.Body
	if body == nil {
		var err error
		if body, err = o.of.read(o.frame); err != nil {
			return nil, &readError{err}
		}
	}
	_, packed, err := unpackLines(body)
	return packed, err
}

func (m *merging) addLines(f store.Frame, single bool) error {
	head, packed, err := unpackLines(f.Body)
	if err != nil {
		return err
	}
	o := &origin{of: m, frame: f, single: single}
	m.fresh = append(m.fresh, o)
	held := 0
	if !single {
		held = len(packed)
	}
	return m.merge.Add(f.Node, Frame{Kind: linesFrame, Body: bytes.Clone(head), Packed: held, Origin: o, Again: func() ([]byte, error) {
		packed, err := o.packed()
		if err != nil {
			return nil, err
		}
		return decompress(packed, maxFrame)
	}})
}

// kept says that the store has all frames of an attempt of a node before next. Those of
// others it may have refused: they come again.
func (m *merging) kept(node string, attempt uint32, next uint64) {
	m.fresh = slices.DeleteFunc(m.fresh, func(o *origin) bool {
		is := o.frame.Node == node && o.frame.Attempt == attempt && o.frame.Number < next
		if is && o.single {
			o.frame.Body = nil
		}
		return is
	})
}

// lines yields the rows of a merge that has them as lines. Frames of which all rows follow
// each other are kept as they came.
func (r *result) lines(ctx context.Context, m LineMerge) iter.Seq2[store.Chunk, error] {
	return func(yield func(store.Chunk, error) bool) {
		w := lineChunks{result: r, yield: yield}
		err := m.Lines(ctx, w.add)
		if errors.Is(err, errEnough) {
			if r.q.Limit == 0 || r.most < int64(r.q.Limit) {
				r.cut()
			}
			err = nil
		}
		if err == nil {
			err = w.flush()
		}
		if err != nil && !errors.Is(err, errUnwanted) {
			if llama.CodeOf(err) != llama.Unavailable { // else it is the store's, and is tried again
				r.problem = err
			}
			yield(store.Chunk{}, err)
		}
	}
}

// errUnwanted says that no more chunks are wanted.
var errUnwanted = errors.New("no more chunks are wanted")

const (
	// fewLines are copied and packed with their neighbours, rather than kept as they came.
	fewLines = 256
	// lineChunkBytes is how large the text of a chunk is that is packed here.
	lineChunkBytes = 1 << 20
)

// lineChunks makes chunks of lines.
type lineChunks struct {
	*result
	yield func(store.Chunk, error) bool
	text  []byte // of the last rows counted that are not in a chunk yet
	count int64
}

func (w *lineChunks) add(l query.LinesOf) error {
	left := w.most - w.q.Rows
	if left <= 0 {
		return errEnough
	}
	origin, _ := l.Origin.(*origin)
	if origin == nil || l.Count < fewLines || int64(l.Count) > left {
		return w.copy(l, left)
	}
	if err := w.flush(); err != nil {
		return err
	}
	for _, name := range l.Names {
		w.column(name)
	}
	c := store.Chunk{First: w.q.Rows, Count: int64(l.Count)}
	w.q.Rows += c.Count
	if origin.single && origin.frame.Body == nil {
		c.Form, c.Frame = formFrame, &origin.frame
		return w.hand(c)
	}
	_, err := l.Checked() // whose they were is not kept
	if err == nil {
		c.Rows, err = origin.packed()
	}
	if err != nil {
		return err
	}
	c.Form = formLines
	return w.hand(c)
}

// copy adds left of the rows at most to what will be a chunk.
func (w *lineChunks) copy(l query.LinesOf, left int64) error {
	text, err := l.Checked()
	if err != nil {
		return err
	}
	more := int64(l.Count) > left
	if more {
		l.Count = int(left)
		if text, err = firstLines(text, left); err != nil {
			return err
		}
	}
	for _, name := range l.Names {
		if !w.columns[name] { // it may be one of rows that are not among these
			if err := query.ReadLines(text, func(row Row) error { w.see(row); return nil }); err != nil {
				return err
			}
			w.q.Rows -= int64(l.Count)
			break
		}
	}
	w.text = append(w.text, text...)
	w.count += int64(l.Count)
	w.q.Rows += int64(l.Count)
	if more {
		return errEnough
	}
	if len(w.text) >= lineChunkBytes {
		return w.flush()
	}
	return nil
}

// flush makes a chunk of what was copied.
func (w *lineChunks) flush() error {
	if w.count == 0 {
		return nil
	}
	c := store.Chunk{First: w.q.Rows - w.count, Count: w.count, Form: formLines, Rows: compress(w.text)}
	w.text, w.count = w.text[:0], 0
	return w.hand(c)
}

func (w *lineChunks) hand(c store.Chunk) error {
	if !w.yield(c, nil) {
		return errUnwanted
	}
	return nil
}
