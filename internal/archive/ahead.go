package archive

import (
	"sync"

	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/segment"
)

// readSoFar is what a snapshot's reader has read of blocks, by collection: what it will
// read of the next is likely the same, and can be asked of the disk before it is needed.
type readSoFar struct {
	mu sync.Mutex
	of map[string]*chunksRead
}

// chunksRead are the chunks that were read of the blocks of a collection.
type chunksRead struct {
	blocks  int                       // of which something was read
	of      map[segment.ChunkName]int // of how many blocks
	version int                       // counts the keys of of
}

// aheadShare is the share of the blocks that a chunk was read of for it to be expected of
// the next, as one in so many: to wait for one that was not asked for takes as long as to
// read many.
const aheadShare = 4

// begin returns what is to be told of each chunk that is read of a block. One of which
// everything is in memory says nothing of what others will need.
func (r *readSoFar) begin(collection string) func(kind block.Kind, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.of[collection]
	if c == nil {
		c = &chunksRead{of: map[segment.ChunkName]int{}}
		if r.of == nil {
			r.of = map[string]*chunksRead{}
		}
		r.of[collection] = c
	}
	counted := false
	return func(kind block.Kind, name string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !counted {
			counted = true
			c.blocks++
		}
		chunk := segment.ChunkName{Kind: kind, Name: name}
		if c.of[chunk]++; c.of[chunk] == 1 {
			c.version++
		}
	}
}

// An asking is what was asked of the disk for a block.
type asking struct {
	version int
	chunks  map[segment.ChunkName]bool
}

// next returns the chunks that are expected of a block and that a does not have yet, and
// adds them to it.
func (r *readSoFar) next(collection string, a *asking) map[segment.ChunkName]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.of[collection]
	if c == nil || c.version == a.version {
		return nil
	}
	a.version = c.version
	more := map[segment.ChunkName]bool{}
	for chunk, blocks := range c.of {
		if !a.chunks[chunk] && aheadShare*blocks >= c.blocks {
			more[chunk] = true
		}
	}
	if a.chunks == nil {
		a.chunks = more
		return more
	}
	for chunk := range more {
		a.chunks[chunk] = true
	}
	return more
}
