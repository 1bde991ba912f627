package block

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// TestBlocksAreWhatWasAdded builds blocks of random events, several with each
// builder, and compares all ways to read them with the events. LLAMA_SEEDS=from-to
// says which; without it some.
func TestBlocksAreWhatWasAdded(t *testing.T) {
	t.Parallel()
	from, to := uint64(1), uint64(60)
	if s := os.Getenv("LLAMA_SEEDS"); s != "" {
		if n, err := fmt.Sscanf(s, "%d-%d", &from, &to); n != 2 {
			t.Fatalf("LLAMA_SEEDS=%s: %v; for example 1-10000", s, err)
		}
	}
	for seed := from; seed <= to; seed++ {
		w := newWriters(seed)
		b := NewBuilder("c")
		for life := range 1 + w.rng.IntN(4) {
			rows := w.rows(1 + w.rng.IntN(w.rng.IntN(600)+1))
			for i := range rows {
				scratch := slices.Clone(rows[i].Values) // they are the caller's
				row := rows[i]
				row.Values = scratch
				b.Add(&row)
				clear(scratch)
			}
			compare(t, fmt.Sprintf("LLAMA_SEEDS=%d-%d, block %d", seed, seed, life), store(t, b), rows)
			b.Reset()
		}
	}
}

// compare looks at a block by Events, Each and Load, and at one made of what Each
// gives.
func compare(t testing.TB, name string, s *stored, rows []column.Row) {
	t.Helper()
	want := make([]llama.Event, len(rows))
	for i := range rows {
		want[i] = event(&rows[i])
	}
	b, err := s.open()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	again := NewBuilder("c")
	var got []llama.Event
	err = b.Each(func(r *column.Row) error {
		got = append(got, event(r))
		again.Add(r)
		return nil
	})
	if d := diff(want, got); d != "" || err != nil {
		t.Fatalf("%s: row by row: error %v, -want +got\n%.3000s", name, err, d)
	}
	checkCounts(t, b)
	checkGrouped(t, b)
	checkTimeCounts(t, b)
	for round := range 2 {
		if got, err = b.Events(nil, 0, b.Rows()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := diff(want, got); d != "" {
			t.Fatalf("%s: by columns, round %d: -want +got\n%.3000s", name, round, d)
		}
		if b, err = store(t, again).open(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var places []uint32
	for i := 0; i < b.Rows(); i += 1 + i%7 {
		places = append(places, uint32(i))
	}
	half := len(places) / 2
	for _, places := range [][]uint32{places, places[:1], places[half : half+1], places[half:]} { // all in the same way, or each looked up
		m, err := b.At(places)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, row := range places {
			if e := &want[row]; m.Times[i] != e.Time || m.Seqs[i] != e.Seq || m.Ingested[i] != e.Ingested {
				t.Fatalf("%s: row %d: got %d, %d and %d, want %d, %d and %d", name, row, m.Times[i], m.Seqs[i], m.Ingested[i], e.Time, e.Seq, e.Ingested)
			}
		}
	}
	for _, absent := range []string{"", "nowhere", "zzz"} {
		if c, err := b.Load(absent); c != nil || err != nil {
			t.Fatalf("%s: a column that nobody has: %v, %v", name, c, err)
		}
	}
}

// writers draw events as several programs write them, each with messages and fields
// of its own, which may change as time goes by.
type writers struct {
	rng  *rand.Rand
	seq  uint64
	time llama.Time
	all  []*writer
}

type writer struct {
	source string
	parts  []piece
	shape  *column.Shape
	inside []within // for each field
	unit   llama.Time
}

// A piece is fixed text of a message, or draws what stands there.
type piece struct {
	text string
	draw func(rng *rand.Rand) string
}

// within says that a field is a run of pieces of the message, or draws it.
type within struct {
	first, end int
	draw       func(rng *rand.Rand) string
	changes    bool // its kind does
}

func newWriters(seed uint64) *writers {
	w := &writers{rng: rand.New(rand.NewPCG(seed, 77)), time: llama.Time(seed) * 1e15}
	for range 1 + w.rng.IntN(12) {
		w.all = append(w.all, newWriter(w.rng))
	}
	return w
}

// draws are the ways values come about. Many look like numbers and are not.
var draws = []func(rng *rand.Rand) string{
	func(*rand.Rand) string { return "" },
	func(*rand.Rand) string { return "fixed" },
	func(rng *rand.Rand) string { return fmt.Sprint(rng.IntN(3)) },
	func(rng *rand.Rand) string { return fmt.Sprint(rng.Int64()) },
	func(rng *rand.Rand) string { return fmt.Sprint(-rng.Int64()) },
	func(rng *rand.Rand) string { return fmt.Sprintf("%0*d", 1+rng.IntN(24), rng.Uint64()) },
	func(rng *rand.Rand) string { return fmt.Sprintf("%04d", rng.IntN(10000)) },
	func(rng *rand.Rand) string { return fmt.Sprintf("%.*f", rng.IntN(6), rng.NormFloat64()*1000) },
	func(rng *rand.Rand) string { return fmt.Sprintf("%.3f", rng.Float64()) },
	func(rng *rand.Rand) string {
		return fmt.Sprintf("%d.%d.%d.%d", rng.IntN(256), rng.IntN(256), rng.IntN(2), rng.IntN(260))
	},
	func(rng *rand.Rand) string { return fmt.Sprintf("%016x", rng.Uint64()) },
	func(rng *rand.Rand) string { return fmt.Sprintf("%x", rng.Uint64()) },
	func(rng *rand.Rand) string {
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<16), rng.IntN(1<<16), rng.Uint64()>>16)
	},
	func(rng *rand.Rand) string { return []string{"yes", "no", "1", "1.0", "01", "-0", "1e3"}[rng.IntN(7)] },
	func(rng *rand.Rand) string { return strings.Repeat("line\n\tof several ", rng.IntN(4)) },
	func(rng *rand.Rand) string { return string([]byte{0, 0xff, byte(rng.IntN(256)), '9', 0x80}) },
	func(rng *rand.Rand) string { return strings.Repeat("9", 1+rng.IntN(140)) },
	func(rng *rand.Rand) string {
		if rng.IntN(200) > 0 {
			return "short"
		}
		return strings.Repeat("long 1 ", maxMessage/6+rng.IntN(100))
	},
}

var separators = []string{"", " ", "=", ", ", ".", "-", " = [", "] ", "password for ", "\x00", "é1", "a1"}

func newWriter(rng *rand.Rand) *writer {
	w := &writer{source: []string{"", "udp 192.0.2.7", "tail"}[rng.IntN(3)], unit: units[rng.IntN(len(units))]}
	for range rng.IntN(12) {
		w.parts = append(w.parts, piece{text: separators[rng.IntN(len(separators))]}, piece{draw: draws[rng.IntN(len(draws))]})
	}
	if rng.IntN(20) == 0 {
		for len(w.parts) < 2*maxParts {
			w.parts = append(w.parts, piece{text: " "}, piece{draw: draws[2]})
		}
	}
	w.shape = &column.Shape{Source: w.source}
	for range rng.IntN(10) {
		w.field(rng)
	}
	return w
}

// field gives a writer a field more. Its name may be there already.
func (w *writer) field(rng *rand.Rand) {
	in := within{draw: draws[rng.IntN(len(draws))], changes: rng.IntN(10) == 0}
	if len(w.parts) > 0 && rng.IntN(3) > 0 {
		in.first = rng.IntN(len(w.parts))
		in.end = in.first + 1 + rng.IntN(min(4, len(w.parts)-in.first))
		in.draw = nil
	}
	name := fmt.Sprintf("f%02d", rng.IntN(30))
	if slices.Contains(w.shape.Names, name) && rng.IntN(10) > 0 {
		name += fmt.Sprint(".", len(w.shape.Names))
	}
	shape := &column.Shape{Source: w.source, Names: append(slices.Clip(w.shape.Names), name)}
	shape.Kinds = append(slices.Clip(w.shape.Kinds), llama.Kind(rng.IntN(int(llama.Object)+1)))
	w.shape = shape
	w.inside = append(w.inside, in)
}

// rows draws n events.
func (w *writers) rows(n int) []column.Row {
	var rows []column.Row
	for range n {
		if w.rng.IntN(100) == 0 {
			w.all[w.rng.IntN(len(w.all))] = newWriter(w.rng)
		}
		one := w.all[w.rng.IntN(len(w.all))]
		if w.rng.IntN(200) == 0 {
			one.field(w.rng)
		}
		row := one.row(w.rng)
		if w.rng.IntN(10) == 0 {
			row = w.wide()
		}
		w.seq += 1 + uint64(w.rng.IntN(3))
		w.time += llama.Time(w.rng.Int64N(1e9)) - 2e8
		row.Seq, row.Time, row.Ingested = w.seq, w.time/one.unit*one.unit, w.time
		rows = append(rows, row)
	}
	return rows
}

// wide draws an event of a random subset of many names.
func (w *writers) wide() column.Row {
	row := column.Row{Shape: &column.Shape{}}
	for k := range 40 {
		if w.rng.IntN(2) == 0 {
			row.Shape.Names = append(row.Shape.Names, fmt.Sprint("k", k))
			row.Shape.Kinds = append(row.Shape.Kinds, llama.Kind(k%6))
			row.Values = append(row.Values, draws[w.rng.IntN(8)](w.rng))
		}
	}
	return row
}

// row draws an event. Those of its values that are in the message share its memory.
func (w *writer) row(rng *rand.Rand) column.Row {
	var message []byte
	ends := []int{0}
	for _, p := range w.parts {
		if p.draw != nil {
			message = append(message, p.draw(rng)...)
		} else {
			message = append(message, p.text...)
		}
		ends = append(ends, len(message))
	}
	row := column.Row{Message: string(message), Shape: w.shape}
	for _, in := range w.inside {
		value := ""
		if in.draw != nil {
			value = strings.Clone(in.draw(rng))
		} else {
			value = row.Message[ends[in.first]:ends[in.end]]
		}
		if in.changes && rng.IntN(2) == 0 && row.Shape == w.shape {
			other := *w.shape
			other.Kinds = slices.Clone(other.Kinds)
			other.Kinds[len(row.Values)] = llama.Kind(rng.IntN(2))
			row.Shape = &other
		}
		row.Values = append(row.Values, value)
	}
	return row
}

// TestExtremeEventsComeBack has one event of each kind that is larger than anything
// usual, among usual ones.
func TestExtremeEventsComeBack(t *testing.T) {
	t.Parallel()
	many := column.Row{Seq: 1, Shape: &column.Shape{}}
	for i := range 100_000 {
		many.Shape.Names = append(many.Shape.Names, fmt.Sprint("name", i))
		many.Values = append(many.Values, "v")
	}
	many.Shape.Kinds = make([]llama.Kind, len(many.Shape.Names))
	for name, extreme := range map[string]column.Row{
		"100,000 fields":    many,
		"1 MiB of digits":   {Message: strings.Repeat("7", 1<<20), Shape: &column.Shape{}},
		"1 MiB of words":    {Message: strings.Repeat("word 1 ", 1<<20/7), Shape: &column.Shape{}},
		"a value of 1 MiB":  {Shape: &column.Shape{Names: []string{"n"}, Kinds: []llama.Kind{llama.Number}}, Values: []string{strings.Repeat("7", 1<<20)}},
		"nothing":           {Shape: &column.Shape{}},
		"every byte":        {Message: everyByte(), Shape: &column.Shape{}},
		"cut into the most": cutUp(maxParts),
		"cut into too many": cutUp(maxParts + 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rows []column.Row
			for i := range 40 {
				row := parsed(t, i, fmt.Sprintf("usual ⟨n:%d⟩", i))
				row.Seq = uint64(2*i + 1)
				rows = append(rows, row)
				if i%3 == 0 && i/3 < worthy+1 && (i == 0 || len(extreme.Values) < 1000) {
					e := extreme
					e.Seq = uint64(2*i + 2)
					rows = append(rows, e)
				}
			}
			b := NewBuilder("c")
			for i := range rows {
				b.Add(&rows[i])
			}
			compare(t, name, store(t, b), rows)
		})
	}
}

func everyByte() string {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	return string(all)
}

// cutUp makes an event of which so many fields are the message, one behind the other.
func cutUp(fields int) column.Row {
	row := column.Row{Message: strings.Repeat("x", fields), Shape: &column.Shape{}}
	for i := range fields {
		row.Shape.Names = append(row.Shape.Names, fmt.Sprint("f", i))
		row.Values = append(row.Values, row.Message[i:i+1])
	}
	row.Shape.Kinds = make([]llama.Kind, fields)
	return row
}
