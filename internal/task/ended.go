package task

import (
	"context"
	"sync"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/store"
)

// An endedQueries remembers queries that ended a short while ago: who asked is about to read
// them, several times. What has ended does not change.
type endedQueries struct {
	mu    sync.Mutex
	known map[string]*store.Query
	ids   []string // the oldest first
}

const (
	// mostEnded is how many queries are remembered, and mostEndedTasks and mostEndedColumns
	// of how many tasks and columns at most each.
	mostEnded        = 256
	mostEndedTasks   = 16
	mostEndedColumns = 256
)

// add remembers q, which nobody changes any more.
func (e *endedQueries) add(q *store.Query) {
	if len(q.Tasks) > mostEndedTasks || len(q.Columns) > mostEndedColumns {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known == nil {
		e.known = map[string]*store.Query{}
	}
	if len(e.ids) >= mostEnded {
		delete(e.known, e.ids[0])
		e.ids = e.ids[1:]
	}
	e.known[q.ID] = q
	e.ids = append(e.ids, q.ID)
}

// find returns a query, nil where it is not remembered or its time is over.
func (e *endedQueries) find(id string) *store.Query {
	e.mu.Lock()
	defer e.mu.Unlock()
	q := e.known[id]
	if q == nil || llama.At(time.Now()) >= q.Expires {
		return nil
	}
	return q
}

// stored returns a query that is not live. It is not the caller's to change.
func (c *Central) stored(ctx context.Context, id string) (*store.Query, error) {
	if q := c.recent.find(id); q != nil {
		return q, nil
	}
	return c.o.Store.Query(ctx, id)
}
