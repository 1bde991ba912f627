package column

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawOf draws a text of few letters, so that parts of what is sought are often found.
func drawOf(t *rapid.T, label string, most int) string {
	return rapid.StringOfN(rapid.SampledFrom([]rune("aab é.z")), 0, most, -1).Draw(t, label)
}

func TestIndexIsThatOfStrings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sought := drawOf(t, "sought", 5)
		text := strings.Repeat(drawOf(t, "again and again", 5), rapid.IntRange(0, 60).Draw(t, "times")) + drawOf(t, "text", 20) + sought
		text = text[:len(text)-rapid.IntRange(0, len(sought)).Draw(t, "without")]
		if got, want := index(text, sought), strings.Index(text, sought); got != want {
			t.Fatalf("%q in %q: got %d, want %d", sought, text, got, want)
		}
	})
}

// TestPairsAreFoundAtAllPlaces puts two bytes at each place of texts of many lengths, between some
// that are near misses.
func TestPairsAreFoundAtAllPlaces(t *testing.T) {
	t.Parallel()
	for _, length := range []int{0, 1, 2, 31, 32, 33, 63, 64, 65, 100, 130} {
		for _, distance := range []int{1, 2, 7, 31, 32, 40} {
			text := []byte(strings.Repeat("x.y", 50)[:length])
			for at := -1; at < length-distance; at++ {
				want := -1
				if at >= 0 {
					text[at], text[at+distance] = 'a', 'b'
					want = at
				}
				if got := pair(string(text), distance, 'a', 'b'); got != want {
					t.Fatalf("%q: %d bytes apart at %d, want %d", text, distance, got, want)
				}
				copy(text, strings.Repeat("x.y", 50))
				for i := range min(max(at, 0), length) { // what comes before has one of both
					text[i] = "ax"[i%2]
				}
				for i := range text {
					if i+distance < length && text[i] == 'a' && text[i+distance] == 'b' {
						t.Fatal("not a near miss")
					}
				}
			}
		}
	}
}

// TestHoldingIsContains: values that lie one behind the other hold what each of them holds.
func TestHoldingIsContains(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &Column{Values: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawOf(t, "value", 6) }), 1, 20).Draw(t, "values")}
		if rapid.Bool().Draw(t, "side by side") {
			c.all = strings.Join(c.Values, "")
		}
		before := slices.Clone(c.Values)
		if c.Own(); !slices.Equal(c.Values, before) || c.all != "" && c.all != strings.Join(before, "") {
			t.Fatalf("%q has become %q", before, c.Values)
		}
		sought := drawOf(t, "sought", 3)
		if sought == "" {
			sought = "a"
		}
		var want []uint32
		for i, value := range c.Values {
			if strings.Contains(value, sought) {
				want = append(want, uint32(i+1))
			}
		}
		if got := c.Holding(sought); !slices.Equal(got, want) {
			t.Fatalf("%q in %q: got %d, want %d", sought, c.Values, got, want)
		}
	})
}
