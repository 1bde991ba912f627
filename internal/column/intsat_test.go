package column

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSomeIntsAreAsDecoded: some numbers are those that are there when all are read.
func TestSomeIntsAreAsDecoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfN(rapid.Int64Range(-1<<rapid.IntRange(1, 63).Draw(t, "bits"), 1<<rapid.IntRange(1, 62).Draw(t, "upper bits")), 1, 200).Draw(t, "numbers")
		if rapid.Bool().Draw(t, "growing") {
			for i := range numbers {
				numbers[i] = int64(i)*1000 + numbers[i]&0xffff
			}
		}
		if rapid.Bool().Draw(t, "many") { // several runs of sums
			for i := range int64(5 * sumEvery) {
				numbers = append(numbers, i*i%77777+numbers[0]&0xffff)
			}
		}
		data := append(AppendInts(nil, numbers), "behind"...)
		some, rest, err := ReadSomeInts(len(numbers), data)
		if err != nil || string(rest) != "behind" {
			t.Fatalf("%q behind, error %v", rest, err)
		}
		for range 3 {
			places := rapid.SliceOfNDistinct(rapid.IntRange(0, len(numbers)-1), 0, 20, rapid.ID).Draw(t, "places")
			slices.Sort(places)
			got, err := some.At(places)
			if err != nil || len(got) != len(places) {
				t.Fatalf("got %d, error %v", got, err)
			}
			for i, place := range places {
				if got[i] != numbers[place] {
					t.Fatalf("number %d: got %d, want %d", place, got[i], numbers[place])
				}
			}
		}
		if _, err := some.At([]int{len(numbers)}); err == nil {
			t.Fatal("there is a number more than there are")
		}
		if _, _, err := ReadSomeInts(len(numbers), data[:1]); err == nil {
			t.Fatal("a byte is taken for numbers")
		}
	})
}
