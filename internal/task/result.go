package task

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/store"
)

// A merging is a Merge with the pieces that it has.
type merging struct {
	merge Merge
	next  map[string]uint64 // by node: the piece that should come
	parts map[string][]byte // by node: the frame that is not whole yet
	// read reads a frame that the store has.
	read  store.FrameReader
	fresh []*origin // what the store may not have
}

// add merges a piece, unless it is merged already: after an error of the store
// it comes again.
func (m *merging) add(node string, attempt uint32, number uint64, p piece) error {
	if number < m.next[node] {
		return nil
	}
	m.next[node] = number + 1
	body := p.body
	single := !p.more && m.parts[node] == nil
	if before := m.parts[node]; before != nil || p.more {
		if body = append(before, p.body...); len(body) > maxFrame {
			return errPiece
		}
		m.parts[node] = body
	}
	if p.more {
		return nil
	}
	delete(m.parts, node)
	if p.kind == linesFrame {
		return m.addLines(store.Frame{Node: node, Attempt: attempt, Number: number, Kind: p.kind, Body: body}, single)
	}
	plain, err := decompress(body, maxFrame)
	if err != nil {
		return errPiece
	}
	return m.merge.Add(node, Frame{
		Kind: p.kind, Body: plain, Packed: len(body), Again: func() ([]byte, error) { return decompress(body, maxFrame) },
	})
}

// remerge merges what the store has of q, which is l's query now or a while ago.
func (c *Central) remerge(ctx context.Context, l *live, q *store.Query) (*merging, error) {
	m := &merging{merge: l.plan.NewMerge(), next: map[string]uint64{}, parts: map[string][]byte{}}
	m.read = func(f store.Frame) ([]byte, error) { return c.o.Store.Frame(context.WithoutCancel(ctx), q, f) }
	for f, err := range c.o.Store.Frames(ctx, q) {
		if err != nil {
			return nil, err
		}
		t := of(q, f.Node)
		if t == nil || f.Attempt != t.Attempt || f.Number >= t.Frames {
			continue
		}
		p := piece{kind: f.Kind &^ kindMore, more: f.Kind&kindMore != 0, body: f.Body}
		if err := m.add(f.Node, f.Attempt, f.Number, p); err != nil {
			return nil, fmt.Errorf("merge frame %d of node %s: %w", f.Number, f.Node, err)
		}
		m.kept(f.Node, f.Attempt, f.Number+1)
	}
	return m, nil
}

const (
	chunkRows  = 4096
	chunkBytes = 256 << 10 // of values, not compressed
)

// A result turns merged rows into chunks, and counts them in its query.
type result struct {
	q       *store.Query
	most    int64 // rows
	problem error // what was wrong with the partial results
	columns map[string]bool
}

var errEnough = errors.New("enough rows")

func newResult(q *store.Query, maxRows int64) *result {
	r := &result{q: q, most: maxRows, columns: map[string]bool{}}
	if q.Limit > 0 {
		r.most = min(r.most, int64(q.Limit))
	}
	return r
}

// A batchOf rows will be a chunk.
type batchOf struct {
	first int64
	rows  []Row
}

// chunks yields the rows of m in chunks.
func (r *result) chunks(ctx context.Context, m *merging) func(store.FrameReader) iter.Seq2[store.Chunk, error] {
	return func(read store.FrameReader) iter.Seq2[store.Chunk, error] {
		if lines, ok := m.merge.(LineMerge); ok {
			m.read = read
			return r.lines(ctx, lines)
		}
		return r.merged(ctx, m.merge)
	}
}

// merged yields the rows of m in chunks. They are merged on one processor while those
// before are compressed, sealed and written on another.
func (r *result) merged(ctx context.Context, m Merge) iter.Seq2[store.Chunk, error] {
	return func(yield func(store.Chunk, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		batches := make(chan batchOf, 2)
		var merging sync.WaitGroup
		var err error // once batches is closed
		merging.Go(func() {
			defer close(batches)
			err = r.batches(ctx, m, batches)
		})
		defer merging.Wait()
		defer cancel() // runs before the wait
		for b := range batches {
			if !yield(store.Chunk{First: b.first, Count: int64(len(b.rows)), Form: formLines, Rows: compress(appendLines(nil, b.rows))}, nil) {
				return
			}
		}
		if err != nil {
			r.problem = err
			yield(store.Chunk{}, err)
		}
	}
}

// batches sends the rows of m.
func (r *result) batches(ctx context.Context, m Merge, to chan<- batchOf) error {
	var rows []Row
	var bytes int
	flush := func() error {
		b := batchOf{r.q.Rows - int64(len(rows)), rows}
		rows, bytes = nil, 0
		select {
		case to <- b:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := m.Rows(ctx, func(row Row) error {
		if r.q.Rows >= r.most {
			return errEnough
		}
		rows = append(rows, copyRow(row))
		if bytes += r.see(row); len(rows) >= chunkRows || bytes >= chunkBytes {
			return flush()
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		if r.q.Limit == 0 || r.most < int64(r.q.Limit) {
			r.cut()
		}
	} else if err != nil {
		return err
	}
	if len(rows) > 0 {
		return flush()
	}
	return nil
}

// copyRow copies the row itself, which belongs to the merge; texts may be shared.
func copyRow(row Row) Row { return append(make(Row, 0, len(row)), row...) }

// see counts a row and its columns.
func (r *result) see(row Row) (bytes int) {
	r.q.Rows++
	for _, f := range row {
		bytes += len(f.Value)
		r.column(f.Name)
	}
	return bytes
}

func (r *result) column(name string) {
	if !r.columns[name] {
		name = strings.Clone(name)
		r.columns[name] = true
		r.q.Columns = append(r.q.Columns, name)
	}
}

// cut says that there are more rows than are kept.
func (r *result) cut() {
	if r.q.State == store.Done {
		r.q.State = store.Partial
	}
	r.q.Error = llama.Errorf(llama.TooLarge, "the result has more than the %d rows that are kept; these are the first", r.most).Message
}
