package column

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"pgregory.net/rapid"
)

// event draws an event that is hard on columns: few names and values, so that they
// meet, and odd ones among them.
func event(t *rapid.T, seq uint64) llama.Event {
	e := llama.Event{
		Seq:        seq,
		Collection: "c",
		Time:       llama.Time(rapid.Int64().Draw(t, "time")),
		Ingested:   llama.Time(rapid.Int64Range(0, math.MaxInt64).Draw(t, "ingested")),
		Message:    rapid.SampledFrom([]string{"", "a", "\xff\x00", "long " + strings.Repeat("x", 300)}).Draw(t, "message"),
		Source:     rapid.SampledFrom([]string{"", "udp 192.0.2.7"}).Draw(t, "source"),
	}
	for _, name := range []string{"", "a", "b.c", "d"} {
		if rapid.Bool().Draw(t, "has") {
			e.Fields = append(e.Fields, llama.Field{
				Name:  name,
				Value: rapid.SampledFrom([]string{"", "1", "1.0", "x\x00", fmt.Sprint(seq)}).Draw(t, "value"),
				Kind:  llama.Kind(rapid.IntRange(0, int(llama.Object)).Draw(t, "kind")),
			})
		}
	}
	return e
}

func TestBuilderGivesBackWhatWasAdded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuilder("c")
		var want []llama.Event
		for i := range rapid.IntRange(0, 60).Draw(t, "rows") {
			want = append(want, event(t, uint64(i+1)))
			b.Add(&want[i])
		}
		rows := rapid.IntRange(0, len(want)).Draw(t, "seen")
		block := b.Block(rows)
		got, err := block.Events(nil, 0, rows)
		if diff := cmp.Diff(want[:rows], got, nilIsEmpty); diff != "" || err != nil {
			t.Fatalf("error %v, events (-want +got):\n%s", err, diff)
		}
		for _, name := range block.Names {
			checkDictionary(t, block, name)
		}
	})
}

var nilIsEmpty = cmp.Transformer("empty", func(events []llama.Event) []llama.Event {
	if len(events) == 0 {
		return nil
	}
	return events
})

// checkDictionary sees to it that a column in Names has rows, and no value that
// none of them has.
func checkDictionary(t *rapid.T, b *Block, name string) {
	c, err := b.Load(name)
	if err != nil || c == nil || len(c.Codes) != b.Rows() {
		t.Fatalf("Load(%q) = %v, %v", name, c, err)
	}
	used := map[uint32]bool{}
	for _, code := range c.Codes {
		used[code] = true
	}
	delete(used, 0)
	if len(used) == 0 || len(used) != len(c.Values) {
		t.Fatalf("column %q uses %d of %d values", name, len(used), len(c.Values))
	}
}

func TestLooseColumnsComeBack(t *testing.T) {
	t.Parallel()
	e := NewEncoder()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 600).Draw(t, "rows")
		pool := rapid.IntRange(1, 700).Draw(t, "values")
		gaps := rapid.IntRange(0, 40).Draw(t, "gaps")
		of := rapid.SampledFrom([]int{1, 2, 6}).Draw(t, "kinds")
		want := make([]*llama.Field, rows)
		var present []uint16
		var kinds []llama.Kind
		var values []string
		for row := range rows {
			if row > 0 && gaps > 0 && rapid.IntRange(0, gaps).Draw(t, "gap") > 0 {
				continue
			}
			n := rapid.IntRange(1, pool).Draw(t, "n")
			want[row] = &llama.Field{Value: fmt.Sprint(n), Kind: llama.Kind((n + row) % of)}
			present, kinds, values = append(present, uint16(row)), append(kinds, want[row].Kind), append(values, want[row].Value)
		}
		if of == 1 {
			kinds = kinds[:1]
		}
		got, err := DecodeLoose("n", rows, e.Append(AppendLoose(nil, rows, present, kinds), values))
		if err != nil {
			t.Fatal(err)
		}
		for row := range rows {
			value, kind, ok := got.Value(row)
			switch w := want[row]; {
			case ok != (w != nil):
				t.Fatalf("row %d: there is a value: %t", row, ok)
			case ok && *w != llama.Field{Value: value, Kind: kind}:
				t.Fatalf("row %d: got %q of kind %d, want %v", row, value, kind, *w)
			}
		}
	})
}

func TestBlockOfEarlierRowsStays(t *testing.T) {
	t.Parallel()
	b := NewBuilder("c")
	b.Add(&llama.Event{Seq: 1, Message: "one"})
	b.Add(&llama.Event{Seq: 2, Message: "two", Fields: []llama.Field{{Name: "n", Value: "1", Kind: llama.Number}}})
	block := b.Block(1)
	for seq := uint64(3); seq < 2000; seq++ {
		b.Add(&llama.Event{Seq: seq, Message: fmt.Sprint(seq), Fields: []llama.Field{{Name: "n", Value: fmt.Sprint(seq)}}})
	}
	got, err := block.Events(nil, 0, 1)
	if want := []llama.Event{{Seq: 1, Collection: "c", Message: "one"}}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got := b.Stat(3); got.FirstSeq != 1 || got.LastSeq != 3 || got.Rows != 3 {
		t.Errorf("Stat(3) = %+v", got)
	}
}

func TestBuilderIsFullOfNames(t *testing.T) {
	t.Parallel()
	b := NewBuilder("c")
	rows := 0
	for ; !b.Full(); rows++ {
		b.Row(0, 0, uint64(rows+1))
		for i := range 100 {
			b.Set(b.Cells(fmt.Sprint(rows, ".", i)), "v", llama.String)
		}
	}
	if rows > 500 {
		t.Errorf("a block took %d events of 100 new names each", rows)
	}
}

func FuzzDecodeLoose(f *testing.F) {
	e := NewEncoder()
	f.Add(4, e.Append(AppendLoose(nil, 4, []uint16{0, 2, 3}, []llama.Kind{1, 0, 1}), []string{"a", "", "a"}))
	f.Add(3, e.Append(AppendLoose(nil, 3, []uint16{0, 1, 2}, []llama.Kind{0}), []string{"a", "b", "c"}))
	f.Add(100, e.Append(AppendLoose(nil, 100, []uint16{99}, []llama.Kind{1}), []string{"17"}))
	f.Fuzz(func(t *testing.T, rows int, data []byte) {
		rows &= MaxRows - 1
		c, err := DecodeLoose("f", rows, data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("error %v does not wrap ErrDamaged", err)
			}
			return
		}
		for row := range rows {
			c.Value(row) // does not panic
		}
	})
}

func FuzzDecodeInts(f *testing.F) {
	f.Add(2, AppendInts(nil, []int64{5, -7}))
	f.Fuzz(func(t *testing.T, rows int, data []byte) {
		DecodeInts(rows&(MaxRows-1), data)
	})
}

func BenchmarkBuilder(b *testing.B) {
	var events []llama.Event
	for i := range 1000 {
		events = append(events, llama.Event{Message: fmt.Sprint("Failed password for root from 192.0.2.", i%256, " port ", i), Fields: []llama.Field{
			{Name: "event.action", Value: "login"}, {Name: "event.outcome", Value: "failure"},
			{Name: "source.ip", Value: fmt.Sprint("192.0.2.", i%256)}, {Name: "source.port", Value: fmt.Sprint(i), Kind: llama.Number},
		}})
	}
	b.ReportAllocs()
	builder := NewBuilder("c")
	for i := range b.N {
		if builder.Rows() == 1<<15 {
			builder = NewBuilder("c")
		}
		e := &events[i%len(events)]
		e.Seq = uint64(i + 1)
		builder.Add(e)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
