package block

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// TestPassingShapesComeBack adds events with passing shapes: some of which hardly two
// have the same fields, more than are tried for templates, and some of few kinds among
// them. What belongs to the shape and the row is spoilt as soon as the event is added.
func TestPassingShapesComeBack(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 4))
	b := NewBuilder("c")
	for life := range 3 {
		names := column.NewNames()
		if life > 0 {
			names.Number("another") // so that numbers are others
		}
		passing := &column.Shape{}
		var rows []column.Row
		for i := range 1200 {
			has := rng.Uint64()
			if i%4 == 0 || life == 2 && i > 100 {
				has = 7 << (i / 4 % 2)
			}
			r := column.Row{
				Time: llama.Time(i) * 1e6, Ingested: llama.Time(i / 100), Seq: uint64(i + 1),
				Message: []string{"", "measured", "measured 12 things"}[i%3], Shape: &column.Shape{Source: fmt.Sprint("s", i%2)},
			}
			for k := range 20 {
				if has>>k&1 == 0 {
					continue
				}
				r.Shape.Names = append(r.Shape.Names, fmt.Sprint("n", k%18)) // n0 and n1 may be there twice
				r.Shape.Kinds = append(r.Shape.Kinds, llama.Kind((k+i*(k%2))%3))
				r.Values = append(r.Values, fmt.Sprint(k, "-", rng.IntN(30)))
			}
			rows = append(rows, r)
			*passing = column.Shape{Source: r.Shape.Source, Of: names}
			passing.Names, passing.Kinds = append(passing.Names, r.Shape.Names...), append(passing.Kinds, r.Shape.Kinds...)
			for _, name := range passing.Names {
				n, _ := names.Number(name)
				passing.Numbers = append(passing.Numbers, n)
			}
			r.Shape, r.Values = passing, append([]string(nil), r.Values...)
			b.Add(&r)
			clear(passing.Names)
			clear(passing.Kinds)
			clear(passing.Numbers)
			clear(r.Values)
		}
		compare(t, fmt.Sprint("block ", life), store(t, b), rows)
		if life < 2 && b.lone < maxRare-10 { // some have turned out to be worthy
			t.Errorf("block %d: only %d shapes come once", life, b.lone)
		}
		b.Reset()
	}
}

// TestFewShapesAreTriedInVain has a block of ever-changing shapes be followed by blocks of few:
// these have templates all the same, and the block after is looked at as the first was.
func TestFewShapesAreTriedInVain(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 5))
	b := NewBuilder("c")
	names := column.NewNames()
	for life, want := range []struct {
		kinds uint64
		tried int
	}{{1 << 40, fewTried}, {1 << 40, fewTried}, {4, maxRare}, {4, maxRare}, {1 << 40, fewTried}} {
		var rows []column.Row
		for i := range 2 * passedToTell {
			kind := rng.Uint64N(want.kinds) * 3
			s := &column.Shape{Of: names}
			r := column.Row{Time: llama.Time(i), Ingested: llama.Time(i), Seq: uint64(i + 1), Message: "measured", Shape: s}
			for k := range 42 {
				if kind>>k&1 != 0 {
					n, name := names.Number(fmt.Sprint("n", k))
					s.Names, s.Kinds, s.Numbers = append(s.Names, name), append(s.Kinds, llama.String), append(s.Numbers, n)
					r.Values = append(r.Values, fmt.Sprint(rng.IntN(30)))
				}
			}
			b.Add(&r)
			rows = append(rows, r)
		}
		gathered := 0
		for _, t := range b.of {
			if t != nil {
				gathered++
			}
		}
		if few := want.tried == maxRare; few && gathered < len(rows) || !few && gathered > maxRare+20 {
			t.Errorf("block %d: %d of %d events were tried", life, gathered, len(rows))
		}
		compare(t, fmt.Sprint("block ", life), store(t, b), rows)
		if b.Reset(); b.tried != want.tried {
			t.Errorf("after block %d %d shapes are tried, want %d", life, b.tried, want.tried)
		}
	}
}
