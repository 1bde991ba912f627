package llama

import (
	"errors"
	"fmt"
)

// A Code says what kind of mistake or trouble an Error is, so that one place can
// choose the HTTP status, the exit code or the retry.
type Code string

// The codes.
const (
	Invalid      Code = "invalid"      // the request is wrong; repeating it is useless
	Unauthorized Code = "unauthorized" // who asks is not known
	Forbidden    Code = "forbidden"    // who asks may not
	NotFound     Code = "not_found"
	Conflict     Code = "conflict"    // it does not fit what is there
	TooLarge     Code = "too_large"   // a limit is exceeded; the message names it
	Throttled    Code = "throttled"   // too often; later is fine
	Unavailable  Code = "unavailable" // not now: a full disk, a lost peer; later is fine
)

// An Error is one a person may see. All other errors are internal.
type Error struct {
	Code    Code
	Message string // what is wrong and what would be right, one sentence
	Err     error  // the cause, for the log only; may be nil
}

// Errorf makes an Error. A %w in the format becomes its cause and is part of the
// message.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in err's chain, or "" when there is
// none and err is internal.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// A GapError refuses a batch that does not continue its source.
type GapError struct {
	Source, Epoch string
	Want, First   uint64 // the number expected, and the one that came
}

func (e *GapError) Error() string {
	return fmt.Sprintf("source %q, epoch %q: batch starts at %d; %d is expected", e.Source, e.Epoch, e.First, e.Want)
}
