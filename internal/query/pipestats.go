package query

import (
	"slices"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// statsPipe computes functions over rows, for each group of rows with the same
// values of by.
type statsPipe struct {
	by     []byField
	rollup bool // groups of fewer of the by fields too
	funcs  []statsFunc
}

// A statsFunc is one function of a stats pipe.
type statsFunc struct {
	name      string
	fields    []string // patterns; none stands for all
	phi       float64  // of a quantile
	phiText   string
	limit     int     // 0: none
	seconds   float64 // that a rate is over; 0: those of the time range
	condition filter
	result    string
}

func (p *parser) stats() pipe {
	s := &statsPipe{}
	if p.accept("by") || p.is("(") {
		if p.is(rollupName) && p.follows("(") {
			p.next()
			s.rollup = true
		}
		s.by = p.byFields()
		if s.rollup && len(s.by) == 0 {
			p.fail("expected a field in the parentheses of rollup")
		}
	}
	taken := map[string]bool{rollupName: s.rollup}
	for _, f := range s.by {
		if taken[f.name] && p.err == nil {
			p.fail("the name %q stands twice in by (…), or is that of the level of a roll-up", f.name)
		}
		taken[f.name] = true
	}
	for {
		pos := p.tok().pos
		f := p.statsFunc()
		if taken[f.result] && p.err == nil {
			p.failAt(pos, nil, "the name %q is taken; give the result another with `as`", f.result)
		}
		taken[f.result] = true
		f.seconds = bucketSeconds(s.by, &f)
		if f.seconds < 0 && p.err == nil {
			p.failAt(pos, nil, "months and years have no one length; for %s take a bucket such as 30d", f.name)
		}
		s.funcs = append(s.funcs, f)
		if !p.accept(",") {
			return s
		}
	}
}

// bucketSeconds returns how long the buckets of `_time` are where f is a rate, or
// -1 when each has its own length.
func bucketSeconds(by []byField, f *statsFunc) float64 {
	if f.name != "rate" && f.name != "rate_sum" {
		return 0
	}
	for i := range by {
		if b := &by[i]; b.name == llama.NameTime && b.bucket != "" {
			if b.size == 0 {
				return -1
			}
			return b.size / 1e9
		}
	}
	return 0
}

func (p *parser) statsFunc() statsFunc {
	f := statsFunc{name: p.tok().lower}
	if !slices.Contains(statsNames, f.name) {
		if slices.Contains(laterNames, f.name) {
			p.fail("the function %s is not supported", f.name)
		}
		if here := functionsElsewhere[f.name]; here != "" && p.follows("(") {
			p.fail("the function %q is called otherwise here: %s", p.tok().text, here)
		}
		p.failAt(p.tok().pos, near(p.tok().text, statsNames), "unexpected %s; expected a function such as count()", p.shown())
		return f
	}
	pos := p.tok().pos
	p.next()
	p.term()
	if !p.is("(") {
		p.fail("unexpected %s; expected (fields) behind %s", p.shown(), f.name)
		return f
	}
	p.statsArguments(&f, pos)
	if p.is("limit") && slices.Contains([]string{"count_uniq", "count_uniq_hash", "json_values", "uniq_values", "values"}, f.name) {
		p.next()
		f.limit = p.count("the number of values")
	}
	f.condition = p.condition()
	f.result = f.String() + conditionText(f.condition)
	if !p.atEnd() && !p.is(",") {
		if p.is("by") && p.i+1 < len(p.tokens)-1 && !p.follows(",") && !p.follows("|") && !p.follows(")") {
			p.fail("by stands before the functions: stats by (…) %s", f.String())
		}
		p.accept("as")
		f.result = p.fieldName()
	}
	return f
}

func (p *parser) statsArguments(f *statsFunc, pos int) {
	if f.name == "quantile" {
		p.quantile(f)
	} else {
		f.fields = p.names(p.fieldPattern)
	}
	all := slices.Contains(f.fields, "*")
	switch f.name {
	case "rate":
		if len(f.fields) > 0 {
			p.failAt(pos, nil, "rate() takes no fields; rate_sum(…) adds up what is in them")
		}
	case "histogram":
		if len(f.fields) != 1 || strings.HasSuffix(f.fields[0], "*") {
			p.failAt(pos, nil, "histogram takes the name of one field")
		}
	case "count_uniq", "count_uniq_hash":
		if len(f.fields) == 0 || slices.ContainsFunc(f.fields, func(s string) bool { return strings.HasSuffix(s, "*") }) {
			p.failAt(pos, nil, "%s takes the names of fields, at least one", f.name)
		}
	case "row_min", "row_max":
		if len(f.fields) == 0 || strings.HasSuffix(f.fields[0], "*") {
			p.failAt(pos, nil, "%s takes the field to compare first, then those to return", f.name)
			return
		}
		all = slices.Contains(f.fields[1:], "*")
		if all {
			f.fields = f.fields[:1]
		}
		return
	}
	if all {
		f.fields = nil
	}
}

// quantile reads (phi, fields).
func (p *parser) quantile(f *statsFunc) {
	p.expect("(", "after quantile")
	pos := p.tok().pos
	f.phi, f.phiText = p.number()
	if p.err == nil && !(f.phi >= 0 && f.phi <= 1) {
		p.failAt(pos, nil, "the quantile %s is not between 0 and 1", f.phiText)
	}
	for p.accept(",") {
		if p.is(")") {
			break
		}
		f.fields = append(f.fields, p.fieldPattern())
	}
	p.expect(")", "behind the fields of quantile")
}

// String is the function in its normal form, without condition and name.
func (f *statsFunc) String() string {
	fields := quoteAll(f.fields, quoteField, ", ")
	switch {
	case f.name == "quantile":
		if fields != "" {
			fields = ", " + fields
		}
		fields = quoteNumber(f.phiText) + fields
	case fields == "" && f.name != "rate":
		fields = "*"
	}
	s := f.name + "(" + fields + ")"
	if f.limit > 0 {
		s += " limit " + strconv.Itoa(f.limit)
	}
	return s
}

func (s *statsPipe) write(b *strings.Builder) {
	b.WriteString("stats ")
	for i := range s.by {
		switch {
		case i > 0:
			b.WriteString(", ")
		case s.rollup:
			b.WriteString("by rollup (")
		default:
			b.WriteString("by (")
		}
		b.WriteString(s.by[i].String())
	}
	if len(s.by) > 0 {
		b.WriteString(") ")
	}
	for i := range s.funcs {
		f := &s.funcs[i]
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.String() + conditionText(f.condition) + " as " + quote(f.result))
	}
}

