package archive

import (
	"strings"
	"sync"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A growing tells what a snapshot's block does not have that is not packed: of texts, by the
// sections of its events, where each value that is not empty lies as it is. What was looked
// for is not looked for again in the same sections.
type growing struct {
	a *Archive
	h headView
}

const (
	// maxSearched is for how many texts of a block it is known how far they were looked for,
	// and maxSearchedBytes how long each is at most.
	maxSearched, maxSearchedBytes = 8, 128
)

// labels is before the names of fields that are kept as labels; see column.Label. A block
// knows them without.
var labels = strings.TrimSuffix(column.Label(llama.NameTime), llama.NameTime)

// searched is how far texts were looked for in the pieces of a block.
type searched struct {
	mu    sync.Mutex
	texts map[string]reach
}

// A reach is the pieces in which a text was looked for. If it was found, it was in the last.
type reach struct {
	pieces int
	found  bool
}

// MayHold implements column.Growing.
func (g growing) MayHold(text string) bool {
	if g.h.part.explain(nil) != nil {
		return true // who reads it is told
	}
	s := &g.h.view.searched
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.texts[text]
	if r.found || r.pieces >= len(g.h.pieces) {
		return r.found && r.pieces <= len(g.h.pieces) // a snapshot may be older than who asked last
	}
	for !r.found && r.pieces < len(g.h.pieces) {
		r.found = g.h.pieces[r.pieces].Holds(text)
		r.pieces++
	}
	g.a.viewed(g.h, s.keep(text, r))
	return r.found
}

// keep remembers how far a text was looked for, and returns how much memory that takes more.
func (s *searched) keep(text string, r reach) (bytes int) {
	if len(text) > maxSearchedBytes {
		return 0
	}
	if _, known := s.texts[text]; !known {
		if s.texts == nil {
			s.texts = map[string]reach{}
		}
		for other := range s.texts {
			if len(s.texts) < maxSearched {
				break
			}
			delete(s.texts, other)
			bytes -= bytesOfEntry + len(other)
		}
		text = strings.Clone(text) // it is of a query
		bytes += bytesOfEntry + len(text)
	}
	s.texts[text] = r
	return bytes
}

// MayHave implements column.Growing.
func (g growing) MayHave(field string) bool {
	g.a.mu.RLock()
	defer g.a.mu.RUnlock()
	if g.h.block.names == nil || g.h.part.explain(nil) != nil {
		return true // it grows no more, or who reads it is told
	}
	_, known := g.h.block.names[field]
	if name, is := strings.CutPrefix(field, labels); is && !known {
		_, known = g.h.block.names[name]
	}
	return known
}
