package turns_test

import (
	"slices"
	"testing"

	"github.com/llama-logs/llama/internal/turns"
)

func TestLikeFollowsLike(t *testing.T) {
	many := make([]uint8, turns.Max)
	for i := range many {
		many[i] = uint8(255 - i%turns.Max)
	}
	tests := []struct {
		kinds, want []uint8
	}{
		{nil, []uint8{}},
		{[]uint8{7}, []uint8{0}},
		{[]uint8{0, 255, 0, 3, 255, 0}, []uint8{0, 2, 5, 1, 4, 3}},
		{[]uint8{3, 0, 255}, []uint8{0, 1, 2}},
	}
	var order turns.Turns // used again and again
	for _, tt := range tests {
		if got := order.Of(tt.kinds); !slices.Equal(got, tt.want) {
			t.Errorf("kinds %v\ngot  %v\nwant %v", tt.kinds, got, tt.want)
		}
	}
	for i, n := range order.Of(many) {
		if i != int(n) {
			t.Fatalf("item %d of all different ones is at %d", n, i)
		}
	}
	for i, n := range order.Of(make([]uint8, turns.Max)) {
		if i != int(n) {
			t.Fatalf("item %d of all alike is at %d", n, i)
		}
	}
}
