package task

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/store"
)

// A live query is one whose result is not kept yet.
type live struct {
	id       uuid.UUID
	user     string
	schedule string // the id of the one that asks, "" for none
	plan     Plan   // nil when it is not understood any more

	mu      sync.Mutex
	q       *store.Query
	dirty   bool          // q has what the store has not
	over    bool          // the result is kept, or the query failed to be added
	changed chan struct{} // closed and replaced at each change
	rows    uint64        // grows with each frame, so that watchers know of new rows

	// merge has the frames that are kept and is used up by the end. It can be
	// made again from the store.
	merge *merging
	used  time.Time // when merge was last needed

	tasks map[string]*sending
	away  atomic.Bool // all that is left waits for nodes that are away; as of the last check
	late  atomic.Bool // away, or was once
}

// sending is what central remembers of a task while it runs.
type sending struct {
	sent  time.Time // when the task was last sent
	heard time.Time // when the node last said something of it
}

// mergeIdle is how long a query that waits for its nodes keeps its merge in
// memory.
const mergeIdle = time.Minute

func newLive(id uuid.UUID, q *store.Query, plan Plan) *live {
	l := &live{id: id, user: q.User, schedule: q.Schedule, plan: plan, q: q, changed: make(chan struct{}), tasks: map[string]*sending{}}
	for _, t := range q.Tasks {
		l.tasks[t.Node] = &sending{}
	}
	return l
}

// clone returns a copy that can be changed without the original.
func clone(q *store.Query) *store.Query {
	c := *q
	c.Tasks = slices.Clone(q.Tasks)
	return &c
}

// of returns the task of a node, nil when it has none.
func of(q *store.Query, node string) *store.Task {
	for i := range q.Tasks {
		if q.Tasks[i].Node == node {
			return &q.Tasks[i]
		}
	}
	return nil
}

// ended reports whether no node is waited for.
func ended(q *store.Query) bool {
	return !slices.ContainsFunc(q.Tasks, func(t store.Task) bool { return !t.State.Final() })
}

// settle makes the query's own state that of its tasks. A query whose tasks have
// all ended is still running until its result is kept.
func settle(q *store.Query) {
	states := make([]store.State, len(q.Tasks))
	for i, t := range q.Tasks {
		states[i] = t.State
		if t.Started != 0 && (q.Started == 0 || t.Started < q.Started) {
			q.Started = t.Started
		}
	}
	if q.State = store.Together(states); q.State.Final() && q.Ended == 0 {
		q.State = store.Running
	}
}

// wake tells watchers. The caller holds the lock.
func (l *live) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// note takes a report that is not the last.
func (l *live) note(node string, attempt uint32, r report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := of(l.q, node)
	if t == nil || t.Attempt != attempt || t.State.Final() {
		return
	}
	l.tasks[node].heard = time.Now()
	now := llama.At(time.Now())
	if t.Delivered == 0 {
		t.Delivered = now
	}
	if r.State == store.Running && t.Started == 0 {
		t.Started = now
	}
	if t.State != store.Running { // a late report of the delivery is no way back
		t.State = r.State
	}
	t.Progress = max(t.Progress, min(r.Progress, 1))
	t.EventsRead, t.BytesRead, t.Rows = r.Events, r.Bytes, r.Rows
	settle(l.q)
	l.dirty = true
	l.wake()
}

// accept keeps pieces of one attempt. It returns the number of the first that is
// not kept, and whether the attempt is wanted any further.
func (c *Central) accept(ctx context.Context, l *live, node string, attempt uint32, pieces []piece) (next uint64, wanted bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := of(l.q, node)
	if l.over || t == nil || t.Attempt != attempt {
		return 0, false, nil
	}
	l.tasks[node].heard = time.Now()
	if t.State.Final() {
		// What ended the task elsewhere (a cancel, the deadline) wants no more
		// of it; its own end is acknowledged again.
		return t.Frames, pieces[len(pieces)-1].number < t.Frames, nil
	}
	q := clone(l.q)
	t = of(q, node)
	frames, err := c.count(ctx, l, q, t, pieces)
	if err != nil {
		return 0, true, err
	}
	settle(q)
	switch {
	case t.Frames == of(l.q, node).Frames: // repeats, or something before them is missing
		return t.Frames, true, nil
	case !ended(q):
		if err = c.o.Store.AddFrames(ctx, q, node, frames); err == nil && l.merge != nil {
			l.merge.kept(node, attempt, t.Frames)
		}
	case l.merge == nil && len(frames) > 0:
		if err = c.o.Store.AddFrames(ctx, q, node, frames); err == nil {
			err = c.finish(ctx, l, q)
		}
	default: // the merge has them, so they need not be kept on their own
		err = c.finish(ctx, l, q, frames...)
	}
	if err != nil {
		return 0, true, err
	}
	if !l.over {
		l.q = q
		l.wake()
	}
	return t.Frames, true, nil
}

// kindMore marks kept frames that go on in the next.
const kindMore = 0x80

// count merges the pieces that are next and changes t accordingly. It returns
// what is to be kept of them.
func (c *Central) count(ctx context.Context, l *live, q *store.Query, t *store.Task, pieces []piece) (frames []store.Frame, err error) {
	now := llama.At(time.Now())
	for _, p := range pieces {
		if p.number != t.Frames || t.State.Final() {
			continue
		}
		t.State = store.Running
		t.Delivered, t.Started = cmp.Or(t.Delivered, now), cmp.Or(t.Started, now)
		if !p.last || p.kind != 0 {
			problem, err := c.mergeOne(ctx, l, q, t, p)
			if err != nil {
				return nil, err
			}
			if problem == nil {
				frames = append(frames, p.frame(t))
				l.rows++
			} else {
				p = piece{last: true, report: *problem}
			}
		}
		if !p.last {
			t.Frames++
			continue
		}
		t.Frames++
		t.State, t.Error, t.Ended = p.report.State, cut(p.report.Error), now
		t.Progress = min(max(p.report.Progress, 0), 1)
		t.EventsRead, t.BytesRead, t.Rows = p.report.Events, p.report.Bytes, p.report.Rows
	}
	return frames, nil
}

