package query

import (
	"strings"

	"github.com/llama-logs/llama"
)

// A filter says whether a row is in. Filters are immutable and know their
// normal form; eval.go and match.go run them over columns and over one event.
type filter interface {
	write(b *strings.Builder)
}

// allFilter is in its normal form `*`.
type allFilter struct{}

type andFilter struct{ list []filter }

type orFilter struct{ list []filter }

type notFilter struct{ f filter }

// A fieldFilter looks at the text of one field; a row without the field has the
// empty text.
type fieldFilter struct {
	field string
	text  string // normal form behind the field's name
	match func(value string) bool
	cost  int      // what one call of match costs, roughly: cheap filters run first
	names []string // the values it names, of an exact filter; see Query.Collections
	oneOf []string // phrases of which each value that match lets in has one; nil: not known
	allOf []string // and those that it has all; nil: not known
	// begin is what all values begin with that match lets in, and no others; "": not known.
	begin string
	// needle is in each value that match lets in; nil when nothing is known of them.
	needle *needle
}

// A pairFilter compares two fields of the same row.
type pairFilter struct {
	field, other string
	text         string
	match        func(a, b string) bool
}

// A timeFilter keeps rows whose `_time` lies in [from, to].
type timeFilter struct {
	text     string
	from, to llama.Time
	nows     int // how often it looks at now
}

// A clockFilter keeps rows by time of day or day of week.
type clockFilter struct {
	text  string
	match func(llama.Time) bool
}

// The costs of filters, as orders of magnitude.
const (
	costNumber = iota // compares something parsed or hashed
	costText          // scans the value for a literal
	costRegexp
)

func (allFilter) write(b *strings.Builder) { b.WriteByte('*') }

func (f *andFilter) write(b *strings.Builder) {
	for i, g := range f.list {
		if i > 0 {
			b.WriteByte(' ')
		}
		_, isOr := g.(*orFilter)
		writeParens(b, g, isOr)
	}
}

func (f *orFilter) write(b *strings.Builder) {
	for i, g := range f.list {
		if i > 0 {
			b.WriteString(" or ")
		}
		g.write(b)
	}
}

func (f *notFilter) write(b *strings.Builder) {
	b.WriteByte('!')
	_, isAnd := f.f.(*andFilter)
	_, isOr := f.f.(*orFilter)
	writeParens(b, f.f, isAnd || isOr)
}

func writeParens(b *strings.Builder, f filter, parens bool) {
	if parens {
		b.WriteByte('(')
	}
	f.write(b)
	if parens {
		b.WriteByte(')')
	}
}

func (f *fieldFilter) write(b *strings.Builder) {
	writeField(b, f.field)
	b.WriteString(f.text)
}

func (f *pairFilter) write(b *strings.Builder) {
	writeField(b, f.field)
	b.WriteString(f.text)
}

func (f *timeFilter) write(b *strings.Builder) { b.WriteString("_time:" + f.text) }

func (f *clockFilter) write(b *strings.Builder) { b.WriteString("_time:" + f.text) }

func writeField(b *strings.Builder, field string) {
	if field != llama.NameMessage {
		b.WriteString(quote(field) + ":")
	}
}

func filterText(f filter) string {
	var b strings.Builder
	f.write(&b)
	return b.String()
}

// simplify flattens and/or of the same kind and drops what `*` makes useless.
func simplify(f filter) filter {
	switch f := f.(type) {
	case *andFilter:
		list := flatten(f.list, func(g filter) ([]filter, bool) {
			and, ok := g.(*andFilter)
			if !ok {
				return nil, false
			}
			return and.list, true
		})
		kept := list[:0]
		for _, g := range list {
			if g != (allFilter{}) {
				kept = append(kept, g)
			}
		}
		return joined(kept, func(l []filter) filter { return &andFilter{l} })
	case *orFilter:
		list := flatten(f.list, func(g filter) ([]filter, bool) {
			or, ok := g.(*orFilter)
			if !ok {
				return nil, false
			}
			return or.list, true
		})
		for _, g := range list {
			if g == (allFilter{}) {
				return allFilter{}
			}
		}
		return joined(list, func(l []filter) filter { return &orFilter{l} })
	case *notFilter:
		g := simplify(f.f)
		if not, ok := g.(*notFilter); ok {
			return not.f
		}
		return &notFilter{g}
	}
	return f
}

func flatten(list []filter, inner func(filter) ([]filter, bool)) []filter {
	var out []filter
	for _, f := range list {
		f = simplify(f)
		if l, ok := inner(f); ok {
			out = append(out, l...)
		} else {
			out = append(out, f)
		}
	}
	return out
}

func joined(list []filter, join func([]filter) filter) filter {
	switch len(list) {
	case 0:
		return allFilter{}
	case 1:
		return list[0]
	}
	return join(list)
}
