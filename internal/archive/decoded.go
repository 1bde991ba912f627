package archive

import (
	"container/list"
	"sync"

	"github.com/llama-logs/llama/internal/block"
)

// decoded keeps what was decoded of blocks, piece by piece, as far as it fits into limit
// bytes, so that who asks again does not read, unseal and decode again. It is as secret as
// the events, and only ever in memory.
//
// What was used last stays, but not at the cost of what the same reader or the one before
// it has used: who reads more than fits, again and again, would else always find just that
// gone which comes next. What finds no room then passes: it stays while its block is being
// looked at, and a little longer.
type decoded struct {
	mu      sync.Mutex
	readers uint64 // that have begun to read
	pieces  map[*stored]map[pieceKey]*list.Element
	stay    pieces
	pass    pieces
}

// pieces are those that share a limit.
type pieces struct {
	limit, bytes int
	newest       *list.List // of *decodedPiece, the one used last in front
}

// A pieceKey names a piece within a segment.
type pieceKey struct {
	block int
	name  string
}

type decodedPiece struct {
	of    *stored
	key   pieceKey
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
		pieces: map[*stored]map[pieceKey]*list.Element{},
		stay:   pieces{limit: limit - passing, newest: list.New()},
		pass:   pieces{limit: passing, newest: list.New()},
	}
}

// begin returns the number of a reader that begins to read.
func (c *decoded) begin() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readers++
	return c.readers
}

// of returns the memory of a block of a segment, for a reader; readers are numbered as they
// come. Two that ask at once for the same may both make it.
func (c *decoded) of(s *stored, number int, reader uint64) block.Keep {
	return func(name string, make func() (any, int, error)) (any, error) {
		key := pieceKey{number, name}
		if v, ok := c.find(s, key, reader); ok {
			return v, nil
		}
		value, bytes, err := make()
		if err == nil {
			c.add(&decodedPiece{of: s, key: key, value: value, bytes: bytes + pieceOverhead, used: reader})
		}
		return value, err
	}
}

// has reports whether a piece is kept.
func (c *decoded) has(s *stored, number int, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.pieces[s][pieceKey{number, name}]
	return ok
}

func (c *decoded) find(s *stored, key pieceKey, reader uint64) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.pieces[s][key]
	if !ok {
		return nil, false
	}
	p := e.Value.(*decodedPiece)
	p.used = max(p.used, reader)
	p.in.newest.MoveToFront(e)
	return p.value, true
}

// add keeps a piece, and drops others for it. One that is large beside the limit is not
// kept.
func (c *decoded) add(p *decodedPiece) {
	if p.bytes > c.stay.limit/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.pieces[p.of][p.key]; ok || p.of.forgotten {
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
	if c.pieces[p.of] == nil {
		c.pieces[p.of] = map[pieceKey]*list.Element{}
	}
	c.pieces[p.of][p.key] = p.in.newest.PushFront(p)
	p.in.bytes += p.bytes
	for c.pass.bytes > c.pass.limit {
		c.remove(c.pass.newest.Back())
	}
}

// forget drops what is kept of a segment that is no longer used, for good: who still
// reads it remembers nothing.
func (c *decoded) forget(s *stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.forgotten = true
	for _, e := range c.pieces[s] {
		c.remove(e)
	}
}

func (c *decoded) remove(e *list.Element) {
	p := e.Value.(*decodedPiece)
	p.in.newest.Remove(e)
	p.in.bytes -= p.bytes
	delete(c.pieces[p.of], p.key)
	if len(c.pieces[p.of]) == 0 {
		delete(c.pieces, p.of)
	}
}
