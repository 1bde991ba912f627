package query

import (
	"slices"
	"strconv"
	"strings"
)

// A Query is a parsed query. It is immutable and may be run by many at once.
type Query struct {
	options options
	filter  filter
	pipes   []pipe
	nows    int // how often it looks at now
}

// String returns the query in its normal form, which parses to the same query.
func (q *Query) String() string {
	var b strings.Builder
	q.options.write(&b)
	q.filter.write(&b)
	for _, p := range q.pipes {
		b.WriteString(" | ")
		p.write(&b)
	}
	return b.String()
}

// WithLimit returns the query with `| limit n` behind it.
func (q *Query) WithLimit(n int) *Query {
	limited := *q
	limited.pipes = mergePipes(append(slices.Clone(q.pipes), &limitPipe{n}))
	return &limited
}

// A pipe turns rows into rows. It is a rowPipe or a gatherPipe.
type pipe interface {
	write(b *strings.Builder)
}

// A rowPipe looks at one row at a time, and so runs wherever rows are.
type rowPipe interface {
	pipe
	apply(c *chunk) error
}

// A gatherPipe needs many rows. Each worker has a gatherer of its own; rest are
// the pipes that follow.
type gatherPipe interface {
	pipe
	gather(e *env, rest []pipe) gatherer
}

// query reads a whole query.
func (p *parser) query() *Query {
	outer, nows := p.options, p.nows
	defer func() { p.options = outer }()
	if p.is("options") && p.follows("(") {
		p.options = p.readOptions()
	}
	if p.is("", "|") {
		p.fail("unexpected %s; expected a filter; * stands for all events", p.shown())
	}
	q := &Query{options: p.options}
	q.filter = simplify(p.filters("a query begins with a filter; * stands for all events"))
	for p.err == nil && p.accept("|") {
		if next := p.pipe(); next != nil {
			q.pipes = append(q.pipes, next)
		}
		if !p.atEnd() {
			p.fail(`unexpected %s; expected "|" or the end after the pipe`, p.shown())
		}
	}
	q.pipes = mergePipes(q.pipes)
	q.nows = p.nows - nows
	if len(q.pipes) > 0 {
		if f, ok := q.pipes[0].(*filterPipe); ok {
			q.filter, q.pipes = simplify(&andFilter{[]filter{q.filter, f.filter}}), q.pipes[1:]
		}
	}
	return q
}

// filters reads a filter expression, which no pipe's name may begin.
func (p *parser) filters(problem string) filter {
	if p.is(pipeNames...) && !p.follows(":") || p.is(statsNames...) && !p.follows(":") {
		p.fail("unexpected %s: %s; quote it to search for the word", p.shown(), problem)
	}
	return p.or("")
}

// mergePipes joins neighbours that do one thing together: filters, and sort,
// offset and limit.
func mergePipes(pipes []pipe) []pipe {
	var out []pipe
	for _, next := range pipes {
		if len(out) > 0 {
			if merged := mergePair(out[len(out)-1], next); merged != nil {
				out[len(out)-1] = merged
				continue
			}
		}
		out = append(out, next)
	}
	return out
}

// mergePair returns one pipe for two, or nil.
func mergePair(a, b pipe) pipe {
	switch a := a.(type) {
	case *filterPipe:
		if b, ok := b.(*filterPipe); ok {
			return &filterPipe{simplify(&andFilter{[]filter{a.filter, b.filter}})}
		}
	case *sortPipe:
		if a.kind != "sort" || a.rank != "" || len(a.partition) > 0 {
			return nil
		}
		s := *a
		switch b := b.(type) {
		case *offsetPipe:
			if a.limit == 0 && a.offset == 0 {
				s.offset = b.n
				return &s
			}
		case *limitPipe:
			if b.n > 0 && (a.limit == 0 || b.n < a.limit) {
				s.limit = b.n
				return &s
			}
		}
	case *groupPipe:
		if b, ok := b.(*limitPipe); ok && a.kind == "uniq" && b.n > 0 && (a.limit == 0 || b.n < a.limit) {
			g := *a
			g.limit = b.n
			return &g
		}
	}
	return nil
}