func (s *statsPipe) gather(e *env, rest []pipe) gatherer {
	g := newGroupGatherer(e, s.by)
	if len(rest) > 0 {
		if next, ok := rest[0].(*sortPipe); ok && next.limit > 0 && next.by != nil && next.partition == nil {
			g.first, g.whole = next, s.rollup
		}
	}
	for i := range s.funcs {
		g.addFunc(&s.funcs[i])
	}
	g.finish = func(groups []int, row func(group int) Row, emit func(Row) error) error {
		if s.rollup {
			return s.rollUp(e, g, groups, emit)
		}
		for _, n := range groups {
			if err := emit(row(n)); err != nil {
				return err
			}
		}
		return nil
	}
	return g
}

// groupPipe is uniq, top and field_values: groups and how many rows each has.
type groupPipe struct {
	kind  string
	by    []string
	limit int    // 0: all
	hits  string // the name of the count; "" when it is not shown
	rank  string
}

const topLimit = 10

func (p *parser) group(kind string) pipe {
	g := &groupPipe{kind: kind}
	if kind == "field_values" {
		parens := p.accept("(")
		g.by, g.hits = []string{p.fieldName()}, "hits"
		if parens {
			p.expect(")", "behind the field of field_values")
		}
	} else {
		if kind == "top" {
			g.limit, g.hits = topLimit, "hits"
			if startsNumber(p.tok().text) {
				g.limit = p.count("the number of rows")
			}
		}
		g.by = p.groupFields(kind)
	}
	g.by = unique(g.by)
	p.groupOptions(g)
	for g.hits != "" && slices.Contains(g.by, g.hits) {
		g.hits += "s"
	}
	for g.rank != "" && slices.Contains(g.by, g.rank) {
		g.rank += "s"
	}
	return g
}

