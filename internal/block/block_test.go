package block

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// stored is a block as chunks in memory.
type stored struct {
	rows   int
	names  []string
	chunks map[Kind]map[string][]byte
}

// diff is cmp.Diff of what seldom differs: under the race detector that takes seconds to find
// nothing among events that are all alike.
func diff[T any](want, got T, options ...cmp.Option) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got, options...)
}

func store(t testing.TB, b *Builder) *stored {
	t.Helper()
	s := &stored{rows: b.Rows(), chunks: map[Kind]map[string][]byte{}}
	err := NewEncoder().Encode(b, func(c Chunk) error {
		if s.chunks[c.Kind] == nil {
			s.chunks[c.Kind] = map[string][]byte{}
		}
		s.chunks[c.Kind][c.Name] = bytes.Clone(c.Data)
		if c.Kind == Field {
			s.names = append(s.names, c.Name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(s.names) {
		t.Errorf("names are not sorted: %q", s.names)
	}
	return s
}

func (s *stored) open() (*column.Block, error) {
	return Open("c", s.rows, s.names, Source{
		Read: func(kind Kind, name string) ([]byte, error) { return s.chunks[kind][name], nil },
	})
}

func (s *stored) size() (n int) {
	for _, named := range s.chunks {
		for _, data := range named {
			n += len(data)
		}
	}
	return n
}

// event returns a row as an event, with its fields by name. Of a name that comes again
// the last counts.
func event(r *column.Row) llama.Event {
	e := llama.Event{Time: r.Time, Ingested: r.Ingested, Seq: r.Seq, Collection: "c", Source: r.Shape.Source, Message: r.Message}
	for i, name := range r.Shape.Names {
		e.Fields = append(e.Fields, llama.Field{Name: name, Value: r.Values[i], Kind: r.Shape.Kinds[i]})
	}
	slices.SortStableFunc(e.Fields, func(x, y llama.Field) int { return strings.Compare(x.Name, y.Name) })
	for i := len(e.Fields) - 2; i >= 0; i-- {
		if e.Fields[i].Name == e.Fields[i+1].Name {
			e.Fields = slices.Delete(e.Fields, i, i+1)
		}
	}
	return e
}

// check compares all that can be read of a block with the rows it was made of.
func check(t testing.TB, rows []column.Row) *stored {
	t.Helper()
	b := NewBuilder("c")
	for i := range rows {
		b.Add(&rows[i])
	}
	s := store(t, b)
	want := make([]llama.Event, len(rows))
	for i := range rows {
		want[i] = event(&rows[i])
	}
	read, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := read.Events(nil, 0, read.Rows())
	if err != nil {
		t.Fatal(err)
	}
	checkCounts(t, read)
	checkGrouped(t, read)
	checkTimeCounts(t, read)
	if d := diff(want, got); d != "" {
		t.Fatalf("by columns: -want +got\n%s", d)
	}
	got = nil
	again := NewBuilder("c")
	err = read.Each(func(r *column.Row) error {
		got = append(got, event(r))
		again.Add(r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(want, got); d != "" {
		t.Fatalf("row by row: -want +got\n%s", d)
	}
	b.Reset()
	for i := range rows {
		b.Add(&rows[i])
	}
	if n := store(t, b).size(); n != s.size() {
		t.Errorf("with known templates it takes %d bytes, not %d", n, s.size())
	}
	if n := store(t, again).size(); n > s.size()+s.size()/50+16 {
		t.Errorf("encoded again it takes %d bytes, not %d", n, s.size())
	}
	return s
}

// parsed makes a row of a message in which ⟨name:value⟩ is a field, and of fields
// that are not in it.
func parsed(t testing.TB, seq int, marked string, fields ...llama.Field) column.Row {
	t.Helper()
	shape := &column.Shape{Source: "test"}
	var plain strings.Builder
	type at struct{ start, end int }
	var places []at
	var open []int
	for i := 0; i < len(marked); {
		rest := marked[i:]
		switch {
		case strings.HasPrefix(rest, "⟨"):
			name, _, _ := strings.Cut(rest[len("⟨"):], ":")
			shape.Names = append(shape.Names, name)
			shape.Kinds = append(shape.Kinds, llama.String)
			places = append(places, at{start: plain.Len()})
			open = append(open, len(places)-1)
			i += len("⟨") + len(name) + 1
		case strings.HasPrefix(rest, "⟩"):
			places[open[len(open)-1]].end = plain.Len()
			open = open[:len(open)-1]
			i += len("⟩")
		default:
			plain.WriteByte(marked[i])
			i++
		}
	}
	row := column.Row{Time: llama.Time(seq) * 1e6, Ingested: 5, Seq: uint64(seq + 1), Message: plain.String(), Shape: shape}
	for _, p := range places {
		row.Values = append(row.Values, row.Message[p.start:p.end])
	}
	for _, f := range fields {
		shape.Names = append(shape.Names, f.Name)
		shape.Kinds = append(shape.Kinds, f.Kind)
		row.Values = append(row.Values, f.Value)
	}
	return row
}

func TestBlocksComeBack(t *testing.T) {
	t.Parallel()
	tests := map[string]func(i int) string{
		"plain": func(i int) string {
			return fmt.Sprintf("Failed password for ⟨user:u%d⟩ from ⟨ip:10.0.0.%d⟩ port 22", i%9, i%250)
		},
		"nested": func(i int) string {
			return fmt.Sprintf("GET ⟨url:⟨path:/a/%d⟩?⟨query:id=%d⟩⟩ done", i%3, i)
		},
		"twice":        func(i int) string { return fmt.Sprintf("from ⟨address:⟨ip:192.0.2.%d⟩⟩ ok", i%256) },
		"adjacent":     func(i int) string { return fmt.Sprintf("⟨a:%d⟩⟨b:x%d⟩", i, i) },
		"all":          func(i int) string { return fmt.Sprintf("⟨all:line %d of 7⟩", i) },
		"no fields":    func(i int) string { return fmt.Sprintf("block blk_-%d at 0x%x", i*7919, i) },
		"same":         func(int) string { return "nothing ever changes" },
		"empty":        func(int) string { return "" },
		"empty values": func(int) string { return "x ⟨a:⟩ y" },
		"words":        func(i int) string { return fmt.Sprintf("word%s here", strings.Repeat("x", i)) },
		"binary":       func(i int) string { return fmt.Sprintf("\x00\xff%d\n\tline two %c", i, i) },
		"many numbers": func(i int) string { return strings.Repeat(fmt.Sprint(i, " "), 400) },
		"uuid":         func(i int) string { return fmt.Sprintf("id 0145c68c-c414-43b0-a52d-%012x.", i) },
		"overlapping":  func(i int) string { return fmt.Sprintf("q ⟨outer:a=⟨inner:%d⟩;b=%d⟩ 9", i, i) },
	}
	for name, message := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rows []column.Row
			for i := range 300 {
				rows = append(rows, parsed(t, i, message(i), llama.Field{Name: "pid", Value: fmt.Sprint(i % 17), Kind: llama.Number}, llama.Field{Name: "z", Value: "constant"}))
			}
			check(t, rows)
			check(t, rows[:1])
			check(t, rows[:worthy])
		})
	}
}

func TestMixedBlockComesBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var rows []column.Row
		for i := range 400 {
			var row column.Row
			switch rng.IntN(5) {
			case 0:
				row = parsed(t, i, fmt.Sprintf("from ⟨ip:10.0.0.%d⟩ port ⟨port:%d⟩", rng.IntN(256), rng.IntN(1<<16)))
			case 1:
				row = parsed(t, i, fmt.Sprintf("rare %c ⟨ip:10.0.0.%d⟩", 'a'+rng.IntN(26), rng.IntN(256)), llama.Field{Name: "n", Value: "1", Kind: llama.Number})
			case 2:
				row = parsed(t, i, "")
				for k := range 40 {
					if rng.IntN(2) == 0 {
						row.Shape.Names = append(row.Shape.Names, fmt.Sprint("k", k))
						row.Shape.Kinds = append(row.Shape.Kinds, llama.Kind(rng.IntN(6)))
						row.Values = append(row.Values, fmt.Sprint(rng.IntN(100)))
					}
				}
			case 3: // the kind drifts
				row = parsed(t, i, "drift", llama.Field{Name: "n", Value: fmt.Sprint(i), Kind: llama.Kind(rng.IntN(2))})
			default:
				row = parsed(t, i, fmt.Sprintf("%d ⟨word:%c⟩", i, 'a'+rng.IntN(3)))
				row.Shape.Source = fmt.Sprint("s", rng.IntN(2))
			}
			row.Time = llama.Time(rng.Int64N(1e9)) * units[rng.IntN(4)] / 1e6
			row.Ingested = llama.Time(i / 50)
			row.Seq = uint64(2 * i)
			rows = append(rows, row)
		}
		check(t, rows)
	}
}

func TestFieldsInTheMessageAreNotStoredTwice(t *testing.T) {
	t.Parallel()
	var in, out []column.Row
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 2000 {
		ip := fmt.Sprintf("%d.%d.%d.%d", rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(256))
		in = append(in, parsed(t, i, "from ⟨address:⟨ip:"+ip+"⟩⟩ closed"))
		out = append(out, parsed(t, i, "from "+ip+" closed"))
	}
	with, without := check(t, in).size(), check(t, out).size()
	if with > without+200 {
		t.Errorf("%d bytes with fields, %d without", with, without)
	}
}

// TestDamagedBlocksAreErrors cuts each chunk at each place, which is an error, and changes
// each byte. A block has no sums of its own, as its chunks are sealed, so a changed byte
// may make another block; but nothing panics.
func TestDamagedBlocksAreErrors(t *testing.T) {
	t.Parallel()
	var rows []column.Row
	for i := range 60 {
		rows = append(rows, parsed(t, i, fmt.Sprintf("GET ⟨url:⟨path:/a/%d⟩?%d⟩", i%3, i), llama.Field{Name: "n", Value: fmt.Sprint(i)}))
	}
	rows = append(rows, parsed(t, 60, "loose"))
	s := check(t, rows)
	for kind, named := range s.chunks {
		for name, data := range named {
			for i := range data {
				for _, change := range []byte{1, 0x80, 0xff} {
					s.chunks[kind][name] = bytes.Clone(data)
					s.chunks[kind][name][i] ^= change
					readAll(s)
				}
				if i == 0 && kind == Field {
					continue // a field need not have data
				}
				s.chunks[kind][name] = data[:i]
				if kind == Loose || kind == Facts {
					readAll(s) // they end where their data does, and the second is needed for none
					continue
				}
				if err := readAll(s); err == nil {
					t.Errorf("chunk %d %q, cut after %d of %d bytes, is read", kind, name, i, len(data))
				} else if !errors.Is(err, ErrDamaged) && !errors.Is(err, column.ErrDamaged) {
					t.Errorf("chunk %d %q, cut after %d of %d bytes: %v", kind, name, i, len(data), err)
				}
			}
			s.chunks[kind][name] = data
		}
	}
}

// readAll reads what can be read, which must not panic.
func readAll(s *stored) error {
	b, err := s.open()
	if err != nil {
		return err
	}
	if err := b.Each(func(*column.Row) error { return nil }); err != nil {
		return err
	}
	if _, err = b.Events(nil, 0, b.Rows()); err != nil {
		return err
	}
	list, err := b.Families()
	if err != nil {
		return err
	}
	for i := range list.List {
		for _, p := range list.List[i].Parts {
			if p.Is != column.Slots {
				continue
			}
			f, err := b.Facts(p.Slot)
			if err != nil {
				return err
			}
			if f != nil {
				f.May("4711", true)
			}
		}
	}
	return nil
}
