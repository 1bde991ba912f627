package column

import (
	"strings"
	"testing"
)

// TestEmptyTextsBehindAFullBlock: they are nowhere, so nothing need be there.
func TestEmptyTextsBehindAFullBlock(t *testing.T) {
	t.Parallel()
	for blocks := 1; blocks <= 3; blocks++ {
		var r Room
		text := strings.Repeat("0123456789abcdef", 2)
		var places []uint64
		for range blocks << textsAtOnce / len(text) {
			places = append(places, r.add(text))
		}
		if got := r.at(r.add(""), 0); got != "" {
			t.Errorf("%d blocks: got %q", blocks, got)
		}
		for _, place := range places {
			if got := r.at(place, len(text)); got != text {
				t.Fatalf("%d blocks: got %q at %d", blocks, got, place)
			}
		}
	}
}
