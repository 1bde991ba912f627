package node

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/seal"
)

func newTailed(t testing.TB) *tails {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if _, err := seal.CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	master, err := seal.OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(fsys.NewMem(), master, archive.Options{FreeFloor: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return newTails(a, "n")
}

// come puts batches of two events, one of which is wanted.
func (t *tails) come(tb testing.TB, batches int) {
	for range batches {
		now := llama.At(time.Now())
		err := t.archive.Put(context.Background(), &llama.Batch{Events: []llama.Event{
			{Time: now, Ingested: now, Collection: "c", Message: "wanted"}, {Time: now, Ingested: now, Collection: "c", Message: "other"},
		}})
		if err != nil {
			tb.Fatal(err)
		}
	}
}

func (t *tails) members(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups[name] == nil {
		return 0
	}
	return len(t.groups[name].members)
}

func parsed(t testing.TB, text string) *query.Query {
	q, err := query.Parse(text, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// idsOf returns the `_id`s of rows.
func idsOf(rows []query.Row) (ids []string) {
	for _, row := range rows {
		for _, f := range row {
			if f.Name == llama.NameID {
				ids = append(ids, f.Value)
			}
		}
	}
	return ids
}

// TestManyWhoFollowCostOne: each of a thousand gets all that matches, once and in order,
// while some leave, the leader among them, and one is too slow for its queue; and each
// event is looked at once, and once more for the slow one.
func TestManyWhoFollowCostOne(t *testing.T) {
	t.Parallel()
	s := newTailed(t)
	const many, batches = 1000, 2 * tailQueue
	q := parsed(t, "wanted")
	got := make([][]string, many)
	var group sync.WaitGroup
	slow := make(chan struct{})
	all, stopAll := context.WithCancel(t.Context())
	some, stopSome := context.WithCancel(t.Context())
	defer stopAll()
	defer stopSome()
	var mu sync.Mutex
	for i := range many {
		ctx := all
		if i%3 == 0 {
			ctx = some
		}
		group.Go(func() {
			err := s.follow(ctx, q, 0, func(rows []query.Row) error {
				if i == 1 {
					<-slow
				}
				mu.Lock()
				defer mu.Unlock()
				got[i] = append(got[i], idsOf(rows)...)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		for s.members(q.String()) <= i {
			runtime.Gosched()
		}
	}
	reached := func(i, n int) {
		t.Helper()
		for at := 0; at < n; {
			mu.Lock()
			at = len(got[i])
			mu.Unlock()
			runtime.Gosched()
		}
	}
	for n := range batches {
		s.come(t, 1)
		for _, i := range []int{2, many - 2} {
			reached(i, n+1) // the others are about as far
		}
		if n == batches/2 {
			stopSome()
		}
	}
	close(slow)
	var want []string
	for n := range batches {
		want = append(want, fmt.Sprintf("n-%d", 2*n+1))
	}
	for i := range many {
		if i%3 != 0 {
			reached(i, batches)
		}
		mu.Lock()
		if text := strings.Join(got[i], " "); text != strings.Join(want[:len(got[i])], " ") {
			t.Errorf("%d got %s", i, text)
		}
		mu.Unlock()
	}
	stopAll()
	group.Wait()
	// The slow ones go on alone, and the new leader may look at one batch again.
	if alone := uint64(1 + slowest(many)); s.evaluated > 2*batches*(1+alone) || s.evaluated < 2*batches {
		t.Errorf("%d events were looked at, %d came", s.evaluated, 2*batches)
	}
	if len(s.groups) != 0 {
		t.Errorf("%d groups are left", len(s.groups))
	}
}

// slowest is how many of many the scheduler may leave behind for a whole queue.
func slowest(many int) int { return many / 100 }

func TestFollowAfter(t *testing.T) {
	t.Parallel()
	s := newTailed(t)
	s.come(t, 3) // 1 to 6
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	err := s.follow(ctx, parsed(t, "wanted"), 1, func(rows []query.Row) error {
		if got = append(got, idsOf(rows)...); len(got) == 2 {
			cancel()
		}
		return nil
	})
	if text := strings.Join(got, " "); text != "n-3 n-5" || err != nil {
		t.Errorf("after 1: %s, %v", text, err)
	}
	none := func([]query.Row) error { return nil }
	if err := s.follow(t.Context(), parsed(t, "wanted"), 7, none); llama.CodeOf(err) != llama.NotFound || !strings.Contains(err.Error(), "n-7") {
		t.Errorf("an event that is not there yet: %v", err)
	}
	if err := s.archive.Destroy(t.Context(), "c", time.Now().UTC().Format("2006-01-02")); err != nil {
		t.Fatal(err)
	}
	if err := s.follow(t.Context(), parsed(t, "wanted"), 1, none); llama.CodeOf(err) != llama.NotFound {
		t.Errorf("an event that was destroyed: %v", err)
	}
}

// BenchmarkFollow has many follow by one filter.
func BenchmarkFollow(b *testing.B) {
	for _, many := range []int{1, 1000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			s := newTailed(b)
			q := parsed(b, "wanted nothing")
			ctx, cancel := context.WithCancel(b.Context())
			var group sync.WaitGroup
			for range many {
				group.Go(func() { _ = s.follow(ctx, q, 0, func([]query.Row) error { return nil }) })
			}
			for s.members(q.String()) < many {
				runtime.Gosched()
			}
			b.ResetTimer()
			s.come(b, b.N)
			for {
				s.mu.Lock()
				at := s.evaluated
				s.mu.Unlock()
				if at >= uint64(2*b.N) {
					break
				}
				runtime.Gosched()
			}
			b.StopTimer()
			b.ReportMetric(float64(s.evaluated)/float64(2*b.N), "evaluations/event")
			cancel()
			group.Wait()
		})
	}
}
