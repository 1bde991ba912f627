package task

import (
	"context"
	"sync"
	"time"
)

// An outbox holds the pieces of one task that central may not have, a window at
// most. It lives in memory: a node that is restarted runs its tasks again.
//
// Invariant: pieces leave in order, and are kept until central has acknowledged
// them.
type outbox struct {
	send   func(number uint64, data []byte)
	window int
	resend time.Duration // until what is not acknowledged is sent again, at first

	mu    sync.Mutex
	first uint64        // the number of the first piece that is held
	held  [][]byte      // encoded
	ended bool          // the last piece is among those put
	again time.Time     // when to send again
	pause time.Duration // between sending again and sending again
	room  chan struct{} // holds one when there may be room
}

// slowest is the longest pause before what is not acknowledged is sent again.
const slowest = 30 * time.Second

func newOutbox(window int, resend time.Duration, send func(uint64, []byte)) *outbox {
	return &outbox{send: send, window: window, resend: resend, pause: resend, room: make(chan struct{}, 1)}
}

// put sends a piece once there is room for it. One caller at a time, of put and tryPut.
func (o *outbox) put(ctx context.Context, p piece) error {
	data, err := p.encode()
	if err != nil {
		return err
	}
	for !o.tryPut(data, p.last) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-o.room:
		}
	}
	return nil
}

// tryPut sends an encoded piece if there is room for it, which it reports. For the last
// there is: it is one beyond the window at most.
func (o *outbox) tryPut(data []byte, last bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.held) >= o.window && !last {
		return false
	}
	if len(o.held) == 0 {
		o.again = time.Now().Add(o.pause)
	}
	o.held = append(o.held, data)
	o.ended = o.ended || last
	o.send(o.first+uint64(len(o.held))-1, data)
	return true
}

// ack drops the pieces below next, and reports whether none is left to come.
func (o *outbox) ack(next uint64) (over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := next - o.first; next > o.first && n <= uint64(len(o.held)) {
		clear(o.held[:n])
		o.held = o.held[n:]
		o.first = next
		o.pause, o.again = o.resend, time.Now().Add(o.resend)
		select {
		case o.room <- struct{}{}:
		default:
		}
	}
	return o.ended && len(o.held) == 0
}

// due sends what is held again, if central had its time to acknowledge it, or
// now when the connection is new. Central may only be slow, so each time it gets
// twice the time.
func (o *outbox) due(now bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now {
		o.pause = o.resend
	} else if len(o.held) == 0 || time.Now().Before(o.again) {
		return
	}
	o.pause = min(2*o.pause, max(slowest, o.resend))
	o.again = time.Now().Add(o.pause)
	for i, data := range o.held {
		o.send(o.first+uint64(i), data)
	}
}
