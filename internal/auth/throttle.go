package auth

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/llama-logs/llama"
)

// ThrottledError refuses a sign-in after too many that failed. It wraps a
// *llama.Error with code Throttled.
type ThrottledError struct {
	Wait time.Duration // until the next attempt is looked at
}

func (e *ThrottledError) Error() string { return e.Unwrap().Error() }

// Unwrap returns what a person may see.
func (e *ThrottledError) Unwrap() error {
	wait := max(e.Wait.Round(time.Second), time.Second)
	return llama.Errorf(llama.Throttled, "too many failed sign-ins; try again in %v", wait)
}

// Limits of the throttle. A user can be locked out by a stranger who keeps
// guessing, so a user's wait stays short; an address' wait does not.
const (
	freeAttempts   = 5
	userMaxWait    = 30 * time.Second
	addressMaxWait = 15 * time.Minute
	forgetAfter    = time.Hour
	maxThrottled   = 10_000 // keys remembered
)

// A throttle makes who fails to sign in wait, longer each time: after five
// failures one second, then two, four and so on.
type throttle struct {
	mu    sync.Mutex
	tries map[string]tries
}

type tries struct {
	failed int
	last   time.Time
	next   time.Time // no attempt is looked at before
}

func newThrottle() *throttle { return &throttle{tries: map[string]tries{}} }

// begin counts an attempt as failed, until succeed takes that back: so many
// attempts at once are not looked at side by side.
func (t *throttle) begin(user, address string) error {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	u, a := "user "+user, "address "+network(address)
	wait := max(t.tries[u].next.Sub(now), t.tries[a].next.Sub(now))
	if wait > 0 {
		return &ThrottledError{Wait: wait}
	}
	t.fail(u, now, userMaxWait)
	t.fail(a, now, addressMaxWait)
	return nil
}

// succeed forgets the user's failures. Of the address' it forgets this one only:
// a stranger with an account must not get new attempts at others by it.
func (t *throttle) succeed(user, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tries, "user "+user)
	a := "address " + network(address)
	if s := t.tries[a]; s.failed > 1 {
		t.tries[a] = tries{failed: s.failed - 1, last: s.last}
	} else {
		delete(t.tries, a)
	}
}

func (t *throttle) fail(key string, now time.Time, maxWait time.Duration) {
	s := t.tries[key]
	if now.Sub(s.last) > forgetAfter {
		s = tries{}
	}
	s.failed++
	s.last = now
	if over := s.failed - freeAttempts; over >= 0 {
		s.next = now.Add(min(time.Second<<min(over, 20), maxWait))
	}
	if _, known := t.tries[key]; !known && len(t.tries) >= maxThrottled {
		t.makeRoom(now)
	}
	t.tries[key] = s
}

// makeRoom forgets what is old or, when all is new, the keys with the fewest
// failures of those it happens to look at: a flood of made-up names pushes itself out.
func (t *throttle) makeRoom(now time.Time) {
	for key, s := range t.tries {
		if now.Sub(s.last) > forgetAfter {
			delete(t.tries, key)
		}
	}
	for limit := 1; len(t.tries) >= maxThrottled; limit *= 2 {
		for key, s := range t.tries {
			if len(t.tries) < maxThrottled*9/10 {
				return
			}
			if s.failed <= limit {
				delete(t.tries, key)
			}
		}
	}
}

// network is what counts as one address: an IPv6 customer has at least a /64.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return strings.ToValidUTF8(fmt.Sprintf("%.64s", address), "")
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
}
