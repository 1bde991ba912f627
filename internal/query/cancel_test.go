package query

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A longSource is one block many times over; it counts how often a block is read.
type longSource struct {
	of    column.Ref
	times int
	reads atomic.Int64
}

func (s *longSource) Refs(string, llama.Time, llama.Time) []column.Ref {
	refs := make([]column.Ref, s.times)
	for i := range refs {
		refs[i] = column.Ref{Stat: s.of.Stat, Of: made{read: func(ctx context.Context) (*column.Block, error) {
			s.reads.Add(1)
			return s.of.Read(ctx)
		}}}
	}
	return refs
}

// everyKind has each filter and pipe that may work for long.
var everyKind = append([]string{
	`_msg:~"(a|b|n)+um.*x"`, `_msg:~"(?i)MANY.*[0-9]{9}" | stats count() n`, `zzz | stats count() n`, `"number 7 of"`, `_msg:contains_any(zz, yy, "of many x")`,
	`user.name:range(1, 2)`, `user.name:ipv4_range(10.0.0.0/8)`, `_msg:len_range(1, 3)`, `_msg:seq("number", "many", "x")`, `* | stats by (_time:1s) count() n, quantile(0.5, _msg) q`,
	`* | stats count_uniq(_msg) n, uniq_values(user.name) v, median(user.name) m`, `* | top 5 by (_msg)`, `* | sort by (_msg desc) limit 10`, `* | sort by (_msg) | fields user.name`,
	`* | extract "number <n> of" | stats sum(n) s`, `* | extract_regexp "number (?P<n>[0-9]+) of" | stats sum(n) s`, `* | replace_regexp ("[0-9]+", "x") at _msg | uniq by (_msg)`,
	`* | replace ("number", "x") at _msg | stats count_uniq(_msg) n`, `* | format "<_msg> of <user.name>" as x | stats count_uniq(x) n`, `* | math _seq * 2 as y | stats max(y) m`,
	`* | pack_json as j | unpack_json from j | stats count_uniq(_msg) n`, `* | collapse_nums at _msg | top 3 by (_msg)`, `* | len(_msg) as l | stats max(l) m`, `* | field_names`, `* | sample 2 | stats count() n`,
	`* | unpack_logfmt from _msg | stats count() n`, `* | filter _msg:~"x$" | stats count() n`, `* | offset 100000 | limit 5`, `* | first 5 by (_msg)`, `* | last 5 by (_msg)`,
}, heavyQueries...)

// TestCancelledQueriesStopSoon cancels each kind of query in the middle of a long source:
// it looks at a bounded number of blocks and rows after that, however many there are.
func TestCancelledQueriesStopSoon(t *testing.T) {
	t.Parallel()
	const (
		blocks  = 400
		workers = 2
		// mostReads is for blocks that were about to be read, and mostLooks for the places
		// where a query asks whether it is over: every thousand rows, in each worker.
		mostReads = 2 * workers
		mostLooks = 16 * workers
	)
	block := Events(manyEvents(4_000)).Refs("", minTime, maxTime)[0]
	for _, text := range everyKind {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			src := &longSource{of: block, times: blocks}
			pool := NewPool(PoolOptions{Workers: workers, MaxMemory: 1 << 30})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			over := errors.New("over")
			var looks, after, readBefore atomic.Int64
			pool.busy = func() int { // is asked again and again while a query works
				switch n := looks.Add(1); {
				case n == 40:
					cancel(over)
					time.Sleep(50 * time.Millisecond) // until it is known everywhere
					readBefore.Store(src.reads.Load())
				case readBefore.Load() > 0:
					after.Add(1)
				}
				return 0
			}
			err := mustParse(t, text).Execute(ctx, src, RunOptions{Pool: pool, Workers: workers}, func(Row) error { return nil })
			if looks.Load() < 40 {
				t.Fatalf("it has ended after %d looks, before it was cancelled: %v", looks.Load(), err)
			}
			if !errors.Is(err, over) {
				t.Errorf("got %v", err)
			}
			if reads := src.reads.Load() - readBefore.Load(); reads > mostReads || after.Load() > mostLooks {
				t.Errorf("after it was cancelled it read %d blocks and looked %d times whether it is over", reads, after.Load())
			}
		})
	}
}
