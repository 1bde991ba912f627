package task

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama/internal/store"
)

// TestNodesComeAndGo watches a node that joins, falls silent and comes back, and looks at
// what it says of itself.
func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told, left []bool
	w := newWorld(t, Options{Offline: 300 * time.Millisecond, Presence: func(_ context.Context, p Presence) {
		mu.Lock()
		defer mu.Unlock()
		if p.Target != "brno" {
			t.Errorf("told of target %q", p.Target)
		}
		told, left = append(told, p.Online), append(left, p.Left)
	}})
	s := w.away("brno", fake{})
	s.health = func() Health { return Health{FreeBytes: 7, TotalBytes: 9, EventsPerSecond: 1.5} }
	s.start()
	seen := func() Node { return w.central.Targets()[0].Nodes[0] }
	w.until("the node says how it is", func() bool { return seen().Online && seen().Health.At != 0 })
	got := seen()
	if got.Skew.Abs() > 10*time.Second { // the machine may be slow, and its clock is ours
		t.Errorf("its clock is off by %s", got.Skew)
	}
	got.Health.At = 0
	if diff := cmp.Diff(Health{FreeBytes: 7, TotalBytes: 9, EventsPerSecond: 1.5}, got.Health); diff != "" {
		t.Errorf("health: -want +got\n%s", diff)
	}
	s.silent()
	w.until("the node is missed", func() bool { return !seen().Online })
	s.start()
	w.until("the node is back", func() bool { return seen().Online })
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]bool{true, false, true}, told); diff != "" {
		t.Errorf("told that it is online: -want +got\n%s", diff)
	}
	if slices.Contains(left, true) {
		t.Error("a node that fell silent is said to have left in order")
	}
}

// TestNodeThatStopsInOrderSaysSo: it is not taken for online until it has been silent for
// long. What it had is asked for again when it is back.
func TestNodeThatStopsInOrderSaysSo(t *testing.T) {
	t.Parallel()
	var left atomic.Int64
	w := newWorld(t, Options{Offline: time.Hour, Presence: func(_ context.Context, p Presence) {
		if p.Left && !p.Online {
			left.Add(1)
		}
	}})
	s := w.site("brno", emits(0, 3, 1))
	seen := func() Node { return w.central.Targets()[0].Nodes[0] }
	for range 3 {
		s.halt()
		w.until("the node is gone", func() bool { return !seen().Online })
		id := w.submit(Request{Query: "all"})
		s.start()
		w.until("the node is back", func() bool { return seen().Online })
		w.in(id, store.Done)
	}
	if n := left.Load(); n != 3 {
		t.Errorf("told %d times that it left in order, want 3", n)
	}
}
