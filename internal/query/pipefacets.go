package query

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// facetsPipe tells the most frequent texts of each field. It leaves out fields
// with very many or very long texts, and such that say the same in all rows.
type facetsPipe struct {
	limit     int // texts of a field
	maxValues int // different texts that a field may have
	maxLength int // bytes that a text may have
	keepConst bool
}

const (
	facetLimit     = 10
	facetMaxValues = 1000
	facetMaxLength = 128
)

func (p *parser) facets() pipe {
	f := &facetsPipe{limit: facetLimit, maxValues: facetMaxValues, maxLength: facetMaxLength}
	if startsNumber(p.tok().text) {
		f.limit = p.count("the number of values of each field")
	}
	for {
		switch {
		case p.accept("max_values_per_field"):
			f.maxValues = p.count("the number of values that a field may have")
		case p.accept("max_value_len"):
			f.maxLength = p.count("the number of bytes that a value may have")
		case p.accept("keep_const_fields"):
			f.keepConst = true
		default:
			return f
		}
	}
}

func (f *facetsPipe) write(b *strings.Builder) {
	b.WriteString("facets")
	if f.limit != facetLimit {
		b.WriteString(" " + strconv.Itoa(f.limit))
	}
	if f.maxValues != facetMaxValues {
		b.WriteString(" max_values_per_field " + strconv.Itoa(f.maxValues))
	}
	if f.maxLength != facetMaxLength {
		b.WriteString(" max_value_len " + strconv.Itoa(f.maxLength))
	}
	if f.keepConst {
		b.WriteString(" keep_const_fields")
	}
}

func (f *facetsPipe) gather(e *env, _ []pipe) gatherer {
	return &facetGatherer{pipe: f, env: e, fields: map[string]*facet{}}
}

// A facetGatherer counts the texts of each field. A field that has too many or too
// long ones in a part of the rows has them in all of them, so parts may drop it.
type facetGatherer struct {
	pipe   *facetsPipe
	env    *env
	total  uint64 // rows
	fields map[string]*facet
}

// A facet is the texts of one field; hits is nil when the field is left out.
type facet struct{ hits map[string]uint64 }

func (g *facetGatherer) add(c *chunk) error {
	g.total += uint64(len(c.sel))
	var counts []uint64
	for i := range c.fields {
		f := &c.fields[i]
		if f.hidden || g.dropped(f.name) {
			continue
		}
		col := c.load(f)
		if col == nil {
			continue
		}
		counts = append(counts[:0], make([]uint64, len(col.Values)+1)...)
		for _, r := range c.sel {
			counts[col.Codes[r]]++
		}
		for code, n := range counts {
			if code == 0 || n == 0 {
				continue
			}
			if err := g.count(f.name, col.Values[code-1], n); err != nil {
				return err
			}
			if g.dropped(f.name) {
				break
			}
		}
	}
	return c.err
}

func (g *facetGatherer) dropped(name string) bool {
	f := g.fields[name]
	return f != nil && f.hits == nil
}

func (g *facetGatherer) count(name, text string, n uint64) error {
	if text == "" {
		return nil
	}
	f := g.fields[name]
	if f == nil {
		f = &facet{hits: map[string]uint64{}}
		g.fields[strings.Clone(name)] = f
		if err := g.env.budget.grow(costEntry + len(name)); err != nil {
			return err
		}
	}
	if _, known := f.hits[text]; known {
		f.hits[text] += n
		return nil
	}
	if f.hits == nil || len(f.hits) >= g.pipe.maxValues || len(text) > g.pipe.maxLength {
		return g.drop(f)
	}
	f.hits[strings.Clone(text)] = n
	return g.env.budget.grow(costEntry + len(text))
}

func (g *facetGatherer) drop(f *facet) error {
	size := 0
	for text := range f.hits {
		size += costEntry + len(text)
	}
	f.hits = nil
	return g.env.budget.grow(-size)
}

func (g *facetGatherer) merge(from gatherer) error {
	f := from.(*facetGatherer)
	g.total += f.total
	for name, other := range f.fields {
		if err := g.take(name, other.hits); err != nil {
			return err
		}
	}
	return nil
}

// take adds the texts of a field; nil says that it was dropped.
func (g *facetGatherer) take(name string, hits map[string]uint64) error {
	if hits == nil {
		if g.fields[name] == nil {
			g.fields[strings.Clone(name)] = &facet{}
			return g.env.budget.grow(costEntry + len(name))
		}
		return g.drop(g.fields[name])
	}
	for text, n := range hits {
		if err := g.count(name, text, n); err != nil {
			return err
		}
	}
	return nil
}

// The wire form: rows; count of fields, and of each its name, 0 when it was dropped
// or else 1 and the count of its texts, and each text with its rows. A field comes
// in one frame or in several, which add up.
func (g *facetGatherer) frames(emit func(Frame) error) error {
	total, fields := g.total, wire{}
	count := 0
	send := func() error {
		w := wire{b: []byte{frameVersion}}
		w.uint(total)
		w.uint(uint64(count))
		w.b = append(w.b, fields.b...)
		total, fields.b, count = 0, nil, 0
		return emit(Frame{Kind: State, Bytes: w.b})
	}
	for _, name := range slices.Sorted(maps.Keys(g.fields)) {
		f := g.fields[name]
		texts := slices.Collect(maps.Keys(f.hits))
		for first := true; first || len(texts) > 0; first = false {
			n := min(len(texts), 1000)
			fields.text(name)
			if f.hits == nil {
				fields.uint(0)
			} else {
				fields.uint(1)
				fields.uint(uint64(n))
			}
			for _, text := range texts[:n] {
				fields.text(text)
				fields.uint(f.hits[text])
			}
			texts = texts[n:]
			count++
			if len(fields.b) >= frameBytes {
				if err := send(); err != nil {
					return err
				}
			}
		}
	}
	return send()
}

func (g *facetGatherer) read(_ string, f Frame) error {
	r := newReader(f.Bytes)
	g.total += r.uint()
	for n := r.count(2); n > 0 && r.err == nil; n-- {
		name := r.text()
		var hits map[string]uint64
		if r.uint() != 0 {
			hits = map[string]uint64{}
			for m := r.count(2); m > 0 && r.err == nil; m-- {
				text := r.text()
				hits[text] += r.uint()
			}
		}
		if r.err != nil {
			break
		}
		if err := g.take(name, hits); err != nil {
			return err
		}
	}
	return r.end()
}

func (g *facetGatherer) rows(emit func(Row) error) error {
	for _, name := range slices.Sorted(maps.Keys(g.fields)) {
		hits := g.fields[name].hits
		texts := slices.SortedFunc(maps.Keys(hits), func(a, b string) int {
			if hits[a] != hits[b] {
				if hits[a] > hits[b] {
					return -1
				}
				return 1
			}
			return compareTexts(a, b)
		})
		if len(texts) == 1 && hits[texts[0]] == g.total && !g.pipe.keepConst {
			continue
		}
		for _, text := range texts[:min(len(texts), g.pipe.limit)] {
			err := emit(Row{
				{Name: "field_name", Value: name},
				{Name: "field_value", Value: text},
				{Name: "hits", Value: strconv.FormatUint(hits[text], 10), Kind: llama.Number},
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
