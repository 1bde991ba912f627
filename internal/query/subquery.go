package query

import (
	"context"
	"slices"

	"github.com/llama-logs/llama"
)

// Queries within queries. Where one stands decides where it runs:
//
//	in a filter of the node's half    on each node, over what that node has
//	in a filter of the merger's half  on all nodes; the merger has their answer
//	in join and union                 likewise
//
// Before its run a filter of the first kind becomes a filter of the values that
// the node found. For the others a node sends, before its own frames, those of
// each such query, as frames of the kind Within.

// source gives rows to emit.
type source func(emit func(Row) error) error

// A mergePipe needs the answer of another query, and so works where answers are
// merged, whatever stands before it.
type mergePipe interface {
	pipe
	// within is the other query.
	within() *Query
	// follow returns the rows of before with what the answer of the other query
	// makes of them.
	follow(ctx context.Context, e *env, before source, answer []Row) source
}

// subquery reads a query between parentheses.
func (p *parser) subquery(what string) *Query {
	defer p.leave()
	if !p.enter() {
		return &Query{filter: allFilter{}}
	}
	if p.queries++; p.queries > maxQueries {
		p.fail("more than %d queries within the query", maxQueries)
	}
	p.expect("(", "before the query of "+what)
	q := p.query()
	p.expect(")", "behind the query of "+what)
	return q
}

// holdsQuery reports whether the parentheses here hold a query and not values: a
// pipe stands in them.
func (p *parser) holdsQuery() bool {
	depth := 0
	for _, t := range p.tokens[p.i:] {
		switch t.lower {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
		case "|":
			if depth == 1 {
				return true
			}
		}
		if depth == 0 {
			return false
		}
	}
	return false
}

// A queryFilter compares a field with the values of another query's only field.
type queryFilter struct {
	field string
	kind  string // in, contains_any or contains_all
	query *Query
	value string // the field of the query
}

func (p *parser) queryFilter(field, kind string) filter {
	pos := p.tok().pos
	f := &queryFilter{field: canonical(field), kind: kind, query: p.subquery(kind)}
	f.value = f.query.onlyField()
	if f.value == "" && p.err == nil {
		p.failAt(pos, nil, "the query in %s(…) must end with `fields` or `uniq by` and one field, whose values are meant", kind)
	}
	return f
}

// onlyField returns the one field that q answers with, or "".
func (q *Query) onlyField() string {
	if len(q.pipes) == 0 {
		return ""
	}
	var fields []string
	switch last := q.pipes[len(q.pipes)-1].(type) {
	case *fieldsPipe:
		fields = last.patterns
	case *groupPipe:
		if last.kind == "uniq" && last.hits == "" {
			fields = last.by
		}
	}
	if len(fields) != 1 || matchField(fields[0], "*") {
		return ""
	}
	return fields[0]
}

// maxPhrases bounds how many phrases of another query are looked for in each
// value: every one is looked for in all of it.
const maxPhrases = 10_000

// filter returns the filter of the values.
func (f *queryFilter) filter(values []string) (filter, error) {
	if f.kind == "in" {
		return newIn(f.field, values), nil
	}
	if len(values) > maxPhrases {
		return nil, llama.Errorf(llama.TooLarge, "the query in %s(…) found more than %d values; narrow it", f.kind, maxPhrases)
	}
	return newContains(f.field, f.kind, values), nil
}

// distinct returns the query for the values of f, each once.
func (f *queryFilter) distinct() *Query {
	q := *f.query
	q.pipes = append(slices.Clone(q.pipes), &groupPipe{kind: "uniq", by: []string{f.value}})
	return &q
}

// texts returns the texts of the rows' only field. What is empty is no value.
func (f *queryFilter) texts(rows []Row) []string {
	var out []string
	for _, row := range rows {
		for _, field := range row {
			if field.Name == f.value && field.Value != "" {
				out = append(out, field.Value)
			}
		}
	}
	return out
}

// Queries of a query are found by walking over it. A filler says what a
// queryFilter becomes.
type filler func(*queryFilter) (filter, error)

func fillFilter(f filter, fill filler) (filter, error) {
	switch f := f.(type) {
	case *andFilter:
		list, err := fillFilters(f.list, fill)
		return &andFilter{list}, err
	case *orFilter:
		list, err := fillFilters(f.list, fill)
		return &orFilter{list}, err
	case *notFilter:
		g, err := fillFilter(f.f, fill)
		return &notFilter{g}, err
	case *queryFilter:
		return fill(f)
	}
	return f, nil
}

func fillFilters(list []filter, fill filler) ([]filter, error) {
	out := make([]filter, len(list))
	for i, f := range list {
		g, err := fillFilter(f, fill)
		if err != nil {
			return nil, err
		}
		out[i] = g
	}
	return out, nil
}

// fillPipe returns p with its filters filled.
func fillPipe(p pipe, fill filler) (pipe, error) {
	var err error
	one := func(f filter) filter {
		if f == nil || err != nil {
			return f
		}
		f, err = fillFilter(f, fill)
		return f
	}
	var filled pipe
	switch p := p.(type) {
	case *filterPipe:
		filled = with(p, func(q *filterPipe) *filter { return &q.filter }, one)
	case *extractPipe:
		filled = with(p, func(q *extractPipe) *filter { return &q.condition }, one)
	case *formatPipe:
		filled = with(p, func(q *formatPipe) *filter { return &q.condition }, one)
	case *replacePipe:
		filled = with(p, func(q *replacePipe) *filter { return &q.condition }, one)
	case *rewritePipe:
		filled = with(p, func(q *rewritePipe) *filter { return &q.condition }, one)
	case *unpackPipe:
		filled = with(p, func(q *unpackPipe) *filter { return &q.condition }, one)
	case *unrollPipe:
		filled = with(p, func(q *unrollPipe) *filter { return &q.condition }, one)
	case *statsPipe:
		q := *p
		q.funcs = slices.Clone(p.funcs)
		for i := range q.funcs {
			q.funcs[i].condition = one(q.funcs[i].condition)
		}
		filled = &q
	default:
		filled = p
	}
	return filled, err
}

// with returns a copy of p with another filter.
func with[P any](p *P, at func(*P) *filter, other func(filter) filter) *P {
	q := *p
	f := at(&q)
	*f = other(*f)
	return &q
}

// inFilters returns the queryFilters of filters and pipes, in the order in which
// they stand.
func inFilters(f filter, pipes []pipe) []*queryFilter {
	var out []*queryFilter
	note := func(q *queryFilter) (filter, error) {
		out = append(out, q)
		return q, nil
	}
	_, _ = fillFilter(f, note) // note never fails
	for _, p := range pipes {
		_, _ = fillPipe(p, note)
	}
	return out
}

// queries returns all queries that stand right within q.
func (q *Query) queries() []*Query {
	var out []*Query
	for _, f := range inFilters(q.filter, q.pipes) {
		out = append(out, f.query)
	}
	for _, p := range q.pipes {
		if m, ok := p.(mergePipe); ok {
			out = append(out, m.within())
		}
	}
	return out
}
