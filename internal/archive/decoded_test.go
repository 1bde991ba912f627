package archive

import (
	"errors"
	"fmt"
	"testing"
)

// pieceBytes is what a piece of these tests takes.
const pieceBytes = pieceOverhead + 100

// A pieceReader asks for pieces and counts how many had to be made.
type pieceReader struct {
	t    *testing.T
	c    *decoded
	of   *stored
	made int
}

func (r *pieceReader) get(number int, reader uint64) {
	r.t.Helper()
	v, err := r.c.of(r.of, number, reader)("times", func() (any, int, error) {
		r.made++
		return number, 100, nil
	})
	if v != number || err != nil {
		r.t.Fatalf("piece %d is %v: %v", number, v, err)
	}
}

func TestDecodedKeepsWhatWasUsedLast(t *testing.T) {
	t.Parallel()
	c := newDecoded(40 * pieceBytes) // 35 stay and 5 pass
	r := &pieceReader{t: t, c: &c, of: &stored{}}
	for i := range 60 {
		r.get(i, uint64(3*i)) // readers of other things come in between
		r.get(0, uint64(3*i))
	}
	if r.made != 60 {
		t.Errorf("made %d pieces, want 60: the first was used all the time", r.made)
	}
	if c.stay.bytes != c.stay.limit || c.stay.newest.Len() != 35 || c.pass.newest.Len() != 0 {
		t.Errorf("%d bytes in %d and %d pieces, want 35 that stay", c.stay.bytes, c.stay.newest.Len(), c.pass.newest.Len())
	}
	if r.get(1, 200); r.made != 61 {
		t.Errorf("made %d, want 61: piece 1 was used long ago", r.made)
	}
	large := func() (any, int, error) { return "large", c.stay.limit, nil }
	if v, err := c.of(r.of, 0, 1)("large", large); v != "large" || err != nil {
		t.Errorf("a large piece: %v, %v", v, err)
	}
	if c.stay.newest.Len() != 35 || c.pass.newest.Len() != 0 {
		t.Errorf("%d and %d pieces, want 35 and none: a large one is not kept", c.stay.newest.Len(), c.pass.newest.Len())
	}
}

// TestDecodedServesWhoReadsMoreThanFits: what fits is found again, and the rest is at hand
// while it is new.
func TestDecodedServesWhoReadsMoreThanFits(t *testing.T) {
	t.Parallel()
	c := newDecoded(40 * pieceBytes)
	r := &pieceReader{t: t, c: &c, of: &stored{}}
	read := func(from int, reader uint64) (made int) {
		before := r.made
		for i := range 70 {
			r.get(from+i, reader)
			r.get(from+i, reader)
		}
		return r.made - before
	}
	for reader, want := range []int{70, 35, 35, 35} {
		if n := read(0, uint64(reader)); n != want {
			t.Errorf("reader %d: made %d pieces, want %d", reader, n, want)
		}
	}
	// Another comes: at first there is no room for it, then it has all.
	for i, want := range []int{70, 70, 35, 35} {
		if n := read(1000, uint64(4+i)); n != want {
			t.Errorf("reader %d: made %d pieces, want %d", 4+i, n, want)
		}
	}
	if c.stay.bytes > c.stay.limit || c.pass.bytes > c.pass.limit {
		t.Errorf("%d and %d bytes, limits %d and %d", c.stay.bytes, c.pass.bytes, c.stay.limit, c.pass.limit)
	}
}

func TestDecodedForgets(t *testing.T) {
	t.Parallel()
	c := newDecoded(40 * pieceBytes)
	s, other := &stored{}, &stored{}
	fill := func(s *stored) {
		for i := range 20 {
			c.of(s, i, 1)("times", func() (any, int, error) { return fmt.Sprint(i), 100, nil })
		}
	}
	fill(other)
	fill(s) // some of which pass
	if _, err := c.of(s, 11, 1)("other", func() (any, int, error) { return nil, 0, errors.ErrUnsupported }); err != errors.ErrUnsupported {
		t.Errorf("error %v", err)
	}
	c.forget(s)
	fill(s) // by who reads it still
	if c.pieces[s] != nil || c.stay.newest.Len() != 20 || c.stay.bytes != 20*pieceBytes || c.pass.bytes != 0 {
		t.Errorf("%d pieces of %d bytes are left, and %d bytes pass; want 20 of the other segment", c.stay.newest.Len(), c.stay.bytes, c.pass.bytes)
	}
}
