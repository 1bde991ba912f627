package archive

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A giveWay offers the processor in the middle of long work. Those who ask work in short
// turns, and would wait for each; and a Put that comes back from the disk would wait for ten
// milliseconds until it has a processor again. But an offer is not free: it wakes a processor
// that has nothing to do, which then finds no other work than this.
type giveWay struct {
	asking atomic.Int64 // snapshots that are open
	last   atomic.Int64 // offer: nanoseconds since began
	began  time.Time
}

// giveWayEvery is how often Puts are given way to where nobody asks.
const giveWayEvery = 2 * time.Millisecond

// nowAndThen offers the processor; each time where somebody asks.
func (g *giveWay) nowAndThen() {
	if g.asking.Load() == 0 {
		t := int64(time.Since(g.began))
		if t-g.last.Load() < int64(giveWayEvery) {
			return
		}
		g.last.Store(t)
	}
	runtime.Gosched()
}

// toAskers offers it where somebody asks.
func (g *giveWay) toAskers() {
	if g.asking.Load() > 0 {
		runtime.Gosched()
	}
}
