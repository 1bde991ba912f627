package query

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// fieldNamesPipe tells which fields there are, and how many rows have a text in
// each.
type fieldNamesPipe struct{ result string }

func (p *parser) fieldNames() pipe {
	f := &fieldNamesPipe{result: "name"}
	if p.accept("as") || !p.atEnd() {
		f.result = p.fieldName()
	}
	return f
}

func (f *fieldNamesPipe) write(b *strings.Builder) {
	b.WriteString("field_names")
	if f.result != "name" {
		b.WriteString(" as " + quote(f.result))
	}
}

func (f *fieldNamesPipe) gather(e *env, _ []pipe) gatherer {
	return &nameGatherer{pipe: f, env: e, hits: map[string]uint64{}}
}

type nameGatherer struct {
	pipe *fieldNamesPipe
	env  *env
	hits map[string]uint64
}

func (g *nameGatherer) add(c *chunk) error {
	for i := range c.fields {
		f := &c.fields[i]
		var n uint64
		if c.block != nil && (f.base == llama.NameTime || f.base == llama.NameCollection || f.base == llama.NameID) {
			n = uint64(len(c.sel)) // every event has these
		} else if col := c.load(f); col != nil {
			for _, r := range c.sel {
				if code := col.Codes[r]; code != 0 && col.Values[code-1] != "" {
					n++
				}
			}
		}
		if n > 0 && !f.hidden {
			if err := g.count(f.name, n); err != nil {
				return err
			}
		}
	}
	return c.err
}

func (g *nameGatherer) count(name string, n uint64) error {
	if _, ok := g.hits[name]; ok {
		g.hits[name] += n
		return nil
	}
	g.hits[strings.Clone(name)] = n
	return g.env.budget.grow(costEntry + len(name))
}

func (g *nameGatherer) merge(from gatherer) error {
	for name, n := range from.(*nameGatherer).hits {
		if err := g.count(name, n); err != nil {
			return err
		}
	}
	return nil
}

// The wire form is a count, and of each name its text and its rows.
func (g *nameGatherer) frames(emit func(Frame) error) error {
	for names := range slices.Chunk(slices.Collect(maps.Keys(g.hits)), 1000) {
		w := wire{b: []byte{frameVersion}}
		w.uint(uint64(len(names)))
		for _, name := range names {
			w.text(name)
			w.uint(g.hits[name])
		}
		if err := emit(Frame{Kind: State, Bytes: w.b, Rows: len(names)}); err != nil {
			return err
		}
	}
	return nil
}

func (g *nameGatherer) read(_ string, f Frame) error {
	r := newReader(f.Bytes)
	for n := r.count(2); n > 0 && r.err == nil; n-- {
		name, hits := r.text(), r.uint()
		if r.err == nil {
			if err := g.count(name, hits); err != nil {
				return err
			}
		}
	}
	return r.end()
}

func (g *nameGatherer) rows(emit func(Row) error) error {
	names := make([]string, 0, len(g.hits))
	for name := range g.hits {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		err := emit(Row{
			{Name: g.pipe.result, Value: name},
			{Name: "hits", Value: strconv.FormatUint(g.hits[name], 10), Kind: llama.Number},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
