package block

import (
	"slices"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// maxChecked is how many values of a block are compared in several ways at most: it takes
// longer than all else that is looked at.
const maxChecked = 20_000

// checkGrouped compares the events of a block with those that it has in another order.
func checkGrouped(t testing.TB, b *column.Block) {
	t.Helper()
	if b.Rows()*len(b.Names) > maxChecked {
		return
	}
	g := b.Grouped()
	names := append([]string{llama.NameMessage}, g.Names...)
	texts := func(b *column.Block) []string {
		texts := make([][]byte, b.Rows())
		for _, name := range names {
			c, err := b.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			for r := 0; c != nil && r < len(texts); r++ {
				if value, kind, ok := c.Value(r); ok {
					texts[r] = append(append(append(texts[r], name...), '=', byte('0'+kind)), value...)
				}
			}
		}
		rows := make([]string, len(texts))
		for r := range rows {
			rows[r] = string(texts[r])
		}
		return rows
	}
	want, got := texts(b), texts(g)
	list, err := g.Families()
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	for _, rows := range append([][]uint16{list.Loose}, rowsOfFamilies(list)...) {
		for _, row := range rows {
			if int(row) != next {
				t.Fatalf("row %d is where row %d belongs", row, next)
			}
			next++
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := diff(want, got); d != "" || next != b.Rows() {
		t.Fatalf("%d rows in groups; -want +got\n%.3000s", next, d)
	}
	if _, err := g.Times(); err == nil {
		t.Fatal("there are times of rows in another order")
	}
	if _, err := g.Load(llama.NameIngested); err == nil {
		t.Fatal("rows in another order have times of arrival")
	}
}

func rowsOfFamilies(list *column.Families) (rows [][]uint16) {
	for _, f := range list.List {
		rows = append(rows, f.Rows)
	}
	return rows
}

// checkTimeCounts compares how many rows have their time when with the times.
func checkTimeCounts(t testing.TB, b *column.Block) {
	t.Helper()
	if b.Rows() > maxChecked {
		return
	}
	times, err := b.Times()
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int64{1, 1000, 1e9 + 7, 1 << 62} {
		first := slices.Min(times)
		counts, err := b.TimeCounts(first, length)
		if err != nil {
			t.Fatal(err)
		}
		want, got := map[uint64]uint64{}, map[uint64]uint64{}
		stretch := func(at llama.Time) uint64 { return (uint64(at) - uint64(first)) / uint64(length) }
		for _, at := range times {
			want[stretch(at)]++
		}
		for _, n := range counts {
			got[stretch(n.Time)] += n.Rows
		}
		if d := diff(want, got); d != "" {
			t.Fatalf("rows in each %d ns; -want +got\n%.2000s", length, d)
		}
	}
}
