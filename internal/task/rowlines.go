package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/store"
)

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
		_, err = llama.CheckFlatLines(text)
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