// frame is p as the store keeps it.
func (p *piece) frame(t *store.Task) store.Frame {
	f := store.Frame{Node: t.Node, Attempt: t.Attempt, Number: p.number, Kind: p.kind, Body: p.body}
	if p.more {
		f.Kind |= kindMore
	}
	return f
}

// mergeOne merges a piece. It returns how the task ends because of that, nil when
// it goes on.
func (c *Central) mergeOne(ctx context.Context, l *live, q *store.Query, t *store.Task, p piece) (*report, error) {
	if err := c.load(ctx, l, l.q); err != nil {
		return nil, err
	}
	t.FrameBytes += int64(len(p.body))
	problem := error(errBytes)
	if total(q) <= c.o.MaxBytes {
		problem = l.merge.add(t.Node, t.Attempt, t.Frames, p)
	}
	if problem == nil {
		return nil, nil
	}
	l.merge = nil
	end := &report{State: store.Partial, Progress: t.Progress, Events: t.EventsRead, Bytes: t.BytesRead, Rows: t.Rows}
	if end.Error, end.Code = shown(problem); end.Code != llama.TooLarge {
		c.o.Log.Error("frame not merged", "query", l.id, "node", t.Node, "frame", t.Frames, "error", problem)
		end.State, end.Error = store.Failed, damagedFrame
	}
	return end, nil
}

func total(q *store.Query) (bytes int64) {
	for _, t := range q.Tasks {
		bytes += t.FrameBytes
	}
	return bytes
}

// load makes the merge of what is kept of q, if it is not in memory. The caller
// holds the lock.
func (c *Central) load(ctx context.Context, l *live, q *store.Query) error {
	l.used = time.Now()
	if l.merge != nil || l.plan == nil {
		return nil
	}
	var err error
	l.merge, err = c.remerge(ctx, l, q)
	return err
}

// finish merges and keeps the result of q, which is l's query with all its tasks
// ended. Unkept are frames of one node that are merged and not in the store. The caller
// holds the lock.
func (c *Central) finish(ctx context.Context, l *live, q *store.Query, unkept ...store.Frame) error {
	if err := c.load(ctx, l, q); err != nil {
		return err
	}
	q.Ended = llama.At(time.Now())
	settle(q)
	told := q.Error
	q.Rows, q.Columns = 0, nil
	result := newResult(q, c.o.MaxRows)
	chunks := none
	if l.plan != nil {
		chunks = result.chunks(ctx, l.merge)
	}
	l.merge = nil // used up
	err := c.o.Store.Finish(ctx, q, chunks)
	if result.problem != nil && ctx.Err() == nil && c.distrust(l, q, result.problem) {
		q.Error = told
		if len(unkept) > 0 { // the merge is made again, of what the store has
			if err := c.o.Store.AddFrames(ctx, q, unkept[0].Node, unkept); err != nil {
				return err
			}
		}
		return c.finish(ctx, l, q)
	}
	if result.problem != nil && ctx.Err() == nil { // else it is tried again
		c.o.Log.Error("partial results not merged", "query", l.id, "error", result.problem)
		q.State, q.Rows, q.Columns = store.Failed, 0, nil
		q.Error, _ = shown(result.problem)
		err = c.o.Store.Finish(ctx, q, none)
	}
	if err != nil {
		return err
	}
	l.q, l.dirty, l.over = q, false, true
	c.recent.add(clone(q))
	end(c.metrics.ended, q.State)
	c.mu.Lock()
	delete(c.live, l.id)
	c.mu.Unlock()
	l.wake()
	return nil
}

// none yields no chunk.
func none(store.FrameReader) iter.Seq2[store.Chunk, error] {
	return func(func(store.Chunk, error) bool) {}
}

// check ends what is due, and keeps what is not kept yet.
func (c *Central) check(ctx context.Context, l *live, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil
	}
	if now.Sub(l.used) > mergeIdle {
		l.merge = nil
	}
	away := c.waits(l, now)
	if away {
		l.late.Store(true)
	}
	l.away.Store(away)
	if llama.At(now) >= l.q.Deadline && !ended(l.q) {
		return c.end(ctx, l, store.Expired, "the deadline passed before the node answered")
	}
	if ended(l.q) { // keeping the result has failed before
		return c.finish(ctx, l, clone(l.q))
	}
	if l.dirty {
		l.dirty = false
		return c.o.Store.UpdateQuery(ctx, l.q)
	}
	return nil
}

// end ends all tasks of l that have not ended, with one state, and the query
// with them. The nodes are told. The caller holds the lock.
func (c *Central) end(ctx context.Context, l *live, state store.State, reason string) error {
	q := clone(l.q)
	for i := range q.Tasks {
		t := &q.Tasks[i]
		if t.State.Final() {
			continue
		}
		t.State, t.Error, t.Ended = state, reason, llama.At(time.Now())
		if n := c.node(t.Node); n != nil {
			c.cancelAt(n, l.id, t.Attempt)
		}
	}
	return c.finish(ctx, l, q)
}
