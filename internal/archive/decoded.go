package archive

import (
	"container/list"
	"sync"

	"github.com/llama-logs/llama/internal/block"
)

// decoded keeps what was decoded of blocks last, piece by piece, as far as it fits
// into limit bytes, so that who asks again does not read, unseal and decode again.
// It is as secret as the events, and only ever in memory.
type decoded struct {
	limit int

	mu     sync.Mutex
	bytes  int
	pieces map[*stored]map[pieceKey]*list.Element
	newest *list.List // of *decodedPiece, the one used last in front
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
}

// pieceOverhead is about what the bookkeeping of a piece takes.
const pieceOverhead = 300

func newDecoded(limit int) decoded {
	return decoded{limit: limit, pieces: map[*stored]map[pieceKey]*list.Element{}, newest: list.New()}
}

// of returns the memory of a block of a segment. Two that ask at once for the same
// may both make it.
func (c *decoded) of(s *stored, number int) block.Keep {
	return func(name string, make func() (any, int, error)) (any, error) {
		key := pieceKey{number, name}
		if v, ok := c.find(s, key); ok {
			return v, nil
		}
		value, bytes, err := make()
		if err == nil {
			c.add(&decodedPiece{s, key, value, bytes + pieceOverhead})
		}
		return value, err
	}
}

func (c *decoded) find(s *stored, key pieceKey) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.pieces[s][key]
	if !ok {
		return nil, false
	}
	c.newest.MoveToFront(e)
	return e.Value.(*decodedPiece).value, true
}

// add keeps a piece, and drops the ones that were not used for the longest time. One
// that is large beside the limit is not kept.
func (c *decoded) add(p *decodedPiece) {
	if p.bytes > c.limit/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.pieces[p.of][p.key]; ok || p.of.forgotten {
		return
	}
	if c.pieces[p.of] == nil {
		c.pieces[p.of] = map[pieceKey]*list.Element{}
	}
	c.pieces[p.of][p.key] = c.newest.PushFront(p)
	c.bytes += p.bytes
	for c.bytes > c.limit {
		c.remove(c.newest.Back())
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
	p := c.newest.Remove(e).(*decodedPiece)
	c.bytes -= p.bytes
	delete(c.pieces[p.of], p.key)
	if len(c.pieces[p.of]) == 0 {
		delete(c.pieces, p.of)
	}
}