// pipe reads one pipe.
func (p *parser) pipe() pipe {
	p.term()
	name, pos := p.tok(), p.tok().pos
	if p.is(pipeNames...) && name.lower != "by" {
		p.next()
		return p.namedPipe(name.lower)
	}
	if p.is("by", "(") || p.is(statsNames...) {
		if p.is("(") && !p.isByList() {
			return &filterPipe{simplify(p.or(""))}
		}
		return p.stats()
	}
	if p.is(laterNames...) {
		p.fail("the pipe %q is not supported", name.text)
		return nil
	}
	if here := pipesElsewhere[name.lower]; here != "" && !p.follows(":") {
		p.fail("the pipe %q is called otherwise here: %s; write filter before it to search for the word", name.text, here)
		return nil
	}
	words := slices.Concat(pipeNames, statsNames)
	guesses := near(name.text, words)
	if !name.quoted && name.raw != "" && len(guesses) > 0 && !p.follows(":") && isWordRune([]rune(name.raw)[0]) {
		p.failAt(pos, guesses, "unknown pipe %q", name.text)
		return nil
	}
	if p.is("|") && !name.spaced {
		p.fail(`unexpected "||"; filters are joined by "or"`)
	}
	if p.is("", "|", ")") {
		p.fail("unexpected %s; expected a pipe", p.shown())
		return nil
	}
	return &filterPipe{simplify(p.or(""))}
}

// isByList reports whether the parentheses here hold the fields of stats
// without the words stats and by, not filters.
func (p *parser) isByList() bool {
	depth := 0
	for i := p.i; i < len(p.tokens); i++ {
		switch p.tokens[i].lower {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth == 0 {
			after := &p.tokens[min(i+1, len(p.tokens)-1)]
			return slices.Contains(statsNames, after.lower)
		}
	}
	return false
}

func (p *parser) namedPipe(name string) pipe {
	switch name {
	case "stats":
		return p.stats()
	case "filter", "where":
		return &filterPipe{simplify(p.filters("expected a filter"))}
	case "fields", "keep":
		return &fieldsPipe{p.patterns()}
	case "delete", "del", "rm", "drop":
		return &deletePipe{p.patterns()}
	case "copy", "cp":
		return p.movePipe("copy")
	case "rename", "mv":
		return p.movePipe("rename")
	case "limit", "head":
		n := 10
		if !p.atEnd() || name == "limit" {
			n = p.count("the number of rows")
		}
		return &limitPipe{n}
	case "offset", "skip":
		return &offsetPipe{p.count("the number of rows")}
	case "sort", "order":
		return p.sort()
	case "first", "last":
		return p.firstLast(name)
	case "uniq", "top", "field_values":
		return p.group(name)
	case "field_names":
		return p.fieldNames()
	case "extract", "extract_regexp":
		return p.extract(name)
	case "format":
		return p.format()
	case "math", "eval":
		return p.math()
	case "len", "hash", "json_array_len":
		return p.measure(name)
	case "collapse_nums", "decolorize":
		return p.rewrite(name)
	case "pack_json", "pack_logfmt":
		return p.pack(name)
	case "unpack_words":
		return p.unpackWords()
	case "unroll":
		return p.unroll()
	case "sample":
		return p.sample()
	case "facets":
		return p.facets()
	case "join":
		return p.join()
	case "union":
		return &unionPipe{query: p.subquery(name)}
	case "replace", "replace_regexp":
		return p.replace(name)
	case "unpack_json", "unpack_logfmt", "unpack_syslog":
		return p.unpack(name)
	case "drop_empty_fields":
		return dropEmptyPipe{}
	}
	panic("query: pipe " + name + " is named and not read")
}

// limitPipe keeps the first n rows; of events, the newest.
type limitPipe struct{ n int }

// offsetPipe drops the first n rows.
type offsetPipe struct{ n int }

// filterPipe is filters behind other pipes.
type filterPipe struct{ filter filter }

func (f *limitPipe) write(b *strings.Builder) { b.WriteString("limit " + strconv.Itoa(f.n)) }

func (f *offsetPipe) write(b *strings.Builder) { b.WriteString("offset " + strconv.Itoa(f.n)) }

func (f *filterPipe) write(b *strings.Builder) {
	b.WriteString("filter ")
	f.filter.write(b)
}

func (f *filterPipe) apply(c *chunk) error {
	c.filter(f.filter)
	return c.err
}

// patterns reads fields joined by commas.
func (p *parser) patterns() []string {
	out := []string{p.fieldPattern()}
	for p.accept(",") {
		out = append(out, p.fieldPattern())
	}
	return out
}

// matchField reports whether name is meant by pattern, a name or a prefix and a
// star.
func matchField(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

func matchAnyField(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matchField(p, name) })
}
