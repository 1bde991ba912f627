package block

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// checkCounts compares the counts of all fields with their columns.
func checkCounts(t testing.TB, b *column.Block) {
	t.Helper()
	for _, name := range append([]string{"nowhere"}, b.Names...) {
		if name == llama.NameIngested {
			continue // not kept as a field
		}
		counts, err := b.Counts(name)
		if err != nil {
			t.Fatalf("counts of %s: %v", name, err)
		}
		if counts == nil {
			continue // too many
		}
		c, err := b.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		want, got := map[valueKey]uint64{}, map[valueKey]uint64{}
		without := uint64(b.Rows())
		for row := 0; c != nil && row < b.Rows(); row++ {
			if value, kind, ok := c.Value(row); ok {
				want[valueKey{value, kind}]++
				without--
			}
		}
		for i, value := range counts.Values {
			kind := llama.String
			if counts.Kinds != nil {
				kind = counts.Kinds[i]
			}
			got[valueKey{value, kind}] = counts.Rows[i]
		}
		if d := diff(want, got, cmp.AllowUnexported(valueKey{})); d != "" || without != counts.Without {
			t.Fatalf("counts of %s: %d rows without it, want %d; -want +got\n%.2000s", name, counts.Without, without, d)
		}
	}
}
