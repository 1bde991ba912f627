package archive

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/segment"
)

// pieceBytes is what a piece of these tests takes.
const pieceBytes = pieceOverhead + 100

// A pieceReader asks for pieces and counts how many had to be made.
type pieceReader struct {
	t    *testing.T
	c    *decoded
	of   *holder
	made int
}

// testID returns one for each number.
func testID(number int) segment.BlockID { return segment.IDOf([]root.Root{{Rows: number + 1}}) }

func (r *pieceReader) get(number int, reader uint64) {
	r.t.Helper()
	v, err := r.c.of(r.of, testID(number), reader)("times", func() (any, int, error) {
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
	r := &pieceReader{t: t, c: &c, of: &holder{}}
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
	if v, err := c.of(r.of, testID(0), 1)("large", large); v != "large" || err != nil {
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
	r := &pieceReader{t: t, c: &c, of: &holder{}}
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
	s, other := &holder{}, &holder{}
	fill := func(s *holder) {
		for i := range 20 {
			c.of(s, testID(i), 1)("times", func() (any, int, error) { return fmt.Sprint(i), 100, nil })
		}
	}
	fill(other)
	fill(s) // some of which pass
	if _, err := c.of(s, testID(11), 1)("other", func() (any, int, error) { return nil, 0, errors.ErrUnsupported }); err != errors.ErrUnsupported {
		t.Errorf("error %v", err)
	}
	c.forget(s)
	fill(s) // by who reads it still
	if len(s.blocks) != 0 || c.stay.newest.Len() != 20 || c.stay.bytes != 20*pieceBytes || c.pass.bytes != 0 {
		t.Errorf("%d pieces of %d bytes are left, and %d bytes pass; want 20 of the other segment", c.stay.newest.Len(), c.stay.bytes, c.pass.bytes)
	}
}

func TestDecodedMoves(t *testing.T) {
	t.Parallel()
	c := newDecoded(40 * pieceBytes)
	r := &pieceReader{t: t, c: &c}
	first, second, merged := &holder{}, &holder{}, &holder{}
	read := func(h *holder, numbers ...int) (made int) {
		r.of = h
		before := r.made
		for _, n := range numbers {
			r.get(n, 1)
		}
		return r.made - before
	}
	read(first, 0, 1)
	read(second, 2, 3)
	c.move(merged, []segment.BlockID{testID(0), testID(1), testID(3), testID(4)}, first, second)
	if n := read(merged, 0, 1, 3); n != 0 || c.stay.bytes != 3*pieceBytes {
		t.Errorf("%d pieces of copied blocks were made again, and %d bytes are kept; want none, and 3 pieces", n, c.stay.bytes)
	}
	if n := read(first, 0, 4) + read(merged, 4); n != 1 {
		t.Errorf("who reads the old and who reads the new made %d pieces, want one", n)
	}
	c.forget(merged)
	read(second, 3, 5)
	if c.stay.bytes != 0 || len(merged.blocks)+len(second.blocks) != 0 {
		t.Errorf("%d bytes are kept of what is gone", c.stay.bytes)
	}
}

// TestMergingKeepsWhatWasDecoded: who asks again after segments were merged reads nothing of
// blocks that were copied, whichever segments they know. Joined blocks are forgotten, as are
// destroyed ones.
func TestMergingKeepsWhatWasDecoded(t *testing.T) {
	t.Parallel()
	disk := &watched{FS: fsys.NewMem(), asked: map[string][][2]int64{}}
	a := open(t, disk, newMaster(t), Options{FreeFloor: 1, BlockRows: 1000, SegmentRows: 1000})
	for i := range 4 {
		put(t, a, numbered(1000*i, 1000*(i+1)))
		sealed(t, a)
	}
	for i := range 4 {
		put(t, a, numbered(4000+10*i, 4000+10*(i+1)))
		sealed(t, a)
	}
	ask := func(s *Snapshot) (reads int) {
		t.Helper()
		before := disk.reads
		for range 2 {
			events, err := eventsIn(s)
			if err != nil || len(events) != 4040 {
				t.Fatalf("%d events, %v; want 4040", len(events), err)
			}
			for _, p := range s.parts {
				for _, g := range p.segments {
					a.filter(p, g, 0, s.reader())
				}
			}
		}
		return disk.reads - before
	}
	before := a.Snapshot()
	defer before.Close()
	if ask(before) == 0 || ask(before) != 0 {
		t.Fatal("who asks the first time reads, and nobody later")
	}
	kept := a.decoded.stay.bytes
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	joined := kept - a.decoded.stay.bytes
	if n := a.Stat().Segments; n != 1 || joined <= 0 || joined > kept/4 {
		t.Errorf("%d segments, %d of %d bytes were forgotten; want one segment, and the small blocks forgotten", n, joined, kept)
	}
	after := a.Snapshot()
	defer after.Close()
	b, err := newestFirst(after.refs("", math.MinInt64, math.MaxInt64))[0].Read(t.Context())
	if err != nil || b.Rows() != 40 {
		t.Fatalf("a block of %d rows, %v; want the small ones as one", b.Rows(), err)
	}
	if err := b.Each(func(*column.Row) error { return nil }); err != nil { // it is new
		t.Fatal(err)
	}
	if n := ask(after); n != 0 {
		t.Errorf("after merging %d pieces were read again", n)
	}
	if ask(before); ask(before) != 0 {
		t.Error("who still reads the old segments reads again and again")
	}
	if err := a.Destroy(t.Context(), "web", now.Format(dayLayout)); err != nil {
		t.Fatal(err)
	}
	if a.decoded.stay.bytes+a.decoded.pass.bytes != 0 {
		t.Errorf("%d bytes are kept of what was destroyed", a.decoded.stay.bytes)
	}
}
