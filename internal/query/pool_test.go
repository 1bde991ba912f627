package query

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// TestPoolTakesTurns: a run that comes late has its share at once, not what is left.
func TestPoolTakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(PoolOptions{Workers: 1})
		var order []string
		var group sync.WaitGroup
		run := func(name string, turns int, length time.Duration) {
			group.Go(func() {
				mine := p.join()
				defer p.leave(mine)
				for range turns {
					if err := p.take(t.Context(), mine); err != nil {
						t.Error(err)
						return
					}
					order = append(order, name)
					time.Sleep(length)
					p.give(mine, length)
				}
			})
		}
		for _, name := range []string{"a", "b", "c", "d"} {
			run(name, 10, 10*time.Millisecond)
		}
		time.Sleep(55 * time.Millisecond)
		run("short", 8, time.Millisecond)
		group.Wait()
		// It waits for one turn of one other before each of its own, however many others there are.
		first, last := slices.Index(order, "short"), len(order)-1-slices.Index(reversed(order), "short")
		if first > 9 || last-first > 2*7 {
			t.Errorf("turns: %v", order)
		}
	})
}

func reversed(list []string) []string {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

// TestPoolSurvivesThoseWhoLeave: who gives up while they wait leaves no turn lost.
func TestPoolSurvivesThoseWhoLeave(t *testing.T) {
	t.Parallel()
	p := NewPool(PoolOptions{Workers: 2})
	var at, most atomic.Int64
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			mine := p.join()
			defer p.leave(mine)
			for n := range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+n)%3 == 0 {
					cancel()
				}
				if p.take(ctx, mine) == nil {
					most.Store(max(most.Load(), at.Add(1)))
					runtime.Gosched()
					at.Add(-1)
					p.give(mine, time.Microsecond)
				}
				cancel()
			}
		})
	}
	group.Wait()
	if p.working != 0 || len(p.waiting) != 0 || len(p.runs) != 0 || most.Load() > 2 {
		t.Errorf("%d turns are taken; %d wait, %d runs, %d at once", p.working, len(p.waiting), len(p.runs), most.Load())
	}
}

// TestPoolLeavesRoomToOthers: while others are at work fewer turns are given, and each ends
// with a rest, a longer one where several runs are under way.
func TestPoolLeavesRoomToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			runs, busy int
			want       time.Duration // for a turn of 10 ms of each run
		}{
			{4, 0, 20 * time.Millisecond}, {4, 1, 20 * time.Millisecond}, {6, 1, 60 * time.Millisecond}, {4, 2, 120 * time.Millisecond}, {4, 3, 200 * time.Millisecond}, {4, 100, 360 * time.Millisecond},
			{1, 1, 10 * time.Millisecond}, {1, 3, 30 * time.Millisecond}, {1, 100, 50 * time.Millisecond},
		} {
			p := NewPool(PoolOptions{Workers: 2, Busy: func() int { return tt.busy }})
			began := time.Now()
			var group sync.WaitGroup
			for range tt.runs {
				r := &run{o: RunOptions{Pool: p}, turns: p.join()}
				group.Go(func() {
					if err := r.turn(t.Context(), func() error { time.Sleep(10 * time.Millisecond); return nil }); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if took := time.Since(began); took != tt.want {
				t.Errorf("%d runs, busy %d: took %s, want %s", tt.runs, tt.busy, took, tt.want)
			}
		}
	})
}

func manyEvents(n int) []llama.Event {
	var events []llama.Event
	for i := range n {
		events = append(events, event(i+1, "c", fmt.Sprintf("message number %d of many", i), fmt.Sprintf("user.name=u%d", i)))
	}
	return events
}

var heavyQueries = []string{
	"* | stats by (user.name) count_uniq(_msg) n, values(_msg) v", "* | sort by (user.name) | fields _msg", "*", "* | uniq by (_msg, user.name)",
	`_msg:~"(.*[0-9]+.*)+x" | stats count() n`, "* | unpack_words as w | unroll by (w) | stats by (w) count() n", "* | facets", "* | limit 100000",
	"user.name:in(* | fields user.name) | stats quantile(0.9, user.name) q",
}

