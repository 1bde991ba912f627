package query

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestGroupTableFindsWhatAMapFinds adds texts that are numbers and nearly so, and looks for each.
func TestGroupTableFindsWhatAMapFinds(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 9))
	some := []string{"", "0", "00", "-0", "-1", "+1", "1.5", "1e3", "4294967295", "4294967296", "0.0.0.0", "255.255.255.255", "256.0.0.1", "01.2.3.4",
		"1.2.3", "1.2.3.4.5", "1.2.3.", "1.2.3.4 ", " 1", "é", "0x10", "99999999999999999999", "10.0.0.1/8", "1.2.3.-4"}
	draw := func() string {
		switch rng.IntN(5) {
		case 0:
			return strconv.Itoa(rng.IntN(5000))
		case 1:
			return fmt.Sprintf("10.%d.%d.1", rng.IntN(300), rng.IntN(20))
		case 2:
			return fmt.Sprintf("0%d", rng.IntN(1000))
		case 3:
			return strconv.FormatUint(rng.Uint64()>>rng.IntN(40), 10)
		}
		return some[rng.IntN(len(some))]
	}
	want, got := map[string]uint32{}, newGroupTable()
	for range 50_000 {
		text := draw()
		at := got.place(text)
		wantID, known := want[text]
		id, ok := got.find(at, text)
		if ok != known || ok && id != wantID {
			t.Fatalf("%q: %d %v, want %d %v", text, id, ok, wantID, known)
		}
		if !ok {
			want[text] = uint32(len(want))
			got.add(at, text, want[text])
		}
		if got.len() != len(want) {
			t.Fatalf("%d groups, want %d", got.len(), len(want))
		}
	}
	if got.addresses.n < 1000 || got.integers.n < 1000 || len(got.texts) < 1000 {
		t.Errorf("%d addresses, %d numbers, %d texts", got.addresses.n, got.integers.n, len(got.texts))
	}
}
