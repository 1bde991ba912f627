package archive

import (
	"errors"
	"fmt"
	"testing"
)

func TestDecodedKeepsWhatWasUsedLast(t *testing.T) {
	t.Parallel()
	c := newDecoded(40 * (pieceOverhead + 100))
	s := &stored{}
	made := 0
	get := func(number int) any {
		t.Helper()
		v, err := c.of(s, number)("times", func() (any, int, error) {
			made++
			return number, 100, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for i := range 60 {
		if v := get(i); v != i {
			t.Errorf("piece %d is %v", i, v)
		}
		get(0)
	}
	if made != 60 {
		t.Errorf("made %d pieces, want 60: the first was used all the time", made)
	}
	if c.bytes > c.limit || c.newest.Len() != 40 {
		t.Errorf("%d bytes in %d pieces, want 40 pieces", c.bytes, c.newest.Len())
	}
	if get(1); made != 61 {
		t.Errorf("made %d, want 61: piece 1 was used long ago", made)
	}
	large := func() (any, int, error) { return "large", c.limit, nil }
	if v, err := c.of(s, 0)("large", large); v != "large" || err != nil {
		t.Errorf("a large piece: %v, %v", v, err)
	}
	if c.newest.Len() != 40 {
		t.Errorf("%d pieces, want 40: a large one is not kept", c.newest.Len())
	}
}

func TestDecodedForgets(t *testing.T) {
	t.Parallel()
	c := newDecoded(1 << 20)
	s, other := &stored{}, &stored{}
	fill := func(s *stored) {
		for i := range 10 {
			c.of(s, i)("times", func() (any, int, error) { return fmt.Sprint(i), 100, nil })
		}
	}
	fill(s)
	fill(other)
	if _, err := c.of(s, 11)("times", func() (any, int, error) { return nil, 0, errors.ErrUnsupported }); err != errors.ErrUnsupported {
		t.Errorf("error %v", err)
	}
	c.forget(s)
	fill(s) // by who reads it still
	if c.pieces[s] != nil || c.newest.Len() != 10 || c.bytes != 10*(pieceOverhead+100) {
		t.Errorf("%d pieces of %d bytes are left, want 10 of the other segment", c.newest.Len(), c.bytes)
	}
}
