package block

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// worstCases make blocks that are hard in one way each, of as many rows as an
// archive would put into a block: rows times names up to column.MaxCells, and 16 MiB.
var worstCases = []struct {
	name string
	make func(rng *rand.Rand) []column.Row
}{
	{"usual", func(rng *rand.Rand) []column.Row {
		return fill(func(i int) column.Row {
			return row(fmt.Sprintf("Failed password for user%d from 10.0.%d.%d port %d ssh2", rng.IntN(900), rng.IntN(9), rng.IntN(256), rng.IntN(1<<16)), wideShape(12, 0), func(k int) string { return fmt.Sprint(k, i%7) })
		})
	}},
	{"shapes of their own", func(rng *rand.Rand) []column.Row {
		return fill(func(i int) column.Row {
			return row("", wideShape(4, 4*i%250), func(k int) string { return fmt.Sprint(i) })
		})
	}},
	{"templates of their own", func(rng *rand.Rand) []column.Row {
		one := wideShape(4, 0)
		return fill(func(i int) column.Row {
			return row(fmt.Sprintf("a %s b", words(i)), one, func(k int) string { return "v" })
		})
	}},
	{"just enough of each template", func(rng *rand.Rand) []column.Row {
		one := wideShape(4, 0)
		return fill(func(i int) column.Row {
			return row(fmt.Sprintf("a %s %d b", words(i/worthy), i), one, func(k int) string { return fmt.Sprint(i) })
		})
	}},
	{"many fields in each message", func(rng *rand.Rand) []column.Row {
		one := wideShape(400, 0)
		return fill(func(i int) column.Row {
			r := row(strings.Repeat("x", 401), one, nil)
			for k := 400; k > 0; k-- { // against their order, and one within the other
				r.Values = append(r.Values, r.Message[k:])
			}
			return r
		})
	}},
	{"fields within fields", func(rng *rand.Rand) []column.Row {
		one := wideShape(120, 0)
		return fill(func(i int) column.Row {
			r := row(strings.Repeat("x", 128)+strings.Repeat("y", 128), one, nil)
			for k := range 120 {
				r.Values = append(r.Values, r.Message[k:256-k])
			}
			return r
		})
	}},
	{"wide, and all fields nearly the same", func(rng *rand.Rand) []column.Row {
		one := wideShape(900, 0)
		return fill(func(i int) column.Row {
			return row("", one, func(k int) string {
				if k == i%900 {
					return "b" // so that no field is as another, but for one row
				}
				return fmt.Sprint(i % 100)
			})
		})
	}},
	{"very wide", func(rng *rand.Rand) []column.Row {
		one := wideShape(20_000, 0)
		return fill(func(i int) column.Row { return row("", one, func(k int) string { return fmt.Sprint(i) }) })
	}},
	{"numbers only", func(rng *rand.Rand) []column.Row {
		one := wideShape(1, 0)
		return fill(func(i int) column.Row {
			return row(strings.Repeat(fmt.Sprint(i%10, " "), 120), one, func(k int) string { return "v" })
		})
	}},
	{"too many numbers", func(rng *rand.Rand) []column.Row {
		one := wideShape(1, 0)
		return fill(func(i int) column.Row {
			return row(strings.Repeat(fmt.Sprint(i%10, " "), 300), one, func(k int) string { return "v" })
		})
	}},
	{"one long word", func(rng *rand.Rand) []column.Row {
		one := wideShape(1, 0)
		return fill(func(i int) column.Row {
			return row(strings.Repeat("a", 500)+fmt.Sprint(i), one, func(k int) string { return "v" })
		})
	}},
}

// fill draws events until a block is full.
func fill(draw func(i int) column.Row) (rows []column.Row) {
	bytes, names := 0, map[string]bool{}
	for i := 0; i < column.MaxRows && bytes < 16<<20; i++ {
		r := draw(i)
		for _, name := range r.Shape.Names {
			names[name] = true
		}
		if i*len(names) > column.MaxCells {
			break
		}
		bytes += len(r.Message) + 2*len(r.Values)
		r.Seq, r.Time, r.Ingested = uint64(i+1), llama.Time(i)*1e6, llama.Time(i)*1e6
		rows = append(rows, r)
	}
	return rows
}

func row(message string, shape *column.Shape, value func(k int) string) column.Row {
	r := column.Row{Message: message, Shape: shape}
	if value != nil {
		for k := range shape.Names {
			r.Values = append(r.Values, value(k))
		}
	}
	return r
}

var wideShapes = map[[2]int]*column.Shape{}

func wideShape(names, first int) *column.Shape {
	s := wideShapes[[2]int{names, first}]
	if s == nil {
		s = &column.Shape{Kinds: make([]llama.Kind, names)}
		for k := range names {
			s.Names = append(s.Names, fmt.Sprint("name", first+k))
		}
		wideShapes[[2]int{names, first}] = s
	}
	return s
}

// words writes a number without digits, which templates would take for slots.
func words(i int) string {
	text := []byte(fmt.Sprint(i))
	for k := range text {
		text[k] += 'a' - '0'
	}
	return string(text)
}

// BenchmarkWorst compares what is hard with what is usual: nanoseconds for each event
// and for each of its fields, to encode and to read again; and memory at its peak.
func BenchmarkWorst(b *testing.B) {
	for _, c := range worstCases {
		rows := c.make(rand.New(rand.NewPCG(1, 1)))
		cells := 0
		for i := range rows {
			cells += 1 + len(rows[i].Values)
		}
		builder := NewBuilder("c")
		add := func() {
			builder.Reset()
			for i := range rows {
				builder.Add(&rows[i])
			}
		}
		add()
		s := store(b, builder)
		per := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/event")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*cells), "ns/cell")
			b.ReportMetric(float64(len(rows)), "rows")
		}
		b.Run("write/"+c.name, func(b *testing.B) {
			for b.Loop() {
				add()
				store(b, builder)
			}
			per(b)
			b.ReportMetric(float64(kept(builder))/1e6, "kept-MB")
		})
		b.Run("each/"+c.name, func(b *testing.B) {
			for b.Loop() {
				read, err := s.open()
				if err == nil {
					err = read.Each(func(*column.Row) error { return nil })
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			per(b)
		})
		b.Run("load/"+c.name, func(b *testing.B) {
			for b.Loop() {
				read, err := s.open()
				if err != nil {
					b.Fatal(err)
				}
				for _, name := range read.Names {
					if _, err := read.Load(name); err != nil {
						b.Fatal(err)
					}
				}
			}
			per(b)
		})
	}
}

// kept returns the bytes a builder has when it is empty again.
func kept(b *Builder) int {
	b.Reset()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	templates := slices.Clone(b.templates)
	*b = *NewBuilder(b.collection)
	clear(templates)
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int(before.HeapAlloc) - int(after.HeapAlloc)
}
