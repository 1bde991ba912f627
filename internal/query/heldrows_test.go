package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
)

// TestHeldRowsAreInOrder merges frames of random rows, packed and not, with room for few
// unpacked ones, and compares with rows that are all in memory.
func TestHeldRowsAreInOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var h heldRows
		var want []*kept
		unpacked := 0
		for range 1 + rng.IntN(20) {
			node, f := fmt.Sprint("n", rng.IntN(3)), randomRows(rng)
			if rng.IntN(3) > 0 {
				plain := bytes.Clone(f.Bytes)
				f.Packed, f.Again = 7, func() ([]byte, error) { unpacked++; return bytes.Clone(plain), nil }
			}
			if err := readRows(f.Bytes, node, func(k *kept) error { want = append(want, k); return nil }); err != nil {
				t.Fatal(err)
			}
			r := newReader(f.Bytes)
			names := r.names()
			most := heldRowSize*f.Rows + 7 + len(f.Bytes) - len(r.b) + nameSize*len(names)
			for _, k := range want[len(want)-f.Rows:] {
				for i := range k.keys {
					most += int(unsafe.Sizeof(k.keys[i])) + len(k.keys[i].s)
				}
			}
			size, err := h.add(node, f)
			if err != nil || f.Again != nil && size != most || f.Again == nil && size != most-7+len(f.Bytes) {
				t.Fatalf("seed %d: a frame of %d rows and %d bytes takes %d, %v", seed, f.Rows, len(f.Bytes), size, err)
			}
			if f.Again != nil {
				clear(f.Bytes) // it is nobody's any more
			}
		}
		h.packed.most = rng.IntN(600)
		slices.SortStableFunc(want, (&rowSpec{}).compare)
		h.sort()
		var got []Row
		if err := h.each(t.Context(), 1<<20, func(row Row) error { got = append(got, row); return nil }); err != nil {
			t.Fatal(err)
		}
		var rows []Row
		for _, k := range want {
			rows = append(rows, k.row)
		}
		if d := cmp.Diff(rows, got); d != "" {
			t.Fatalf("seed %d: -want +got\n%s", seed, d)
		}
		if most := (thrash + 1) * len(h.frames); unpacked > most {
			t.Errorf("seed %d: %d frames were unpacked %d times", seed, len(h.frames), unpacked)
		}
	}
}

// randomRows is a frame of rows of which many have one time, some have one number, and
// some came of one event.
func randomRows(rng *rand.Rand) Frame {
	var w rowWriter
	for range rng.IntN(12) {
		k := &kept{time: llama.Time(rng.IntN(6)), seq: rng.Uint64N(4), row: Row{}}
		if rng.IntN(4) == 0 {
			k.text = []string{[]string{"0", "1", "last"}[rng.IntN(3)]}
		}
		for range rng.IntN(4) {
			k.row = append(k.row, llama.Field{Name: fmt.Sprint("f", rng.IntN(5)), Value: fmt.Sprint(rng.Uint32()), Kind: llama.Kind(rng.IntN(3))})
		}
		w.add(k)
	}
	return w.frame(Rows)
}

func TestHeldRowsOfADamagedFrameAreRefused(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		f := randomRows(rng)
		bad := bytes.Clone(f.Bytes)
		switch i := rng.IntN(len(bad)); rng.IntN(2) {
		case 0:
			bad = bad[:i]
		default:
			bad[i] ^= 1 << rng.IntN(8)
		}
		var h heldRows
		_, held := h.add("n", Frame{Kind: Rows, Bytes: bad})
		clear := readRows(bad, "n", func(*kept) error { return nil })
		if (held == nil) != (clear == nil) || held != nil && !errors.Is(held, errFrame) {
			t.Fatalf("%x: %v, and read as rows: %v", bad, held, clear)
		}
		if held == nil {
			if err := h.each(context.Background(), 0, func(Row) error { return nil }); err != nil {
				t.Fatalf("%x was taken, and then: %v", bad, err)
			}
		}
	}
}

// TestNamesOfHeldRowsAreCounted: many empty names pack to nothing, and each takes memory.
func TestNamesOfHeldRowsAreCounted(t *testing.T) {
	t.Parallel()
	const names = 1 << 20
	w := &wire{b: []byte{frameVersion}}
	w.uint(names)
	w.b = append(w.b, make([]byte, names)...) // the length of each
	w.uint(0)                                 // rows
	f := Frame{Kind: Rows, Bytes: w.b, Packed: 100, Again: func() ([]byte, error) { return w.b, nil }}
	if held, err := (&heldRows{}).add("n", f); err != nil || held < 16*names {
		t.Errorf("%d bytes are counted for %d names, %v", held, names, err)
	}
}
