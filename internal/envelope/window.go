package envelope

import (
	"sync"
	"time"
)

// windowBits is how far an envelope may fall behind later ones of its epoch.
const windowBits = 1024

// maxEpochs bounds how often a peer may start anew within the time in which an envelope
// may be opened: about every two seconds, as often as systemd tries. Only the peer itself
// can make epochs.
const maxEpochs = 4096

// A window remembers which envelopes of a peer were seen: of each epoch the
// highest number and, bit by bit, those shortly below.
//
// Invariant: an envelope that was added is refused as long as its time would allow it.
// An epoch is forgotten only when that of all that were seen is over.
type window struct {
	mu     sync.Mutex
	epochs map[uint64]*epoch
}

type epoch struct {
	high  uint64
	bits  [windowBits / 64]uint64 // bit n%windowBits: n was seen
	until time.Time
}

// add notes an envelope, which may be opened until last, and reports whether it is new
// for certain.
func (w *window) add(number, count uint64, last, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.epochs[number]
	if e == nil {
		if e = w.begin(number, now); e == nil {
			return false
		}
	}
	if !e.add(count) {
		return false
	}
	if last.After(e.until) {
		e.until = last
	}
	return true
}

func (w *window) begin(number uint64, now time.Time) *epoch {
	if w.epochs == nil {
		w.epochs = map[uint64]*epoch{}
	}
	for n, e := range w.epochs {
		if now.After(e.until) {
			delete(w.epochs, n)
		}
	}
	if len(w.epochs) >= maxEpochs {
		return nil
	}
	e := &epoch{}
	w.epochs[number] = e
	return e
}

func (e *epoch) add(count uint64) bool {
	word, bit := count%windowBits/64, uint64(1)<<(count%64)
	switch {
	case count == 0 || count+windowBits <= e.high:
		return false
	case count <= e.high:
		if e.bits[word]&bit != 0 {
			return false
		}
	case count-e.high >= windowBits:
		clear(e.bits[:])
		e.high = count
	default:
		for n := e.high + 1; n < count; n++ {
			e.bits[n%windowBits/64] &^= 1 << (n % 64)
		}
		e.high = count
	}
	e.bits[word] |= bit
	return true
}
