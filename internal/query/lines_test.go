package query

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
)

// TestHeldLinesAreInOrder merges frames of random rows, as lines and as rows, packed and
// not, with room for few unpacked ones, and compares with rows that are all in memory.
func TestHeldLinesAreInOrder(t *testing.T) {
	t.Parallel()
	whole := 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		h, e := heldLines{}, newEnv(0)
		var want []*kept
		for frame := range 1 + rng.IntN(20) {
			node, rows := fmt.Sprint("n", rng.IntN(3)), uniqueRows(rng, frame)
			for _, k := range rows {
				k.node = node
			}
			want = append(want, rows...)
			f := frameOfRows(rows)
			if rng.IntN(3) > 0 {
				var err error
				if f, err = linesOf(f); err != nil {
					t.Fatal(err)
				}
				if rng.IntN(2) > 0 {
					text := f.Text
					f.Text, f.Packed, f.Again = nil, 7, func() ([]byte, error) { return bytes.Clone(text), nil }
				}
				f.Origin = frame
			}
			if _, err := h.add(node, f); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		h.packed.most = 1 + rng.IntN(300)
		slices.SortStableFunc(want, (&rowSpec{}).compare)
		var rows, got strings.Builder
		for _, k := range want {
			rows.Write(append(llama.AppendFlat(nil, k.row), '\n'))
		}
		err := h.each(t.Context(), e, 1<<20, func(l LinesOf) error {
			text, err := l.All()
			if l.Origin != nil {
				whole++
			}
			if n := bytes.Count(text, []byte{'\n'}); n != l.Count {
				t.Errorf("seed %d: %d lines are said to be %d", seed, n, l.Count)
			}
			got.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(rows.String(), got.String()); d != "" {
			t.Fatalf("seed %d: -want +got\n%s", seed, d)
		}
		if left := e.budget.used.Load(); left != 0 {
			t.Errorf("seed %d: %d bytes are not given back", seed, left)
		}
	}
	if whole < 100 {
		t.Errorf("%d frames came out as they went in", whole)
	}
}

// uniqueRows are rows of which no two are one, as those of a node are. Those of a late
// frame may lie behind those of an early one.
func uniqueRows(rng *rand.Rand, frame int) []*kept {
	var rows []*kept
	for i := range 1 + rng.IntN(12) {
		k := &kept{time: llama.Time(-(frame / 2) * rng.IntN(6)), seq: uint64(frame*100 + i/2*2)}
		if i%2 == 1 || rng.IntN(2) == 0 {
			k.setItem(0, uint32(i%2))
		}
		for range 1 + rng.IntN(4) {
			name := fmt.Sprint("f", rng.IntN(500))
			k.row = append(k.row, llama.Field{Name: name, Value: fmt.Sprint(rng.Uint32()), Kind: llama.Kind(rng.IntN(2))})
		}
		rows = append(rows, k)
	}
	return rows
}

func frameOfRows(rows []*kept) Frame {
	var w rowWriter
	for _, k := range rows {
		w.add(k)
	}
	return w.frame(Rows)
}

func TestLineKeysAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	const most = llama.Time(1<<63 - 1)
	tests := [][]lineKey{
		{{time: 5e9, seq: 7}},
		{{time: 5e9, seq: 7}, {time: 5e9, seq: 7, item: 1}, {time: 4e9, seq: 9}, {time: -4e9, seq: 1}},
		{{time: 1_000_001, seq: 1 << 63}, {time: 1_000_000, seq: 0}, {time: 0, seq: 1<<64 - 1}},
		{{time: most, seq: 1}, {time: -most, seq: 2}},
	}
	for _, want := range tests {
		var w wire
		w.lineKeys(want)
		r := &reader{b: w.b}
		if got := r.lineKeys(); r.end() != nil || !slices.Equal(got, want) {
			t.Errorf("%+v is read as %+v, %v", want, got, r.err)
		}
	}
	var w wire
	w.lineKeys([]lineKey{{time: 1, seq: 1}, {time: 1, seq: 2}})
	if r := (&reader{b: w.b}); r.lineKeys() != nil || !errors.Is(r.err, errFrame) {
		t.Errorf("keys that are not in order are read: %v", r.err)
	}
}

// TestLinesNameTheirFields: the names of a frame are those of its rows, as they come first,
// also where few rows have them.
func TestLinesNameTheirFields(t *testing.T) {
	t.Parallel()
	var events []llama.Event
	for i := range 3000 {
		e := llama.Event{Time: llama.Time(i + 1), Seq: uint64(i + 1), Collection: "c", Message: fmt.Sprint("number ", i)}
		if i%700 == 3 {
			e.Fields = append(e.Fields, llama.Field{Name: fmt.Sprint("rare", i), Value: "x"})
		}
		events = append(events, e)
	}
	q, err := Parse("* | fields _msg, rare*", testNow)
	if err != nil {
		t.Fatal(err)
	}
	err = q.Partial(t.Context(), Events(events), RunOptions{Lines: true}, func(f Frame) error {
		names := newNameList()
		if err := ReadLines(f.Text, func(row Row) error {
			for _, x := range row {
				names.add(x.Name)
			}
			return nil
		}); err != nil {
			return err
		}
		got := newReader(f.Bytes).names()
		if d := cmp.Diff(names.list, got); d != "" || len(got) < 2 {
			t.Errorf("names: -want +got\n%s", d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFramesOfVeryLongRowsAreBounded has events of 40 KB each, 1,500 of them.
func TestFramesOfVeryLongRowsAreBounded(t *testing.T) {
	t.Parallel()
	var events []llama.Event
	for i := range 1500 {
		events = append(events, llama.Event{Time: llama.Time(i + 1), Seq: uint64(i + 1), Message: fmt.Sprintf("%d %s", i, strings.Repeat("x", 40_000))})
	}
	q := mustParse(t, "* | fields _msg")
	rows, frames := 0, 0
	err := q.Partial(t.Context(), Events(events), RunOptions{Lines: true, MaxMemory: 1 << 30}, func(f Frame) error {
		frames++
		rows += bytes.Count(f.Text, []byte{'\n'})
		if size := len(f.Text) + len(f.Bytes); size > 2*mostFoundBytes {
			t.Errorf("a frame of %d bytes", size)
		}
		return nil
	})
	if err != nil || rows != len(events) || frames < 20 {
		t.Errorf("%d rows in %d frames, %v", rows, frames, err)
	}
}
