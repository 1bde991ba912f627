package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestHeapIsRoomyWhileQuestionsAreAnswered(t *testing.T) {
	if testing.Short() {
		t.Skip("changes the collector of the whole process")
	}
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(garbage)
	defer debug.SetGCPercent(before)
	limit := debug.SetMemoryLimit(-1)
	var g collector
	g.work()() // before it was started it does nothing
	g.start()
	first, second := g.work(), g.work()
	percent := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.now
	}
	runtime.GC() // what lives is known after a collection
	for end := time.Now().Add(10 * time.Second); percent() <= garbage && time.Now().Before(end); {
		runtime.GC()
	}
	if got := percent(); got <= garbage {
		t.Errorf("%d %% while questions are answered, want more than %d", got, garbage)
	}
	first()
	g.rest()
	if got := percent(); got <= garbage {
		t.Errorf("%d %% while one is left, want more than %d", got, garbage)
	}
	if got := debug.SetMemoryLimit(-1); got != limitOf(0) {
		t.Errorf("a limit of %d bytes, want %d", got, limitOf(0))
	}
	second()
	g.mu.Lock()
	g.since = g.since.Add(-roomyFor)
	g.mu.Unlock()
	g.rest()
	if got := percent(); got != garbage {
		t.Errorf("%d %% afterwards, want %d", got, garbage)
	}
	if got := debug.SetMemoryLimit(-1); got != limit {
		t.Errorf("a limit of %d bytes afterwards, want %d as before", got, limit)
	}
}

func TestRoomIsBounded(t *testing.T) {
	for _, live := range []uint64{0, 1 << 20, 10 << 20, 70 << 20, 127 << 20, 128 << 20, 1 << 30} {
		percent := roomyPercent(live)
		if goal := live + live*uint64(percent)/100; percent < garbage || percent > garbage && live >= 1<<20 && goal > roomy {
			t.Errorf("of %d bytes that live: %d %%, so up to %d", live, percent, goal)
		}
	}
}

func TestLimitLeavesRoom(t *testing.T) {
	for _, live := range []uint64{0, 1 << 20, 200 << 20, 300 << 20, 1 << 30, 20 << 30} {
		if limit := limitOf(live); limit < roomyLimit || uint64(limit) < live+live/2 || uint64(limit) > max(roomyLimit, live+live/2+limitStep) {
			t.Errorf("of %d bytes that live: a limit of %d", live, limit)
		}
	}
}
