package task

import (
	"context"
	"errors"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/store"
)

// Frames of lines are taken as they come, and most are handed on so. What is wrong with the
// lines shows when somebody unpacks them: then the task of the node that sent them has
// failed, whatever it said, its frames count no more, and the others' do.

// damagedFrame is how a task ends whose node sent what cannot be merged.
const damagedFrame = "the node has sent a damaged frame"

// distrust ends the task of q that an error of its merge is about. It reports whether
// there is one, so that a merge of what is left may do.
func (c *Central) distrust(l *live, q *store.Query, problem error) bool {
	t := blamed(q, problem)
	if t == nil {
		return false
	}
	c.o.Log.Error("lines of a node are not rows", "query", l.id, "node", t.Node, "target", t.Target, "error", problem)
	t.State, t.Error = store.Failed, damagedFrame
	t.Frames, t.Rows = 0, 0
	if t.Ended == 0 {
		t.Ended = llama.At(time.Now())
	}
	return true
}

// blamed returns the task of q that an error of its merge is about, nil for none.
func blamed(q *store.Query, problem error) *store.Task {
	wrong, ok := errors.AsType[*query.NodeError](problem)
	if _, ours := errors.AsType[*readError](problem); !ok || ours || llama.CodeOf(problem) == llama.TooLarge {
		return nil
	}
	t := of(q, wrong.Node)
	if t == nil || t.Frames == 0 {
		return nil
	}
	return t
}

// trusted is window without the nodes whose lines turn out to be damaged.
func (c *Central) trusted(ctx context.Context, l *live, q *store.Query, first, last int64, emit func(RowLines) error) (total int64, err error) {
	for begun := false; ; {
		total, err = c.window(ctx, l, q, first, last, func(l RowLines) error { begun = true; return emit(l) })
		if err == nil || blamed(q, err) == nil {
			return total, err
		}
		if wrong := c.expel(ctx, l, err); wrong != nil || begun {
			return total, errors.Join(err, wrong)
		}
		q = l.query()
	}
}

// expel ends the task that an error is about while the query runs, and tells its node.
func (c *Central) expel(ctx context.Context, l *live, problem error) error {
	ctx = context.WithoutCancel(ctx) // who asked may go; the task is damaged for all
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return errOver
	}
	q := clone(l.q)
	t := blamed(q, problem)
	if t == nil { // another has done it
		return nil
	}
	attempt := t.Attempt
	c.distrust(l, q, problem)
	if n := c.node(t.Node); n != nil {
		c.cancelAt(n, l.id, attempt)
	}
	l.merge = nil
	if ended(q) {
		return c.finish(ctx, l, q)
	}
	settle(q)
	if err := c.o.Store.UpdateQuery(ctx, q); err != nil {
		return err
	}
	l.q = q
	l.rows++
	l.wake()
	return nil
}
