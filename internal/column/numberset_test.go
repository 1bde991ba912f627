package column

import (
	"math/rand/v2"
	"testing"
)

// TestNumberSetHasWhatWasAdded and nothing else, be its numbers few or all that there are.
func TestNumberSetHasWhatWasAdded(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{0, 0.0001, 0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 1} {
		random := rand.New(rand.NewPCG(1, uint64(share*1e4)))
		var set NumberSet
		in := make([]bool, numbersRange)
		for n := range in {
			if in[n] = random.Float64() < share; in[n] {
				set.Add(uint64(n) + numbersRange*random.Uint64N(3))
			}
		}
		data := set.Append([]byte("before"))[len("before"):]
		for n, want := range in {
			if got := HasNumber(data, uint64(n)); got != want {
				t.Fatalf("share %v: has %d: %v, want %v", share, n, got, want)
			}
		}
		if limit := numbersRange/8 + 100; len(data) > limit {
			t.Errorf("share %v: %d bytes, want at most %d", share, len(data), limit)
		}
		set.Reset()
		if data = set.Append(nil); len(data) != numbersRange/numbersPage || HasNumber(data, 65535) {
			t.Errorf("share %v: %d bytes after Reset", share, len(data))
		}
	}
}

// TestNumberSetIsThatOfTheFormat: a page as docs/format.md describes it, bit by bit.
func TestNumberSetIsThatOfTheFormat(t *testing.T) {
	t.Parallel()
	var set NumberSet
	for n := uint64(8192); n < 16384; n += 16 {
		set.Add(n)
	}
	data := set.Append(nil)
	// The first page is empty. In the second are 512 numbers, the first at 0, then all with
	// a difference less one of 15: 3 bits are left of it behind one 1 and a 0.
	if data[0] != 0 || data[1] != 0xc3 || data[2] != 0x02 || data[3] != 3 || data[4] != 0x80 || data[5] != 0x04 {
		t.Fatalf("begins with % x", data[:8])
	}
	at := 0
	bit := func() int {
		b := int(data[6+at/8] >> (at % 8) & 1)
		at++
		return b
	}
	next := 0
	for i := range 512 {
		gap := 0
		for bit() == 1 {
			gap += 8
		}
		gap += bit() + 2*bit() + 4*bit()
		if next += gap; next != 16*i {
			t.Fatalf("number %d is %d, want %d", i, next, 16*i)
		}
		next++
	}
}

func FuzzHasNumber(f *testing.F) {
	var set NumberSet
	set.Add(65535)
	f.Add(set.Append(nil), uint64(65535))
	f.Add([]byte{3, 2, 0xff, 0x7f}, uint64(8000))
	f.Add([]byte{4, 0xff, 1, 2, 3}, uint64(17))
	f.Fuzz(func(t *testing.T, data []byte, n uint64) { HasNumber(data, n) })
}

func BenchmarkNumberSet(b *testing.B) {
	var set NumberSet
	for range 20_000 {
		set.Add(32768 + rand.Uint64N(28_000))
	}
	b.Run("write", func(b *testing.B) {
		var data []byte
		for b.Loop() {
			data = set.Append(data[:0])
		}
		b.ReportMetric(float64(len(data)), "bytes")
	})
	b.Run("ask", func(b *testing.B) {
		data := set.Append(nil)
		for b.Loop() {
			HasNumber(data, 48213)
		}
	})
}
