package column

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestPiecesAreEncodedAsTheirValues gathers values in runs and with gaps, some of them
// several times in the same memory, and encodes them alone and several pieces together.
func TestPiecesAreEncodedAsTheirValues(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	kinds := []func() string{
		func() string { return fmt.Sprint(rng.IntN(300)) },
		func() string { return fmt.Sprint(rng.Int64()) },
		func() string { return fmt.Sprintf("%04d", rng.IntN(9999)) },
		func() string { return fmt.Sprintf("%.2f", rng.Float64()*100-50) },
		func() string { return fmt.Sprintf("10.0.%d.%d", rng.IntN(256), rng.IntN(256)) },
		func() string { return fmt.Sprintf("%016x", rng.Uint64()) },
		func() string { return []string{"", "yes", "no"}[rng.IntN(3)] },
		func() string { return strings.Repeat("x", shortText-2+rng.IntN(5)) + fmt.Sprint(rng.IntN(9)) },
	}
	e := NewEncoder()
	var room Room
	numbers := 0
	for round := range 400 {
		if round%7 == 0 {
			room.Reset()
		}
		var pieces []*Piece
		var all []string
		first := rng.IntN(len(kinds))
		for range 1 + rng.IntN(3) {
			p := &Piece{}
			p.Expect(&room, rng.IntN(200))
			var values []string
			if n := rng.IntN(20); n > 0 {
				value := kinds[first]()
				p.Repeat(value, n)
				values = slices.Repeat([]string{value}, n)
			}
			for range 1 + rng.IntN(20) {
				kind := first
				if rng.IntN(60) == 0 {
					kind = rng.IntN(len(kinds))
				}
				step := 1 + rng.IntN(3)
				var run []string
				for range 1 + rng.IntN(16) {
					v := kinds[kind]()
					if len(values) > 0 && rng.IntN(4) == 0 {
						v = values[len(values)-1]
					}
					values = append(values, v)
					run = append(run, v)
					for range step - 1 {
						run = append(run, "of another")
					}
				}
				p.Add(run, step)
			}
			for i, want := range values {
				if got := p.AppendText(nil, i); string(got) != want || p.Len() != len(values) {
					t.Fatalf("value %d of %d is %q, want %q of %d", i, p.Len(), got, want, len(values))
				}
			}
			pieces, all = append(pieces, p), append(all, values...)
			if p.typing.IsNumber() {
				numbers++
			}
			sought := kinds[first]()
			if got, want := p.Contains(func(v string) bool { return v == sought }), slices.Contains(values, sought); got != want {
				t.Fatalf("%q is among %q: %v", sought, values, got)
			}
		}
		if got, want := e.AppendPieces(nil, pieces...), NewEncoder().Append(nil, all); !bytes.Equal(got, want) {
			t.Fatalf("%q:\ngot  %x\nwant %x", all, got, want)
		}
		e.Forget()
	}
	if numbers < 100 || numbers > 700 {
		t.Errorf("%d pieces stayed numbers, which says too little", numbers)
	}
}

// TestPiecesAreCompared compares pieces with the same values, and with one that differs.
func TestPiecesAreCompared(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	for _, values := range [][]string{{"1", "2", "30"}, {"a", "b", ""}, {"1", "b", strings.Repeat("long", 100)}} {
		gather := func(values []string) *Piece {
			p := &Piece{}
			p.Expect(&Room{}, 0)
			p.Add(values, 1)
			return p
		}
		p := gather(values)
		if q := gather(values); !p.Equal(q) || p.Hash(h) != q.Hash(h) {
			t.Errorf("%q is not as itself", values)
		}
		for i := range values {
			other := slices.Clone(values)
			other[i] = "5"
			if q := gather(other); p.Equal(q) || p.Hash(h) == q.Hash(h) {
				t.Errorf("%q is as %q", values, other)
			}
		}
	}
}

// TestRoomKeepsLittle fills a room with more than it keeps.
func TestRoomKeepsLittle(t *testing.T) {
	t.Parallel()
	var room Room
	text := strings.Repeat("x", shortText)
	for range 3 {
		var pieces []*Piece
		for range 40 {
			p := &Piece{}
			p.Expect(&room, 1000)
			for range 2000 {
				p.Add([]string{text, "1", "1", "1", "1", "1", "1"}, 1)
			}
			pieces = append(pieces, p)
		}
		for _, p := range pieces {
			for i := range p.Len() {
				if got := p.text(i); got != text && got != "1" {
					t.Fatalf("value %d is %q", i, got)
				}
			}
		}
		if n := len(room.words) * 8 * wordsAtOnce; n <= keptBytes {
			t.Errorf("only %d bytes of words were taken", n)
		}
		room.Reset()
		if texts, words := len(room.texts)<<textsAtOnce, len(room.words)*8*wordsAtOnce; texts > keptBytes || words > keptBytes {
			t.Errorf("%d bytes of texts and %d of words are kept", texts, words)
		}
	}
}
