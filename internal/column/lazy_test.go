package column

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
)

// lazyRows are events of some shapes, a passing one among them, with values that come again.
func lazyRows(random *rand.Rand, n int) (rows []Row) {
	shapes := []*Shape{
		{Source: "s", Names: []string{"a", "b", "c"}, Kinds: []llama.Kind{0, llama.Number, 0}},
		{Names: []string{"b", "d", "e", "f"}, Kinds: []llama.Kind{0, 0, 0, 0}},
		{Source: "t", Names: []string{"c", "g"}, Kinds: []llama.Kind{0, llama.Bool}},
	}
	of := &Names{}
	for i := range n {
		s := shapes[random.IntN(1+min(i/20, 2))]
		if i > 90 && random.IntN(4) == 0 {
			s = &Shape{Names: []string{"a", "h"}, Kinds: []llama.Kind{0, 0}, Of: of, Numbers: []uint32{0, 1}}
		}
		r := Row{Time: llama.Time(random.IntN(1000)), Ingested: llama.Time(i), Seq: uint64(i + 1), Shape: s}
		if random.IntN(5) > 0 {
			r.Message = fmt.Sprint("message ", random.IntN(50))
		}
		for range s.Names {
			r.Values = append(r.Values, fmt.Sprint(random.IntN(9)))
		}
		rows = append(rows, r)
	}
	return rows
}

// TestLazyBuilderAnswersLikeABuilder: whatever columns are asked for of a growing block,
// before it has them or after, in whatever order.
func TestLazyBuilderAnswersLikeABuilder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		rows := lazyRows(random, 200)
		plain := NewBuilder("c")
		added, read, grown := 0, 0, 0
		asked := &Asked{}
		names := []string{llama.NameMessage, llama.NameSource, llama.NameIngested, "a", "b", "c", "d", "e", "f", "g", "h", "none"}
		var fill []string
		for range random.IntN(3) {
			fill = append(fill, names[random.IntN(len(names))])
		}
		l := NewLazyBuilder("c", fill, asked, func(do func(*Row) bool) error {
			for i := range rows {
				if read++; i >= added || !do(&rows[i]) {
					return nil
				}
			}
			return nil
		}, func(bytes int) { grown += bytes })
		want := map[string]bool{}
		for added < len(rows) {
			more := rows[added:min(len(rows), added+1+random.IntN(60))]
			bytes, err := l.Add(func(to *Builder) error {
				for i := range more {
					plain.AddRow(&more[i])
					to.AddRow(&more[i])
				}
				return nil
			})
			if err != nil || bytes <= 0 {
				t.Fatalf("seed %d: %d bytes, %v", seed, bytes, err)
			}
			added += len(more)
			n := 1 + random.IntN(added)
			a, b := plain.Block(n), l.Block(n)
			if d := cmp.Diff(a.Names, b.Names); d != "" {
				t.Fatalf("seed %d, %d rows: names: %s", seed, n, d)
			}
			for range random.IntN(4) {
				name := names[random.IntN(len(names))]
				if name != llama.NameIngested && plain.byName[name] != nil {
					want[name] = true
				}
				if d := cmp.Diff(cellsOf(t, a, name), cellsOf(t, b, name)); d != "" {
					t.Fatalf("seed %d, %d rows, %s: %s", seed, n, name, d)
				}
			}
		}
		got := asked.Names()
		slices.Sort(got)
		for _, name := range got {
			delete(want, name)
		}
		if len(want) > 0 {
			t.Errorf("seed %d: asked for %v, and not noted are %v", seed, got, want)
		}
		if all, lazy := plain.bytes, l.b.bytes; lazy > all+256*len(fill) {
			t.Errorf("seed %d: %d bytes, and with all columns %d", seed, lazy, all)
		}
	}
}

// cellsOf returns the values of a column, row by row; nil when there is none.
func cellsOf(t *testing.T, b *Block, name string) (cells []string) {
	t.Helper()
	c, err := b.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	if c == nil {
		return nil
	}
	for row := range b.Len {
		value, kind, ok := c.Value(row)
		cells = append(cells, fmt.Sprint(value, kind, ok))
	}
	return cells
}

// TestLazyBuilderFillsWhatIsAskedFor: what nobody asks for is not filled, what is asked for is
// filled once, and several columns are filled together.
func TestLazyBuilderFillsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	rows := lazyRows(rand.New(rand.NewPCG(1, 1)), 90)
	passes := 0
	l := NewLazyBuilder("c", nil, &Asked{}, func(do func(*Row) bool) error {
		passes++
		for i := range rows {
			if !do(&rows[i]) {
				break
			}
		}
		return nil
	}, func(int) {})
	if _, err := l.Add(func(to *Builder) error {
		for i := range rows {
			to.AddRow(&rows[i])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	filled := func() (n int) {
		for _, c := range l.b.columns {
			if !c.idle {
				n++
			}
		}
		return n
	}
	for i, want := range []struct{ filled, passes int }{{1, 1}, {2, 2}, {3, 3}, {4, 4}, {9, 5}, {9, 5}} {
		name := []string{"a", llama.NameMessage, "b", "c", "d", "g"}[i]
		for range 2 {
			cellsOf(t, l.Block(90), name)
		}
		if filled() != want.filled || passes != want.passes {
			t.Errorf("with %s: %d columns are filled after %d passes; want %+v", name, filled(), passes, want)
		}
	}
}
