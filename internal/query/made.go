package query

import (
	"github.com/llama-logs/llama"
)

// Pipes make texts out of texts, and twenty of them one behind the other could make
// a megabyte of a word. So what they make counts as memory of the run until the chunk
// is done, and no text, nor the number of fields, grows without end.
const (
	maxMade    = 4 << 20   // bytes of one text that a pipe makes
	maxMatches = 1 << 20   // of a regular expression in one text
	maxFields  = 100_000   // of a chunk, where a pipe makes more
	madeStep   = 256 << 10 // bytes that are counted together
)

func errMade(what string) error {
	return llama.Errorf(llama.TooLarge, "%s makes a text of more than %d MiB", what, maxMade>>20)
}

// charge counts n bytes that a pipe has made. It reports false, and sets err, when the
// run has no memory for them or is over.
func (c *chunk) charge(n int) bool {
	w := c.work
	if w.pending += n; w.pending < madeStep {
		return c.err == nil
	}
	made := w.pending
	w.made, w.pending = w.made+made, 0
	if err := w.budget.grow(made); err != nil {
		c.fail(err)
	} else {
		c.stopped(0)
	}
	return c.err == nil
}

// give returns the memory of what was made for the last chunk.
func (s *scratch) give() {
	s.budget.grow(-s.made) // giving back cannot fail
	s.made, s.pending = 0, 0
}
