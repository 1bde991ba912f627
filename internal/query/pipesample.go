package query

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// samplePipe keeps one row of n. Which it is depends on the row alone, so that the
// same question has the same answer, however events are spread over nodes.
type samplePipe struct{ n int }

func (p *parser) sample() pipe {
	pos := p.tok().pos
	s := &samplePipe{p.count("the number of rows of which one is kept")}
	if s.n == 0 && p.err == nil {
		p.failAt(pos, nil, "sample takes a number from 1 on: of so many rows one is kept")
	}
	return s
}

func (s *samplePipe) write(b *strings.Builder) { b.WriteString("sample " + strconv.Itoa(s.n)) }

func (s *samplePipe) apply(c *chunk) error {
	out := c.work.numbers(len(c.sel))
	for i, r := range c.sel {
		if c.stopped(i) {
			return c.err
		}
		if s.hash(c, r)%uint64(s.n) == 0 {
			out = append(out, r)
		}
	}
	c.sel = out
	return c.err
}

// hash returns the number of a row: of an event its time and arrival number make
// it, of other rows their fields.
func (s *samplePipe) hash(c *chunk, r uint32) uint64 {
	if c.block != nil {
		at, seq := c.order(r)
		var b [16]byte
		binary.LittleEndian.PutUint64(b[:], uint64(at))
		binary.LittleEndian.PutUint64(b[8:], seq)
		return xxhash.Sum64(b[:])
	}
	var w wire
	for _, f := range c.row(r, nil, true) {
		w.text(f.Name)
		w.text(f.Value)
	}
	return xxhash.Sum64(w.b)
}
