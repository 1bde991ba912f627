package query

import (
	"errors"
	"slices"
	"sync/atomic"
)

// A scratch is memory that one worker uses again for each chunk. What it gives
// away is valid until the next reset.
type scratch struct {
	iota []uint32
	slab []uint32
	used int
	memo []uint8
	pool *Pool        // that yields to who comes first; nil for none
	stop *atomic.Bool // set when the run is over; nil where none can be

	budget        *budget // of the run, for what pipes make; nil for none
	made, pending int     // bytes of that: counted, and not yet
}

// maxSpareScratch bounds the numbers, of four bytes each, that a scratch keeps which waits for
// another run: some blocks' rows.
const maxSpareScratch = 256 << 10

// scratch returns one for a worker of the run, whose memory is that of a worker before if there
// is any: a small question would take and clear a megabyte else.
func (r *run) scratch() *scratch {
	var s *scratch
	if p := r.o.Pool; p != nil {
		s, _ = p.spare.Get().(*scratch)
	}
	if s == nil {
		s = &scratch{}
	}
	s.stop, s.pool, s.budget = &r.stop, r.o.Pool, r.env.budget
	return s
}

// end gives a scratch back. Nothing that it gave away is used any more.
func (s *scratch) end() {
	s.give()
	if s.pool != nil && len(s.iota)+len(s.slab)+len(s.memo)/4 <= maxSpareScratch {
		s.pool.spare.Put(&scratch{iota: s.iota, slab: s.slab, memo: s.memo})
	}
}

// errStopped ends the work on a chunk; the run answers with the context's error.
var errStopped = errors.New("query was stopped")

// stopped reports, every thousand rows, whether the run is over. It sets err.
func (c *chunk) stopped(row int) bool {
	if row&1023 != 0 || c.work.stop == nil {
		return false
	}
	c.work.pool.yield()
	if !c.work.stop.Load() {
		return false
	}
	c.err = errStopped
	return true
}

// ended is stopped where one row may take long: it asks at each, and yields as rarely.
func (c *chunk) ended(row int) bool {
	if row&1023 != 0 && (c.work.stop == nil || !c.work.stop.Load()) {
		return false
	}
	return c.stopped(row &^ 1023)
}

// all returns the numbers below n. They must not be changed.
func (s *scratch) all(n int) []uint32 {
	s.iota = slices.Grow(s.iota, max(0, n-len(s.iota)))
	for len(s.iota) < n {
		s.iota = append(s.iota, uint32(len(s.iota)))
	}
	return s.iota[:n:n]
}

// numbers returns room for n numbers, of no length.
func (s *scratch) numbers(n int) []uint32 {
	if s.used+n > len(s.slab) {
		s.slab = make([]uint32, max(n, 2*len(s.slab), 64<<10))
		s.used = 0
	}
	out := s.slab[s.used : s.used : s.used+n]
	s.used += n
	return out
}

// zeroes returns n bytes, all zero. They are valid until the next call.
func (s *scratch) zeroes(n int) []uint8 {
	if cap(s.memo) < n {
		s.memo = make([]uint8, n+n/4)
	}
	out := s.memo[:n]
	clear(out)
	return out
}

// reset makes ready for the next chunk.
func (s *scratch) reset() {
	s.used = 0
	s.give()
}
