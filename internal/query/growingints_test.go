package query

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestGrowingInts compares with a slice, for numbers near and far from each other.
func TestGrowingInts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]int64{1, 1 << 20, 1 << 32, 1 << 45}).Draw(t, "step")
		want := []int64{rapid.Int64Range(-mostPlain, mostPlain).Draw(t, "first")}
		for range rapid.IntRange(0, 20).Draw(t, "more") {
			want = append(want, want[len(want)-1]+rapid.Int64Range(1, step).Draw(t, "by"))
		}
		known, grown := newGrowingInts(want[0], want[len(want)-1], len(want)), growingInts{}
		for _, x := range want {
			known.add(x)
			grown.add(x)
		}
		for name, g := range map[string]*growingInts{"with room": &known, "grown": &grown} {
			var got []int64
			for i := range g.len() {
				got = append(got, g.at(i))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s: got %d, want %d", name, got, want)
			}
			for _, x := range want {
				x += rapid.Int64Range(-2, 2).Draw(t, "beside")
				if i, _ := slices.BinarySearch(want, x); g.before(x) != i {
					t.Fatalf("%s: %d of %d are before %d, want %d", name, g.before(x), want, x, i)
				}
			}
		}
		if known.far != nil != (grown.far != nil) {
			t.Fatalf("%d: %v and %v", want, known, grown)
		}
	})
}
