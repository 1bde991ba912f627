package column

import (
	"testing"

	"pgregory.net/rapid"
)

// TestIntsAtIsAsDecodeInts: some numbers are those that are there when all are read.
func TestIntsAtIsAsDecodeInts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfN(rapid.Int64Range(-1<<rapid.IntRange(1, 63).Draw(t, "bits"), 1<<rapid.IntRange(1, 62).Draw(t, "upper bits")), 1, 200).Draw(t, "numbers")
		if rapid.Bool().Draw(t, "growing") {
			for i := range numbers {
				numbers[i] = int64(i)*1000 + numbers[i]&0xffff
			}
		}
		data := append(AppendInts(nil, numbers), "behind"...)
		var places []int
		for i := range numbers {
			if rapid.IntRange(0, 30).Draw(t, "wanted") == 0 {
				places = append(places, i)
			}
		}
		got, rest, err := IntsAt(len(numbers), data, places)
		if err != nil || string(rest) != "behind" || len(got) != len(places) {
			t.Fatalf("got %d, %q behind, error %v", got, rest, err)
		}
		for i, place := range places {
			if got[i] != numbers[place] {
				t.Fatalf("number %d: got %d, want %d", place, got[i], numbers[place])
			}
		}
		if _, _, err := IntsAt(len(numbers), data[:1], places); err == nil {
			t.Fatal("a byte is taken for numbers")
		}
	})
}
