package query

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A gatherer holds the state of a gathering pipe. It belongs to one worker until
// it is merged. All partial states of a query, in whatever way the rows were
// split among them, merge to the same answer.
type gatherer interface {
	// add takes the rows of a chunk and keeps nothing of the chunk.
	add(c *chunk) error
	// merge takes the state of another, which is of no use afterwards.
	merge(from gatherer) error
	// frames gives the state away in parts of roughly frameBytes.
	frames(emit func(Frame) error) error
	// read takes what frames gave away elsewhere.
	read(node string, f Frame) error
	// rows gives the rows of the answer, in order.
	rows(emit func(Row) error) error
}

// env is what the gatherers of one run share.
type env struct {
	budget *budget
	// oldest is the time below which no event can be in the answer, as the
	// newest rows found so far say. Only a limit without sort sets it.
	oldest atomic.Int64
	// seconds is how long the time range is that is asked about; 0 is not known.
	seconds float64
	// stop is set when the run is over; nil where none can be.
	stop *atomic.Bool
}

// over fails, every thousand steps, when the run is over.
func (e *env) over(step int) error {
	if step&1023 == 0 && e.stop != nil && e.stop.Load() {
		return errStopped
	}
	return nil
}

func newEnv(maxMemory int64) *env {
	e := &env{budget: &budget{max: maxMemory}}
	e.oldest.Store(int64(minTime))
	return e
}

// raise says that events before t are not wanted.
func (e *env) raise(t llama.Time) {
	for {
		old := e.oldest.Load()
		if old >= int64(t) || e.oldest.CompareAndSwap(old, int64(t)) {
			return
		}
	}
}

// younger drops the rows that are older than what is wanted.
func (c *chunk) younger(t llama.Time) {
	if t == minTime || c.block == nil {
		return
	}
	times := c.happened()
	out := c.work.numbers(len(c.sel))
	for _, r := range c.sel {
		if times[r] >= t {
			out = append(out, r)
		}
	}
	c.sel = out
}

// discardUntil gives all but the first n rows to emit.
func discardUntil(n int, emit func(Row) error) func(Row) error {
	return func(row Row) error {
		if n > 0 {
			n--
			return nil
		}
		return emit(row)
	}
}

// passBlocks is how many blocks a turn passes over that need not be read.
const passBlocks = 64

// A gathering is what the workers of a run share that gathers.
type gathering struct {
	*run
	keep  *keeper
	ahead *ahead
	next  atomic.Int64 // of the refs of ahead
}

// done reports whether all blocks are taken.
func (g *gathering) done() bool { return int(g.next.Load()) >= len(g.ahead.refs) }

// blocks adds what the next blocks have to the states, for a worker, whose own state is own:
// up to one that has to be read.
func (g *gathering) blocks(ctx context.Context, worker int, own gatherer, work *scratch) error {
	for range passBlocks {
		n := int(g.next.Add(1)) - 1
		if n >= len(g.ahead.refs) {
			return nil
		}
		ref := &g.ahead.refs[n]
		switch {
		case int64(ref.MaxTime) < g.env.oldest.Load():
			g.progress(ref, nil) // as are all that follow
		case g.ahead.mayBeIn(n):
			g.ahead.from(n)
			return g.block(ctx, ref, worker, own, work)
		default:
			g.progress(ref, nil)
			if err := g.keep.without(ref, own); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// block adds what a block has.
func (g *gathering) block(ctx context.Context, ref *column.Ref, worker int, own gatherer, work *scratch) error {
	c, err := g.chunk(ctx, ref, work)
	if err != nil {
		return err
	}
	if c == nil {
		g.progress(ref, nil)
		return g.keep.without(ref, own)
	}
	if err := g.add(g.keep, ref, worker, own, c); err != nil {
		return err
	}
	g.progress(ref, c.block) // now that what is needed of it was read
	return nil
}

// gather runs the workers, each with a state of its own, and merges the states.
func (r *run) gather(ctx context.Context) (gatherer, error) {
	defer context.AfterFunc(ctx, func() { r.stop.Store(true) })()
	blocks := 0
	for i := range r.refs {
		blocks += blocksOf(&r.refs[i])
	}
	workers := max(1, min(r.o.Workers, blocks))
	states := make([]gatherer, workers)
	for i := range states {
		states[i] = r.plan.gather.gather(r.env, r.rest)
	}
	refs, keep := r.refs, r.keeper(workers)
	if keep != nil {
		var err error
		if refs, err = r.recall(ctx, keep, states); err != nil {
			return nil, stopError(ctx, err)
		}
	}
	group, inner := errgroup.WithContext(ctx)
	g := &gathering{run: r, keep: keep, ahead: r.ahead(r.opened(refs))}
	for i := range states {
		group.Go(func() error {
			work := r.scratch()
			defer work.end()
			for !g.done() {
				if err := r.turn(inner, func() error { return g.blocks(inner, i, states[i], work) }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, stopError(ctx, err)
	}
	err := r.turn(ctx, func() error {
		for i, s := range states[1:] {
			if r.stop.Load() {
				return errStopped
			}
			if err := states[0].merge(s); err != nil {
				return err
			}
			states[1+i] = nil // what is merged can go
		}
		return nil
	})
	if err != nil {
		return nil, stopError(ctx, err)
	}
	return states[0], nil
}
