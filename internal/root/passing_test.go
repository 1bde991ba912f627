package root

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// TestPassingShapesChangeNothing computes the root of events of which each has fields of
// its own, of names that become more and more, and compares it with that of the format.
func TestPassingShapesChangeNothing(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 2))
	for _, most := range []int{2, 40, 700, 3 * maxRanked} {
		tables := []*column.Names{column.NewNames(), column.NewNames()}
		passing := &column.Shape{}
		var all []column.Row
		h := NewHasher("c")
		for i := range 300 {
			s := &column.Shape{Source: fmt.Sprint("s", i%2)}
			row := column.Row{Seq: uint64(i + 1), Message: fmt.Sprint(i), Shape: s}
			for range rng.IntN(20) {
				s.Names = append(s.Names, fmt.Sprint("n", rng.IntN(1+most*(i+1)/300)))
				s.Kinds = append(s.Kinds, llama.Kind(rng.IntN(3)))
				row.Values = append(row.Values, fmt.Sprint(rng.IntN(1000)))
			}
			all = append(all, row)
			*passing = column.Shape{Source: s.Source, Names: s.Names, Kinds: s.Kinds, Of: tables[i/290]}
			for k := range 30 * (i % 2) * most / 700 { // names of other events
				passing.Of.Number(fmt.Sprint("other", i, k))
			}
			for _, name := range s.Names {
				n, _ := passing.Of.Number(name)
				passing.Numbers = append(passing.Numbers, n)
			}
			row.Shape = passing
			h.Add(&row)
		}
		r := h.Root()
		if want := plainly(r.Salt, all); r.Hash != want {
			t.Errorf("up to %d names: the root is %x, want %x", most, r.Hash, want)
		}
		if kept := passing.Kept(); kept.Passing() || !slices.Equal(kept.Names, passing.Names) {
			t.Errorf("kept: %v", kept)
		}
	}
}

// TestRanksOfFewNewNamesAreLearnt has names come one by one: those of events that then have
// them all must not be sorted event by event.
func TestRanksOfFewNewNamesAreLearnt(t *testing.T) {
	t.Parallel()
	var r ranks
	s := &column.Shape{Of: column.NewNames()}
	for i := range 40 {
		n, name := s.Of.Number(fmt.Sprint("n", i))
		s.Names, s.Kinds, s.Numbers = append(s.Names, name), append(s.Kinds, llama.String), append(s.Numbers, n)
		if i >= 20 {
			r.know(s)
		}
	}
	known := 0
	for range 100 {
		if r.know(s) {
			known++
		}
	}
	if known < 98 {
		t.Errorf("the names of %d of 100 events are known", known)
	}
}