func (p *parser) groupFields(kind string) []string {
	p.accept("by")
	if p.is("(") {
		fields := p.names(p.fieldName)
		if len(fields) == 0 {
			p.fail("expected a field in the parentheses of %s", kind)
		}
		return fields
	}
	if p.atEnd() || p.is("with", "hits", "limit", "rank") {
		p.fail("unexpected %s; expected the fields of %s", p.shown(), kind)
		return nil
	}
	fields := []string{p.fieldName()}
	for p.accept(",") {
		fields = append(fields, p.fieldName())
	}
	return fields
}

func (p *parser) groupOptions(g *groupPipe) {
	switch g.kind {
	case "uniq":
		if p.accept("with") && !p.is("hits") {
			p.fail(`unexpected %s; expected "hits" behind "with"`, p.shown())
		}
		if p.accept("hits") {
			g.hits = "hits"
		}
	case "top":
		for p.is("hits", "rank") {
			if p.is("rank") {
				g.rank = p.rank()
				continue
			}
			p.next()
			p.accept("as")
			g.hits = p.fieldName()
		}
		return
	}
	if p.accept("limit") {
		g.limit = p.count("the number of rows")
	}
}

func (g *groupPipe) write(b *strings.Builder) {
	b.WriteString(g.kind)
	switch g.kind {
	case "field_values":
		b.WriteString(" " + quote(g.by[0]))
	case "top":
		if g.limit != topLimit {
			b.WriteString(" " + strconv.Itoa(g.limit))
		}
		fallthrough
	default:
		b.WriteString(" by (" + quoteAll(g.by, quote, ", ") + ")")
	}
	if g.kind == "uniq" && g.hits != "" {
		b.WriteString(" with hits")
	}
	if g.kind == "top" && g.hits != "hits" {
		b.WriteString(" hits as " + quote(g.hits))
	}
	if g.limit > 0 && g.kind != "top" {
		b.WriteString(" limit " + strconv.Itoa(g.limit))
	}
	if g.rank != "" {
		b.WriteString(rankText(g.rank))
	}
}

func (g *groupPipe) gather(e *env, _ []pipe) gatherer {
	by := make([]byField, len(g.by))
	for i, name := range g.by {
		by[i].name = name
	}
	out := newGroupGatherer(e, by)
	out.addFunc(&statsFunc{name: "count", result: g.hits})
	count := out.aggs[0].(*countAgg)
	out.finish = func(groups []int, row func(int) Row, emit func(Row) error) error {
		if g.kind == "top" {
			slices.SortStableFunc(groups, func(a, b int) int {
				switch {
				case count.n[a] > count.n[b]:
					return -1
				case count.n[a] < count.n[b]:
					return 1
				}
				return 0
			})
		}
		if g.limit > 0 && len(groups) > g.limit {
			groups = groups[:g.limit]
		}
		for i, n := range groups {
			r := row(n)
			if g.hits == "" {
				r = r[:len(r)-1]
			}
			if g.rank != "" {
				r = append(r, llama.Field{Name: g.rank, Value: strconv.Itoa(i + 1), Kind: llama.Number})
			}
			if err := emit(r); err != nil {
				return err
			}
		}
		return nil
	}
	return out
}
