package task

import (
	"errors"
	"iter"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/store"
)

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

var (
	errEnough  = errors.New("enough rows")
	errStopped = errors.New("chunks are not wanted any more")
)

func newResult(q *store.Query, maxRows int64) *result {
	r := &result{q: q, most: maxRows, columns: map[string]bool{}}
	if q.Limit > 0 {
		r.most = min(r.most, int64(q.Limit))
	}
	return r
}

// chunks yields the rows of m in chunks.
func (r *result) chunks(m Merge) iter.Seq2[store.Chunk, error] {
	return func(yield func(store.Chunk, error) bool) {
		var rows []Row
		var bytes int
		flush := func() bool {
			c := store.Chunk{First: r.q.Rows - int64(len(rows)), Count: int64(len(rows)), Rows: encodeRows(rows)}
			rows, bytes = nil, 0
			return yield(c, nil)
		}
		err := m.Rows(func(row Row) error {
			if r.q.Rows >= r.most {
				return errEnough
			}
			rows = append(rows, copyRow(row))
			bytes += r.see(row)
			if (len(rows) >= chunkRows || bytes >= chunkBytes) && !flush() {
				return errStopped
			}
			return nil
		})
		switch {
		case errors.Is(err, errStopped):
			return
		case errors.Is(err, errEnough):
			if r.q.Limit == 0 || r.most < int64(r.q.Limit) {
				r.cut()
			}
		case err != nil:
			r.problem = err
			yield(store.Chunk{}, err)
			return
		}
		if len(rows) > 0 {
			flush()
		}
	}
}

// copyRow copies the row itself, which belongs to the merge; texts may be shared.
func copyRow(row Row) Row { return append(make(Row, 0, len(row)), row...) }

// see counts a row and its columns.
func (r *result) see(row Row) (bytes int) {
	r.q.Rows++
	for _, f := range row {
		bytes += len(f.Value)
		if !r.columns[f.Name] {
			r.columns[f.Name] = true
			r.q.Columns = append(r.q.Columns, f.Name)
		}
	}
	return bytes
}

// cut says that there are more rows than are kept.
func (r *result) cut() {
	if r.q.State == store.Done {
		r.q.State = store.Partial
	}
	r.q.Error = llama.Errorf(llama.TooLarge, "the result has more than the %d rows that are kept; these are the first", r.most).Message
}
