package archive

import (
	"sync"
	"sync/atomic"
	"time"
)

// A flow knows whether events come in, and whether who brings them has time to spare. At
// work are batches that are parsed and encoded, or wait for memory; one that waits for the
// disk needs no processor.
type flow struct {
	mu     sync.Mutex
	came   time.Time     // when events came last
	coming int           // batches between their arrival and the disk
	atWork int           // of those
	free   time.Time     // since when nobody is at work
	window time.Time     // when the current window began
	spare  time.Duration // with nobody at work, in the current window
	began  int           // batches that came in the current window
	inPace int           // of those, that left nothing waiting
	keeps  atomic.Bool   // in the window before there was time to spare; written under mu
}

const (
	// busyFor is how long after events came others are taken to be on their way.
	busyFor = 100 * time.Millisecond
	// flowWindow is how long spare time is counted: some batches at the rates that matter.
	flowWindow = 100 * time.Millisecond
	// spareShare is the share of a window with nobody at work, one in so many, from which on
	// there is time to spare. With four senders over TCP it is an eighth at full rate, in the
	// median of windows, and three quarters at less than half of that.
	spareShare = 3
)

// begin says that a batch has come and is worked on, and whether it left nothing waiting.
func (f *flow) begin(inPace bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := time.Now()
	f.roll(t)
	if f.atWork == 0 {
		f.spare += t.Sub(f.free)
	}
	f.came = t
	f.coming++
	f.atWork++
	f.began++
	if inPace {
		f.inPace++
	}
}

// rest says that a batch is on its way to the disk.
func (f *flow) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := time.Now()
	f.roll(t)
	if f.atWork--; f.atWork == 0 {
		f.free = t
	}
}

// end says that a batch is done, which is at work unless it rests.
func (f *flow) end(rests bool) {
	if !rests {
		f.rest()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.coming--
}

// roll begins another window when it is time. The caller holds the lock.
func (f *flow) roll(t time.Time) {
	length := t.Sub(f.window)
	if length < flowWindow {
		return
	}
	if f.atWork == 0 {
		f.spare += t.Sub(f.free)
		f.free = t
	}
	// Work takes longer beside others who work. But who leaves nothing waiting keeps up, however
	// little time is left.
	f.keeps.Store(f.spare >= length/spareShare || f.began > 0 && f.inPace == f.began)
	f.window, f.spare, f.began, f.inPace = t, 0, 0, 0
}

// busy is Busy of the archive.
func (f *flow) busy() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := time.Now()
	f.roll(t)
	switch {
	case f.came.IsZero() || t.Sub(f.came) > busyFor:
		return min(f.coming, 1) // they may wait for long
	case f.keeps.Load():
		return 1
	}
	return 1 + f.coming
}

// Busy tells whether events are coming in, so that who works beside may let them go
// first: 0 when they are not, 1 when they are and there is time to spare, else 1 and how
// many batches are on their way to the disk.
func (a *Archive) Busy() int { return a.flow.busy() }
