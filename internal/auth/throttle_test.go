package auth

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llama-logs/llama"
)

// waits returns how long an attempt has to wait; 0 when it is looked at.
func waits(t *testing.T, err error) time.Duration {
	t.Helper()
	throttled, ok := errors.AsType[*ThrottledError](err)
	if err != nil && (!ok || llama.CodeOf(err) != llama.Throttled) {
		t.Fatalf("got %v", err)
	}
	if !ok {
		return 0
	}
	return throttled.Wait
}

func TestThrottleWaitsLongerEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle()
		for i := range freeAttempts {
			if w := waits(t, th.begin("eva", here)); w != 0 {
				t.Fatalf("attempt %d waits %v", i+1, w)
			}
		}
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32} {
			w := waits(t, th.begin("eva", here))
			if w != want*time.Second {
				t.Errorf("got %v, want %v", w, want*time.Second)
			}
			time.Sleep(w)
			if w := waits(t, th.begin("eva", here)); w != 0 {
				t.Fatalf("after the wait: %v more", w)
			}
		}
		if w := waits(t, th.begin("eva", "198.51.100.1")); w > userMaxWait || w == 0 {
			t.Errorf("eva from elsewhere waits %v", w)
		}
		if w := waits(t, th.begin("adam", here)); w == 0 {
			t.Error("another user from the same address does not wait")
		}
		if w := waits(t, th.begin("adam", "198.51.100.1")); w != 0 {
			t.Errorf("another user from elsewhere waits %v", w)
		}
		time.Sleep(forgetAfter + time.Second)
		for i := range freeAttempts {
			if w := waits(t, th.begin("eva", here)); w != 0 {
				t.Fatalf("after an hour, attempt %d waits %v", i+1, w)
			}
		}
	})
}

func TestThrottleForgivesUserNotAddress(t *testing.T) {
	t.Parallel()
	th := newThrottle()
	for i := range freeAttempts {
		th.begin(fmt.Sprintf("guess %d", i), "2001:db8::1") // one too many from here
	}
	th.tries["address "+network("2001:db8::1")] = tries{failed: 4, last: time.Now()}
	if w := waits(t, th.begin("eva", "2001:db8::2")); w != 0 {
		t.Fatalf("waits %v", w)
	}
	th.succeed("eva", "2001:db8::2")
	if got := th.tries["address "+network("2001:db8::1")].failed; got != 4 {
		t.Errorf("a sign-in left %d failures of its network, want 4", got)
	}
	if _, ok := th.tries["user eva"]; ok {
		t.Error("a sign-in left failures of its user")
	}
}

func TestThrottleIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // time stands still: a wait must not end on the way
		th := newThrottle()
		for range freeAttempts + 2 {
			th.begin("eva", here)
		}
		for i := range 3 * maxThrottled {
			th.begin(fmt.Sprintf("user %d", i), fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
			if len(th.tries) > maxThrottled {
				t.Fatalf("%d keys are remembered", len(th.tries))
			}
		}
		if waits(t, th.begin("eva", here)) == 0 {
			t.Error("a flood of names made it forget who failed often")
		}
	})
}

func TestSignInIsThrottled(t *testing.T) {
	t.Parallel()
	a, _ := open(t)
	var err error
	for range freeAttempts + 1 {
		_, _, err = a.SignIn(t.Context(), "eva", "guess", here, Page)
	}
	if waits(t, err) == 0 {
		t.Error("the sixth guess is looked at")
	}
	if _, _, err := a.SignIn(t.Context(), "eva", evas, here, Page); waits(t, err) == 0 {
		t.Error("the right password is looked at while others must wait")
	}
}
