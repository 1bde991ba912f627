package query

import (
	"strings"

	"github.com/llama-logs/llama"
)

// A wideFilter keeps rows where any of several fields has a text that a filter of
// one field lets in. What is empty does not count.
type wideFilter struct {
	pattern string // a prefix and a star
	one     *fieldFilter
}

// anyField stands for the name of the field while the filter of one is read.
const anyField = "\x00any"

// wide reads the filter behind the colon of a pattern of fields.
func (p *parser) wide(pattern string) filter {
	pos := p.tok().pos
	p.next()
	if p.is("") {
		p.fail("expected a filter behind the fields %q", pattern)
	}
	f, ok := widened(p.one(anyField), pattern)
	if !ok && p.err == nil {
		p.failAt(pos, nil, "this filter cannot be asked of several fields; name the field")
	}
	return f
}

// widened returns f with its leaves asked of all fields that pattern means.
func widened(f filter, pattern string) (filter, bool) {
	all := func(list []filter) ([]filter, bool) {
		out := make([]filter, len(list))
		for i, g := range list {
			var ok bool
			if out[i], ok = widened(g, pattern); !ok {
				return nil, false
			}
		}
		return out, true
	}
	switch f := f.(type) {
	case *andFilter:
		list, ok := all(f.list)
		return &andFilter{list}, ok
	case *orFilter:
		list, ok := all(f.list)
		return &orFilter{list}, ok
	case *notFilter:
		g, ok := widened(f.f, pattern)
		return &notFilter{g}, ok
	case *fieldFilter:
		if f.field != anyField {
			return f, false
		}
		one := *f
		one.match = func(s string) bool { return s != "" && f.match(s) }
		return &wideFilter{pattern, &one}, true
	case allFilter:
		return f, true
	}
	return f, false
}

func (f *wideFilter) write(b *strings.Builder) {
	b.WriteString(quoteField(f.pattern) + ":" + f.one.text)
}

// of returns the filter of one field.
func (f *wideFilter) of(name string) *fieldFilter {
	one := *f.one
	one.field, one.names = name, nil
	return &one
}

func (c *chunk) evalWide(f *wideFilter, sel []uint32) []uint32 {
	var in []uint32
	for i := range c.fields {
		own := &c.fields[i]
		if own.hidden || !matchField(f.pattern, own.name) || len(sel) == 0 || c.err != nil {
			continue
		}
		if more := c.evalField(f.of(own.name), sel); len(more) > 0 {
			sel = c.without(sel, more)
			in = c.union(in, more)
		}
	}
	return in
}

func (f *wideFilter) matchEvent(e *llama.Event) bool {
	for _, name := range []string{llama.NameMessage, llama.NameCollection, llama.NameTime, llama.NameSource, llama.NameIngested} {
		if matchField(f.pattern, name) && f.one.match(eventText(e, name)) {
			return true
		}
	}
	for i := range e.Fields {
		if matchField(f.pattern, e.Fields[i].Name) && f.one.match(e.Fields[i].Value) {
			return true
		}
	}
	return false
}
