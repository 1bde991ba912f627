package archive

import (
	"context"
	"strings"
	"sync"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A growing is a snapshot's block that is not packed. It tells what it does not have: of texts,
// by the sections of its events, where each value that is not empty lies as it is. What was
// looked for is not looked for again in the same sections.
type growing struct {
	a *Archive
	h *headView
}

const (
	// maxSearched is for how many texts of a block it is known how far they were looked for,
	// and maxSearchedBytes how long each is at most: of a longer one its beginning is looked
	// for, which is wherever the text is.
	maxSearched, maxSearchedBytes = 8, 128
	// searchBytes is after how many bytes, some eighty microseconds, a search lets others go
	// first: after each 64 KiB it took a seventh longer.
	searchBytes = 256 << 10
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

// Read implements column.Blocks.
func (g growing) Read(ctx context.Context, _ int) (*column.Block, error) {
	return g.a.readHead(ctx, g.h)
}

// Filter implements column.Blocks.
func (g growing) Filter(int) column.Filter { return nil }

// Ahead implements column.Blocks.
func (g growing) Ahead(int) {}

// Bytes implements column.Growing.
func (g growing) Bytes() int { return g.h.bytes }

// MayHold implements column.Growing.
func (g growing) MayHold(ctx context.Context, text string) bool {
	if g.h.part.explain(nil) != nil {
		return true // who reads it is told
	}
	text = text[:min(len(text), maxSearchedBytes)]
	s := &g.h.view.searched
	r := s.reach(text)
	if r.found || r.pieces >= len(g.h.pieces) {
		return r.found && r.pieces <= len(g.h.pieces) // a snapshot may be older than who asked last
	}
	for bytes := 0; !r.found && r.pieces < len(g.h.pieces); r.pieces++ {
		piece := &g.h.pieces[r.pieces]
		if bytes += piece.Bytes(); bytes >= searchBytes {
			bytes = 0
			g.a.giveWay.toAskers()
			if ctx.Err() != nil {
				g.a.viewed(g.h, s.keep(text, r))
				return true // who asks finds out
			}
		}
		r.found = piece.Holds(text)
	}
	g.a.viewed(g.h, s.keep(text, r))
	return r.found
}

// reach returns how far a text was looked for.
func (s *searched) reach(text string) reach {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.texts[text]
}

// keep remembers how far a text was looked for, unless somebody else has come farther
// meanwhile, and returns how much memory that takes more.
func (s *searched) keep(text string, r reach) (bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.texts[text]; was.found || was.pieces >= r.pieces && !r.found {
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
	if g.h.block.names == nil {
		return true // it grows no more; if it was destroyed, who reads it is told
	}
	_, known := g.h.block.names[field]
	if name, is := strings.CutPrefix(field, labels); is && !known {
		_, known = g.h.block.names[name]
	}
	return known
}
