package auth

import (
	"errors"
	"time"

	"github.com/llama-logs/llama"
)

// Attempts make who tries without success wait, by address, as those who sign in
// wait: after five failures longer each time.
type Attempts struct {
	what  string // what is tried, for people
	tries *throttle
}

// NewAttempts counts attempts to do what.
func NewAttempts(what string) *Attempts { return &Attempts{what: what, tries: newThrottle()} }

// Begin counts an attempt as failed until Succeed takes that back. The error says
// how long to wait.
func (a *Attempts) Begin(address string) error {
	err := a.tries.begin(address, address)
	if late, ok := errors.AsType[*ThrottledError](err); ok {
		return llama.Errorf(llama.Throttled, "too many attempts to %s have failed; try again in %v", a.what, max(late.Wait.Round(time.Second), time.Second))
	}
	return err
}

// Succeed takes back what Begin has counted.
func (a *Attempts) Succeed(address string) { a.tries.succeed(address, address) }
