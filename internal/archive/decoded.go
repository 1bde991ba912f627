package archive

import (
	"container/list"
	"sync"

	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/segment"
)

// decoded keeps what was decoded of blocks, and answers over segments, piece by piece, as far
// as they fit into limit bytes, so that who asks again does not read, unseal and decode again.
// It is as secret as the events, and only ever in memory.
//
// What was used last stays, but not at the cost of what the same reader or the one before
// it has used: who reads more than fits, again and again, would else always find just that
// gone which comes next. What finds no room then passes: it stays while its block is being
// looked at, and a little longer.
//
// Pieces are those of a block, wherever the block lies: when segments are merged most blocks
// are copied as they are, and what was decoded of them goes with them.
type decoded struct {
	mu      sync.Mutex
	readers uint64 // that have begun to read
	stay    pieces
	pass    pieces
}

// pieces are those that share a limit.
type pieces struct {
	limit, bytes int
	newest       *list.List // of *decodedPiece, the one used last in front
}

type decodedPiece struct {
	of    *heldBlock
	name  string
	value any
	bytes int
	used  uint64 // by the reader of this number, or one before
	in    *pieces
}

const (
	// pieceOverhead is about what the bookkeeping of a piece takes.
	pieceOverhead = 300
	// passingShare is the share of the limit for what passes.
	passingShare = 8
)

func newDecoded(limit int) decoded {
	passing := limit / passingShare
	return decoded{
		stay: pieces{limit: limit - passing, newest: list.New()},
		pass: pieces{limit: passing, newest: list.New()},
	}
}

// begin returns the number of a reader that begins to read.
func (c *decoded) begin() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readers++
	return c.readers
}

// of returns the memory of a block, for a reader; readers are numbered as they come. Two
// that ask at once for the same may both make it.
func (c *decoded) of(h *holder, id segment.BlockID, reader uint64) block.Keep {
	return func(name string, make func() (any, int, error)) (any, error) {
		if v, ok := c.find(h, id, name, reader); ok {
			return v, nil
		}
		value, bytes, err := make()
		if err == nil {
			c.add(h, id, &decodedPiece{name: name, value: value, bytes: bytes + pieceOverhead, used: reader})
		}
		return value, err
	}
}

// used returns the newest reader that has used a piece, if it is kept.
func (c *decoded) used(h *holder, id segment.BlockID, name string) (reader uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := h.piece(id, name)
	if e == nil {
		return 0, false
	}
	return e.Value.(*decodedPiece).used, true
}

func (c *decoded) find(h *holder, id segment.BlockID, name string, reader uint64) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := h.piece(id, name)
	if e == nil {
		return nil, false
	}
	p := e.Value.(*decodedPiece)
	p.used = max(p.used, reader)
	p.in.newest.MoveToFront(e)
	return p.value, true
}

// add keeps a piece of a block, and drops others for it. One that is large beside the limit
// is not kept.
func (c *decoded) add(h *holder, id segment.BlockID, p *decodedPiece) {
	if p.bytes > c.stay.limit/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h = h.now(); h.gone || h.piece(id, p.name) != nil {
		return
	}
	p.in = &c.stay
	for p.in == &c.stay && c.stay.bytes+p.bytes > c.stay.limit {
		if oldest := c.stay.newest.Back(); oldest.Value.(*decodedPiece).used+1 < p.used {
			c.remove(oldest)
		} else {
			p.in = &c.pass
		}
	}
	p.of = h.block(id)
	p.of.pieces[p.name] = p.in.newest.PushFront(p)
	p.in.bytes += p.bytes
	for c.pass.bytes > c.pass.limit {
		c.remove(c.pass.newest.Back())
	}
}

// without drops a piece, if it is kept.
func (c *decoded) without(h *holder, id segment.BlockID, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := h.piece(id, name); e != nil {
		c.remove(e)
	}
}

// move gives what is kept of the blocks of some holders to the one that they become, as far
// as it has these blocks; nothing is kept of it before. Who still reads the old ones finds,
// and keeps, what is kept of the new.
func (c *decoded) move(to *holder, has []segment.BlockID, from ...*holder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	moves := map[segment.BlockID]bool{}
	for _, id := range has {
		moves[id] = true
	}
	for _, h := range from {
		for id, b := range h.blocks {
			if moves[id] {
				to.put(b)
			} else {
				c.drop(b)
			}
		}
		h.blocks, h.into = nil, to
	}
}

// forget drops what is kept of a segment that is no longer used, for good: who still
// reads it remembers nothing.
func (c *decoded) forget(h *holder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.gone = true
	for _, b := range h.blocks {
		c.drop(b)
	}
}

func (c *decoded) drop(b *heldBlock) {
	for _, e := range b.pieces {
		c.remove(e)
	}
}

func (c *decoded) remove(e *list.Element) {
	p := e.Value.(*decodedPiece)
	p.in.newest.Remove(e)
	p.in.bytes -= p.bytes
	delete(p.of.pieces, p.name)
	if len(p.of.pieces) == 0 {
		delete(p.of.in.blocks, p.of.id)
	}
}
