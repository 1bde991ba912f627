package query

import (
	"errors"
	"fmt"
	"sync"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// ErrSkipped says that an answer is right but for what is damaged, and was left out
// because the query said options(skip_damaged=true). It comes after all rows, in a
// *llama.Error that says how much is missing.
var ErrSkipped = errors.New("damaged blocks were left out")

// told makes an error of damage one that a person may see, with where it is and what
// helps.
func told(err error) error {
	if _, ok := errors.AsType[*llama.Error](err); ok || !errors.Is(err, column.ErrDamaged) {
		return err
	}
	return &llama.Error{
		Code: llama.Unavailable, Err: err,
		Message: fmt.Sprintf("%v; options(skip_damaged=true) before the query leaves out what is damaged", err),
	}
}

// skipped counts what was left out.
type skipped struct {
	on bool

	mu     sync.Mutex
	blocks int
	events int64
	first  error
}

// sound reads all columns of a block, so that damage is found before any of it counts.
func sound(b *column.Block) error {
	for _, name := range b.Names {
		if _, err := b.Load(name); err != nil {
			return err
		}
	}
	return nil
}

// skip leaves out a block if its damage is what err says, and that is wanted.
func (s *skipped) skip(ref *column.Ref, err error) bool {
	if !s.on || !errors.Is(err, column.ErrDamaged) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		s.first = err
	}
	s.blocks++
	s.events += int64(ref.Rows)
	return true
}

// err says what was left out, if anything was.
func (s *skipped) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blocks == 0 {
		return nil
	}
	return &llama.Error{
		Code: llama.Unavailable, Err: ErrSkipped,
		Message: fmt.Sprintf("damaged blocks were left out: %d, with %d events or more; the first: %v", s.blocks, s.events, s.first),
	}
}
