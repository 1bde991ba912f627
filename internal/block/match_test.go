package block

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// TestMatchIsTake holds match against take: for two messages of one shape, the second
// matches the template of the first exactly if it is taken apart alike.
func TestMatchIsTake(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	s := &shape{Shape: &column.Shape{Names: []string{"a", "b", "c"}, Kinds: make([]llama.Kind, 3)}}
	x, y := newWalk(), newWalk()
	alike, unlike := 0, 0
	for range 300_000 {
		first, second := randomRow(rng), randomRow(rng)
		if rng.IntN(2) == 0 {
			second = anotherLike(rng, first)
		}
		if !x.take(first) {
			t.Fatalf("take refuses %q", first.Message)
		}
		known := &template{shape: s, parts: slices.Clone(x.parts), spans: slices.Clone(x.spans)}
		known.makeSlots()
		y.take(second)
		second.Outside = 0 // not known
		for _, value := range second.Values {
			if first.Seq == 0 && place(second.Message, value) < 0 {
				second.Outside++
			}
		}
		want, texts := known.fits(y, s), slices.Clone(y.texts)
		if got := y.match(second, known); got != want || got && !slices.Equal(y.texts, texts) {
			t.Fatalf("%q %q after %q %q: match %v %q, take %v %q",
				second.Message, second.Values, first.Message, first.Values, got, y.texts, want, texts)
		}
		if want {
			alike++
		} else {
			unlike++
		}
	}
	if alike < 10_000 || unlike < 10_000 {
		t.Errorf("%d pairs were alike and %d were not; neither says enough", alike, unlike)
	}
}

const letters = "a1 .b"

// randomRow draws a message, and fields that lie in it, overlap there, or do not.
func randomRow(rng *rand.Rand) *column.Row {
	text := make([]byte, 1+rng.IntN(12))
	for i := range text {
		text[i] = letters[rng.IntN(len(letters))]
	}
	row := &column.Row{Seq: rng.Uint64N(2), Message: string(text), Values: []string{"", "7", "a"}}
	for i := range row.Values {
		if from := rng.IntN(len(text)); rng.IntN(3) > 0 {
			row.Values[i] = row.Message[from : from+rng.IntN(len(text)-from+1)]
		}
	}
	return row
}

// anotherLike changes some digits and letters of a row, and leaves its fields where
// they are, but for one perhaps.
func anotherLike(rng *rand.Rand, row *column.Row) *column.Row {
	text := []byte(row.Message)
	for i, c := range text {
		if rng.IntN(4) == 0 && c != '.' && c != ' ' {
			text[i] = "a123b"[rng.IntN(5)]
		}
	}
	like := &column.Row{Message: string(text), Values: slices.Clone(row.Values)}
	for i, v := range row.Values {
		if at := place(row.Message, v); at >= 0 && rng.IntN(8) > 0 {
			like.Values[i] = like.Message[at : at+len(v)]
		}
	}
	return like
}

// BenchmarkMatch takes a message apart as a template has it, and BenchmarkTake without
// one, as for the first event of a template.
func BenchmarkMatch(b *testing.B) {
	w, row := newWalk(), loginRow()
	w.take(row)
	t := &template{parts: slices.Clone(w.parts), spans: slices.Clone(w.spans)}
	t.makeSlots()
	for b.Loop() {
		if !w.match(row, t) {
			b.Fatal("it has not its own template")
		}
	}
}

func BenchmarkTake(b *testing.B) {
	w, row := newWalk(), loginRow()
	for b.Loop() {
		w.take(row)
	}
}

// loginRow is an event of sshd as its parser leaves it: four fields are in the message.
func loginRow() *column.Row {
	const message = "Failed password for invalid user oscar from 192.0.2.71 port 50022 ssh2"
	row := &column.Row{Message: message, Values: []string{message[:6], message[33:38], message[44:54], message[60:65]}}
	for range 14 {
		row.Values = append(row.Values, "authentication")
	}
	return row
}