// TestBudgetsAreNamed: each budget that is exceeded is refused in words that name it, and
// all memory is given back.
func TestBudgetsAreNamed(t *testing.T) {
	t.Parallel()
	src := Events(manyEvents(40_000))
	for i := range src.refs {
		inner := src.refs[i].Of
		src.refs[i].Of = made{read: func(ctx context.Context) (*column.Block, error) {
			b, err := inner.Read(ctx, 0)
			copied := *b
			copied.Read = &atomic.Int64{}
			copied.Read.Store(1 << 20)
			return &copied, err
		}}
	}
	tests := []struct {
		text string
		o    RunOptions
		all  int64 // memory of the pool
		want string
		code llama.Code
	}{
		{heavyQueries[0], RunOptions{MaxMemory: 1 << 20}, 0, "the query needs more than its 1 MiB of memory", llama.TooLarge},
		{heavyQueries[0], RunOptions{MaxMemory: 1 << 30}, 3 << 20, "all queries together need more than the 3 MiB", llama.Throttled},
		{heavyQueries[4], RunOptions{MaxRead: 2 << 20, Workers: 1}, 0, "the query has read the 2 MiB from disk", llama.TooLarge},
		{"*", RunOptions{MaxRows: 100}, 0, "more than 100 rows", llama.TooLarge},
	}
	for _, tt := range tests {
		pool := NewPool(PoolOptions{Workers: 2, MaxMemory: tt.all})
		tt.o.Pool = pool
		err := mustParse(t, tt.text).Partial(t.Context(), src, tt.o, func(Frame) error { return nil })
		if err == nil || !strings.Contains(err.Error(), tt.want) || llama.CodeOf(err) != tt.code {
			t.Errorf("%s: got %v, want %q", tt.text, err, tt.want)
		}
		if used := pool.memory.used.Load(); used != 0 || len(pool.runs) != 0 {
			t.Errorf("%s: %d bytes and %d runs are left", tt.text, used, len(pool.runs))
		}
	}
	slow := llama.Errorf(llama.TooLarge, "the query has taken its time")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Microsecond, slow)
	defer cancel()
	<-ctx.Done()
	if err := mustParse(t, "*").Partial(ctx, src, RunOptions{Pool: NewPool(PoolOptions{})}, func(Frame) error { return nil }); !errors.Is(err, slow) {
		t.Errorf("time: got %v", err)
	}
}

// TestCancelLeavesNothing cancels heavy queries at all times of their life: no goroutine,
// no memory and no turn stays.
func TestCancelLeavesNothing(t *testing.T) {
	src := Events(manyEvents(6_000))
	pool := NewPool(PoolOptions{Workers: 2, MaxMemory: 1 << 30})
	before := runtime.NumGoroutine()
	for i, text := range heavyQueries {
		q := mustParse(t, text)
		for n := range 4 {
			ctx, cancel := context.WithCancelCause(t.Context())
			over := errors.New("over")
			var yields atomic.Int64
			pool.busy = func() int { // is asked again and again while a query works
				if yields.Add(1) == int64(1+n*n*(i+2)) {
					cancel(over)
				}
				return 0
			}
			err := q.Partial(ctx, src, RunOptions{Pool: pool, Workers: 2}, func(Frame) error { return nil })
			if err != nil && !errors.Is(err, over) {
				t.Errorf("%s: got %v", text, err)
			}
			cancel(nil)
			if pool.memory.used.Load() != 0 || pool.working != 0 || len(pool.runs) != 0 {
				t.Fatalf("%s: left are %d bytes, %d turns, %d runs", text, pool.memory.used.Load(), pool.working, len(pool.runs))
			}
		}
	}
	for range 5_000_000 { // until those that have just ended are gone
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// BenchmarkCancel measures how long a query that was cancelled goes on.
func BenchmarkCancel(b *testing.B) {
	src := Events(manyEvents(300_000))
	for _, text := range heavyQueries {
		b.Run(text, func(b *testing.B) {
			q, err := Parse(text, testNow)
			if err != nil {
				b.Fatal(err)
			}
			var worst, sum, worstCPU time.Duration
			count := 0
			for i := range b.N {
				ctx, cancel := context.WithCancel(b.Context())
				var at, cpu atomic.Int64
				stop := time.AfterFunc(time.Duration(1+i%20)*20*time.Millisecond, func() {
					at.Store(int64(time.Since(testStart)))
					cpu.Store(int64(cpuTime(b)))
					cancel()
				})
				_ = q.Partial(ctx, src, RunOptions{}, func(Frame) error { return ctx.Err() })
				if !stop.Stop() && at.Load() > 0 {
					took := time.Since(testStart) - time.Duration(at.Load())
					worst, sum, count = max(worst, took), sum+took, count+1
					worstCPU = max(worstCPU, cpuTime(b)-time.Duration(cpu.Load()))
				}
				cancel()
			}
			b.ReportMetric(float64(worst)/1e6, "ms-worst")
			b.ReportMetric(float64(worstCPU)/1e6, "cpu-ms-worst") // of all workers, and whatever else runs
			b.ReportMetric(float64(sum)/1e6/float64(max(1, count)), "ms-mean")
		})
	}
}

// cpuTime returns the CPU time of the process so far.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Error(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

var testStart = time.Now()
