package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// garbage is how much the heap grows, in percent of what lives in it, before it is
// collected, unless GOGC says otherwise. Of 5M events over TCP, 70 took 463 MB at its
// peak and Go's own 100 547 MB; their CPU time differed by less than that of two runs
// with one value does.
const garbage = 70

const (
	// roomy is how large the heap gets before it is collected while questions are
	// answered: where little lives in it, collecting took a fourth of the CPU time of the
	// first question after a start.
	roomy = 128 << 20
	// roomyFor is how long that holds after the last question, as another often follows.
	roomyFor = time.Second
	// roomyLimit is how much memory Go then takes of the system before it collects earlier
	// and gives back what is free, where less than two thirds of that live in it. The
	// benchmark's questions, asked in turn of 10M events, took 451 and 477 MiB at their peak
	// without it and 395 with it; their CPU time did not differ.
	roomyLimit = 352 << 20
	// limitStep is what the limit changes by, as each change stops the process for a moment.
	limitStep = 32 << 20
)

// A collector tunes Go's garbage collector. The zero value leaves it alone.
type collector struct {
	mu     sync.Mutex
	on     bool
	users  int
	since  time.Time // when the last of them left
	room   bool      // roomy holds
	now    int       // percent in force
	limit  int64     // of memory, in force
	own    int64     // what the limit was before
	sample []metrics.Sample
	// watching is set while a mark waits for a collection.
	watching bool
}

// start puts garbage into force, unless GOGC is set.
func (g *collector) start() {
	if os.Getenv("GOGC") != "" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.on, g.now = true, garbage
	g.own = debug.SetMemoryLimit(-1) // only asks
	g.limit = g.own
	g.sample = []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	debug.SetGCPercent(garbage)
}

// work says that a question is being answered, until what it returns is called.
func (g *collector) work() (done func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.on {
		return func() {}
	}
	g.users++
	if !g.room {
		g.room = true
		g.tune()
		g.watch()
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.users--; g.users == 0 {
			g.since = time.Now()
			time.AfterFunc(roomyFor, g.rest)
		}
	}
}

// rest ends what work began, if nobody has come since.
func (g *collector) rest() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users == 0 && g.room && time.Since(g.since) >= roomyFor {
		g.room = false
		g.tune()
	}
}

// tune sets the percentage and the limit by what lives in the heap. The caller holds mu.
func (g *collector) tune() {
	percent, limit := garbage, g.own
	if g.room {
		metrics.Read(g.sample)
		live := g.sample[0].Value.Uint64()
		percent, limit = roomyPercent(live), min(g.own, limitOf(live))
	}
	if percent != g.now {
		g.now = percent
		debug.SetGCPercent(percent)
	}
	if limit != g.limit {
		g.limit = limit
		debug.SetMemoryLimit(limit)
	}
}

// limitOf returns the limit of memory while questions are answered where so many bytes
// live: where these are many it grows with them, or nothing would be done but collecting.
func limitOf(live uint64) int64 {
	return max(roomyLimit, int64(live+live/2+limitStep)/limitStep*limitStep)
}

// roomyPercent returns by how much a heap in which so many bytes live may grow.
func roomyPercent(live uint64) int {
	live = max(live, 1<<20)
	if live >= roomy {
		return garbage
	}
	return max(garbage, int((roomy-live)*100/live))
}

// watch has tune called after each collection, as long as room holds: Go tells of one by
// finalizing what nobody refers to. The caller holds mu.
func (g *collector) watch() {
	if g.watching {
		return
	}
	g.watching = true
	type mark struct{ _ [16]byte }
	runtime.SetFinalizer(&mark{}, func(*mark) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.watching = false
		if g.room {
			g.tune()
			g.watch()
		}
	})
}
