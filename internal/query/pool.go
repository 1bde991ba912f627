package query

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/llama-logs/llama"
)

// A Pool is what all queries of a node share: processors and memory. Runs work on one
// block after the other, and take a turn for each. A turn goes to the run that has had
// least of them, counted in time since it came, so that a small question does not wait
// for large ones to end. It is safe for many at once.
type Pool struct {
	memory budget
	busy   func() int
	size   int
	spare  sync.Pool // of *scratch

	mu      sync.Mutex
	working int
	runs    []*turns // those that are under way
	waiting []*turns // a run may wait several times
}

// PoolOptions are the limits of a pool. The zero value of each is none.
type PoolOptions struct {
	Workers   int   // turns at once; 0 is GOMAXPROCS
	MaxMemory int64 // of all runs together, roughly
	// Busy tells of those who come first: 0 when they have nothing to do, 1 when they have
	// time to spare, else 1 and how many of them are at work right now. May be nil.
	Busy func() int
}

// NewPool makes a pool.
func NewPool(o PoolOptions) *Pool {
	p := &Pool{memory: budget{max: o.MaxMemory, all: true}, busy: o.Busy, size: o.Workers}
	if p.size <= 0 {
		p.size = runtime.GOMAXPROCS(0)
	}
	if p.busy == nil {
		p.busy = func() int { return 0 }
	}
	return p
}

// turns are those of one run.
type turns struct {
	used time.Duration // of a turn, since the run with the least came to it; guarded by the pool
	next []chan struct{}
}

// join lets a run take part. It begins as if it had had as many turns as the one that had
// least: not more, or it would wait, and not fewer, or others would while it makes up.
func (p *Pool) join() *turns {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &turns{}
	for i, other := range p.runs {
		if i == 0 || other.used < t.used {
			t.used = other.used
		}
	}
	p.runs = append(p.runs, t)
	return t
}

func (p *Pool) leave(t *turns) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs = slices.DeleteFunc(p.runs, func(other *turns) bool { return other == t })
}

// take waits for a turn.
func (p *Pool) take(ctx context.Context, t *turns) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	if p.working < p.most() {
		p.working++
		p.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.next = append(t.next, mine)
	p.waiting = append(p.waiting, t)
	p.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(t.next, mine); i >= 0 {
		t.next = slices.Delete(t.next, i, i+1)
		p.forget(t)
	} else {
		p.pass() // it came in the meantime
	}
	return context.Cause(ctx)
}

// give ends a turn that took so long.
func (p *Pool) give(t *turns, took time.Duration) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t.used += took
	p.pass()
}

// most is how many work at once. Who comes first and has no time to spare, or may soon have
// none as there are many runs, has a processor of their own, where there are several. The
// caller holds the lock.
func (p *Pool) most() int {
	if busy := p.busy(); busy > 1 || busy == 1 && len(p.runs) > fewRuns {
		return max(1, p.size-1)
	}
	return p.size
}

// pass hands a turn on, and others that there is room for. The caller holds the lock.
func (p *Pool) pass() {
	p.working--
	for most := p.most(); len(p.waiting) > 0 && p.working < most; p.working++ {
		least := p.waiting[0]
		for _, t := range p.waiting {
			if t.used < least.used {
				least = t
			}
		}
		p.forget(least)
		close(least.next[0])
		least.next = least.next[1:]
	}
}

// forget takes one place of t from those who wait.
func (p *Pool) forget(t *turns) {
	i := slices.Index(p.waiting, t)
	p.waiting = slices.Delete(p.waiting, i, i+1)
}

// yield offers the processor where somebody comes first.
func (p *Pool) yield() {
	if p != nil && p.busy() > 0 {
		runtime.Gosched()
	}
}

const (
	// longestRest is how many times as long as it worked a run rests at most, and crowdRests
	// how many times that where other runs are under way: one that is alone is some person's
	// who waits, and ten that go on and on together took 18 % of what came in (docs/benchmarks.md).
	longestRest = 4
	crowdRests  = 2
	// fewRuns is how many runs may take all processors while events come in.
	fewRuns = 4
)

// rests returns how many times as long as it was a turn's rest is.
func (p *Pool) rests() int {
	n := min(p.busy()-1, longestRest)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.runs) > 1 {
		n *= crowdRests
	}
	return n
}

// turn runs do as one turn of the run. For each of those who come first and are at work
// then, the turn ends with a rest as long as it was, or crowdRests times that: where they are held up, more of them
// are at work, and queries leave them more.
func (r *run) turn(ctx context.Context, do func() error) error {
	p := r.o.Pool
	if p == nil {
		return do()
	}
	if err := p.take(ctx, r.turns); err != nil {
		return err
	}
	began := time.Now()
	err := do()
	took := time.Since(began)
	if rests := p.rests(); rests > 0 && err == nil {
		timer := time.NewTimer(time.Duration(rests) * took)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	p.give(r.turns, took)
	return err
}

// close gives back what the run took of the pool.
func (r *run) close() {
	r.o.Pool.leave(r.turns)
	_ = r.env.budget.grow(-int(r.env.budget.used.Load())) // giving never fails
}

// mayRead fails when the run has read what it may.
func (r *run) mayRead() error {
	if r.o.MaxRead <= 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.so.Bytes < r.o.MaxRead {
		return nil
	}
	return llama.Errorf(llama.TooLarge, "the query has read the %d MiB from disk that it may; narrow the time range, or name the collections", r.o.MaxRead>>20)
}
