package query

import (
	"math/rand/v2"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// TestTimesOfLinesAreWrittenAsElsewhere writes times of all sizes one after the other, those of
// one day too, with as many digits behind the point as there can be.
func TestTimesOfLinesAreWrittenAsElsewhere(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 7))
	var c dayClock
	for i := range 20_000 {
		at := int64(rng.Uint64())
		for range rng.IntN(4) {
			unit := int64(1)
			for range rng.IntN(12) {
				unit *= 10
			}
			at = at/nanosADay*nanosADay + rng.Int64N(nanosADay)/unit*unit
			if want, got := llama.Time(at).String(), string(c.append(nil, llama.Time(at))); got != want {
				t.Fatalf("time %d, the %d-th: %s, want %s", at, i, got, want)
			}
		}
	}
	for _, at := range []llama.Time{0, -1, 1, minTime, maxTime, nanosADay, nanosADay - 1, -nanosADay} {
		if want, got := at.String(), string(c.append(nil, at)); got != want {
			t.Errorf("time %d: %s, want %s", at, got, want)
		}
	}
}

// TestPiecesOfMessagesAreEscapedAsTheWhole puts random parts together, of which characters go
// over the border of two, and escapes them one by one where inPieces says that it may be done.
func TestPiecesOfMessagesAreEscapedAsTheWhole(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 8))
	some := []string{"", "a", "\xc3", "\xa9", "é", "\"", "\\", "7", "12", "x\n", "\xe2\x82", "\xac", "~"}
	pieces, whole := 0, 0
	for range 20_000 {
		var x messages
		var texts []string
		block := &column.Block{Facts: func(s column.Slot) (*column.Facts, error) {
			f := column.TextFacts(texts[s.Number : s.Number+1])
			return &f, nil
		}}
		for i := range 1 + rng.IntN(4) {
			text := some[rng.IntN(len(some))]
			texts = append(texts, text)
			if rng.IntN(3) == 0 {
				x.parts, x.slots = append(x.parts, column.Part{Text: text}), append(x.slots, slotValues{})
				continue
			}
			v, err := column.DecodeValues(2, column.NewEncoder().Append(nil, []string{text, text}))
			if err != nil {
				t.Fatal(err)
			}
			x.parts = append(x.parts, column.Part{Is: column.Slots, Slot: column.Slot{Number: int32(i)}})
			x.slots = append(x.slots, slotValues{Values: v})
		}
		m := &rowMaker{c: &chunk{block: block, sel: make([]uint32, manyLines)}}
		if !m.inPieces(&x) {
			whole++
			continue
		}
		pieces++
		var got []byte
		for i, text := range texts {
			if x.slots[i].Values != nil && m.facts(x.parts[i].Slot).ArePlain() {
				got = append(got, text...)
			} else {
				got = llama.AppendEscaped(got, text)
			}
		}
		if want := string(llama.AppendEscaped(nil, string(x.append(nil, 0)))); want != string(got) {
			t.Fatalf("%q: %s, want %s", texts, got, want)
		}
	}
	if pieces < 1000 || whole < 1000 {
		t.Errorf("%d messages in pieces, %d whole", pieces, whole)
	}
}
