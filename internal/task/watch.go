package task

import (
	"context"
	"iter"
	"time"

	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/store"
)

// PreviewRows is how many rows Watch shows of a result.
const PreviewRows = 1000

// watchEvery is the least time between two updates of one watcher.
const watchEvery = 100 * time.Millisecond

// An Update is a query as it is now.
type Update struct {
	Query *store.Query
	// Rows are the first rows of the result as it stands, nil when they have not
	// changed. They replace those of earlier updates: rows that come later may
	// belong before others, and groups grow.
	Rows []Row
	End  bool // the result is complete; nothing follows
}

// Watch yields a query as it is, at once, and then whenever it has changed, until
// it has ended. Who comes late misses nothing. A watcher that is slow sees fewer
// updates, not older ones. Without preview the updates have no rows, and what came
// so far is not merged for them.
func (c *Central) Watch(ctx context.Context, id string, preview bool) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		l, err := c.find(ctx, id)
		if err != nil {
			yield(Update{}, err)
			return
		}
		if l != nil && !c.watchLive(ctx, l, preview, yield) {
			return
		}
		c.watchEnd(ctx, id, preview, yield)
	}
}

// watchLive yields l until it has ended, and reports whether its end is wanted.
func (c *Central) watchLive(ctx context.Context, l *live, preview bool, yield func(Update, error) bool) bool {
	var shown uint64
	var total int64 // rows as they were last merged
	for {
		u, changed, rows, took := c.update(ctx, l, shown, preview)
		if l.isOver() {
			return true
		}
		if u.Rows != nil {
			total = u.Query.Rows
		}
		u.Query.Rows = total
		if shown = rows; !yield(u, nil) {
			return false
		}
		// Merging what there is so far may take long: it gets a tenth of the time.
		select {
		case <-ctx.Done():
			yield(Update{}, ctx.Err())
			return false
		case <-changed:
		}
		if !rest(ctx, l, max(watchEvery, 10*took)) {
			yield(Update{}, ctx.Err())
			return false
		}
	}
}

// rest waits for d, or for the end of l. It reports whether ctx goes on.
func rest(ctx context.Context, l *live, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		l.mu.Lock()
		over, changed := l.over, l.changed
		l.mu.Unlock()
		if over {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-changed:
		}
	}
}

func (l *live) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// update returns l as it is, the channel that closes when that changes, the
// number of its rows' version, and how long it took to merge them.
func (c *Central) update(ctx context.Context, l *live, shown uint64, preview bool) (u Update, changed <-chan struct{}, rows uint64, took time.Duration) {
	l.mu.Lock()
	u.Query, changed, rows = clone(l.q), l.changed, l.rows
	over := l.over
	l.mu.Unlock()
	if over || rows == shown || !preview {
		return u, changed, rows, 0
	}
	start := time.Now()
	first := firstRows{}
	total, err := c.trusted(ctx, l, u.Query, 0, PreviewRows, first.add)
	switch {
	case err == nil:
		u.Rows, u.Query.Rows = first, total
	case !l.isOver(): // else the frames may be gone; what the end says has the rows
		c.o.Log.Warn("partial results not merged yet", "query", l.id, "error", err)
	}
	return u, changed, rows, time.Since(start)
}

func (c *Central) watchEnd(ctx context.Context, id string, preview bool, yield func(Update, error) bool) {
	q, err := c.stored(ctx, id)
	if err != nil {
		yield(Update{}, err)
		return
	}
	if !preview {
		yield(Update{Query: clone(q), End: true}, nil)
		return
	}
	rows := firstRows{}
	if err := c.kept(ctx, q, 0, PreviewRows, rows.add); err != nil {
		yield(Update{}, err)
		return
	}
	yield(Update{Query: clone(q), Rows: rows, End: true}, nil)
}

// firstRows are the first rows of a result, not nil.
type firstRows []Row

// add adds rows.
func (p *firstRows) add(l RowLines) error {
	text, err := l.Text()
	if err != nil {
		return err
	}
	return query.ReadLines(text, func(row Row) error {
		*p = append(*p, copyRow(row))
		return nil
	})
}
