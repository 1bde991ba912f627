package task

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
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

// RowLines are rows of a result that follow each other, each a flat JSON object with its line
// end.
type RowLines struct {
	count        int
	packed, text []byte // one of them
	target       string // whose node packed them, and nobody has looked since; else ""
}

// Count returns how many rows there are.
func (l RowLines) Count() int { return l.count }

// Target returns whose node packed the lines, where nobody has looked at them since, else
// "".
func (l RowLines) Target() string { return l.target }

// Text returns the lines.
func (l RowLines) Text() ([]byte, error) {
	if l.packed == nil {
		return l.text, nil
	}
	text, err := decompress(l.packed, maxFrame)
	if n := bytes.Count(text, []byte{'\n'}); err == nil && (n != l.count || !bytes.HasSuffix(text, []byte{'\n'})) {
		err = fmt.Errorf("%w: there are %d lines, and there should be %d", errRows, n, l.count)
	}
	if err == nil && l.target != "" {
		err = query.CheckLines(text)
	}
	if err != nil && l.target != "" {
		err = llama.Errorf(llama.Unavailable, "the rows that a node of %s has sent are damaged: %w", l.target, err)
	}
	return text, err
}

// Packed returns the lines as a zstd stream.
func (l RowLines) Packed() []byte {
	if l.packed == nil {
		return compress(l.text)
	}
	return l.packed
}

// slice returns the rows from one number to another.
func (l RowLines) slice(from, to int64) (RowLines, error) {
	if from == 0 && to == int64(l.count) {
		return l, nil
	}
	text, err := l.Text()
	if err != nil {
		return l, err
	}
	before, err := firstLines(text, from)
	if err != nil {
		return l, err
	}
	text = text[len(before):]
	text, err = firstLines(text, to-from)
	return RowLines{count: int(to - from), text: text}, err
}

// firstLines returns the first n lines of text.
func firstLines(text []byte, n int64) ([]byte, error) {
	end := 0
	for range n {
		i := bytes.IndexByte(text[end:], '\n')
		if i < 0 {
			return nil, fmt.Errorf("%w: %d lines are not there", errRows, n)
		}
		end += i + 1
	}
	return text[:end], nil
}

// linesOf returns the rows of a chunk of q.
func linesOf(q *store.Query, c store.Chunk) (RowLines, error) {
	l := RowLines{count: int(c.Count)}
	if c.Frame != nil {
		if t := of(q, c.Frame.Node); t != nil {
			l.target = t.Target
		}
	}
	var err error
	switch c.Form {
	case formLines:
		l.packed = c.Rows
	case formFrame:
		_, l.packed, err = unpackLines(c.Rows)
	case formRows:
		var rows []Row
		rows, err = decodeRows(c.Rows)
		l.text = appendLines(nil, rows)
	default:
		err = fmt.Errorf("%w: they are of form %d, and this program knows those up to %d", errRows, c.Form, formFrame)
	}
	return l, err
}

func appendLines(dst []byte, rows []Row) []byte {
	for _, row := range rows {
		dst = append(llama.AppendFlat(dst, row), '\n')
	}
	return dst
}

// RowLines hands on at most limit rows of a result from row offset on, 0 for all. While the
// query runs they are those of the result as it stands.
func (c *Central) RowLines(ctx context.Context, id string, offset, limit int64, emit func(RowLines) error) error {
	if offset < 0 || limit < 0 {
		return llama.Errorf(llama.Invalid, "offset and limit cannot be negative")
	}
	last := offset + limit
	if limit == 0 || last < offset {
		last = 1<<63 - 1
	}
	l, err := c.find(ctx, id)
	if err != nil {
		return err
	}
	if l != nil {
		begun := false
		_, err := c.trusted(ctx, l, l.query(), offset, last, func(l RowLines) error { begun = true; return emit(l) })
		if err == nil || begun || !l.isOver() {
			return err
		} // else the frames may have gone while they were read
	}
	q, err := c.stored(ctx, id)
	if err != nil {
		return err
	}
	return c.kept(ctx, q, offset, last, emit)
}

// kept hands on rows of a result that is complete.
func (c *Central) kept(ctx context.Context, q *store.Query, first, last int64, emit func(RowLines) error) error {
	if last = min(last, q.Rows); first >= last {
		return nil
	}
	for chunk, err := range c.o.Store.Chunks(ctx, q, first) {
		if err != nil {
			return err
		}
		l, err := linesOf(q, chunk)
		if err == nil {
			l, err = l.slice(max(first-chunk.First, 0), min(chunk.Count, last-chunk.First))
		}
		if err == nil {
			err = emit(l)
		}
		if err != nil {
			return err
		}
		if chunk.First+chunk.Count >= last {
			break
		}
	}
	return nil
}

// errOver says that a query has ended, and its result is kept.
var errOver = errors.New("the query has ended")

// window merges what came of a live query, as q says, beside what goes on. It hands on the
// rows from one number to another, and returns how many there are.
func (c *Central) window(ctx context.Context, l *live, q *store.Query, first, last int64, emit func(RowLines) error) (total int64, err error) {
	if l.plan == nil {
		return 0, nil
	}
	m, err := c.remerge(ctx, l, q)
	if err == nil && l.isOver() { // the frames may have gone while they were read
		err = errOver
	}
	if err != nil {
		return 0, err
	}
	most := newResult(q, c.o.MaxRows).most
	hand := func(count int, text func() ([]byte, error)) error {
		from, to := max(first-total, 0), min(int64(count), last-total, most-total)
		total = min(total+int64(count), most)
		if from < to {
			plain, err := text()
			if err != nil {
				return err
			}
			some, err := RowLines{count: count, text: plain}.slice(from, to)
			if err == nil {
				err = emit(some)
			}
			if err != nil {
				return err
			}
		}
		if total >= most {
			return errEnough
		}
		return nil
	}
	if lines, ok := m.merge.(LineMerge); ok {
		err = lines.Lines(ctx, func(l query.LinesOf) error { return hand(l.Count, l.Checked) })
	} else {
		var line []byte
		err = m.merge.Rows(ctx, func(row Row) error {
			return hand(1, func() ([]byte, error) {
				line = append(llama.AppendFlat(line[:0], row), '\n')
				return line, nil
			})
		})
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return total, err
}
