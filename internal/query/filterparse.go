package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// or reads filters joined by `or`, which binds weaker than `and`. The filters
// are about field, or about what each names, when field is empty.
func (p *parser) or(field string) filter {
	list := []filter{p.and(field)}
	for p.accept("or") {
		list = append(list, p.and(field))
	}
	if !p.atEnd() {
		p.fail("unexpected %s; expected a filter, a pipe or the end", p.shown())
	}
	return joined(list, func(l []filter) filter { return &orFilter{l} })
}

// and reads filters joined by `and` or by nothing.
func (p *parser) and(field string) filter {
	list := []filter{p.one(field)}
	for p.err == nil && !p.atEnd() && !p.is("or") {
		p.accept("and")
		list = append(list, p.one(field))
	}
	return joined(list, func(l []filter) filter { return &andFilter{l} })
}

// one reads one filter with what stands before it.
func (p *parser) one(field string) filter {
	defer p.leave()
	if !p.enter() {
		return allFilter{}
	}
	switch {
	case p.accept(":"):
		return p.one(field)
	case p.is("("):
		return p.parens(field)
	case p.accept("!") || p.accept("-") || p.accept("not"):
		return negate(p.one(field))
	case p.accept("!="):
		return negate(p.exact(field))
	case p.accept("!~"):
		return negate(p.regexp(field))
	case p.accept("="):
		return p.exact(field)
	case p.accept("~"):
		return p.regexp(field)
	case p.is(">", "<"):
		return p.compare(field)
	case p.is("{"):
		return p.stream(field)
	case p.is("*"):
		return p.star(field)
	case p.is(filterNames...) && (p.follows("(") || p.is("range") && p.follows("[")):
		return p.function(field)
	}
	return p.words(field)
}

func negate(f filter) filter {
	if not, ok := f.(*notFilter); ok {
		return not.f
	}
	return &notFilter{f}
}

func (p *parser) parens(field string) filter {
	if t := p.tok(); !t.spaced && p.i > 0 {
		last := &p.tokens[p.i-1]
		if !slices.Contains([]string{":", "(", "!", "-", "not"}, last.lower) {
			if here := filtersElsewhere[last.lower]; here != "" {
				p.failAt(last.pos, nil, "the filter %q is called otherwise here: %s; put a space before ( to search for the word", last.text, here)
			}
			p.failAt(last.pos, near(last.text, filterNames), "%q is no filter with arguments; put a space before ( to search for the word", last.text)
		}
	}
	p.next()
	f := p.or(field)
	p.expect(")", "after the filters in parentheses")
	return f
}

func (p *parser) star(field string) filter {
	p.next()
	if p.is(":") && field == "" && !p.tok().spaced {
		return p.wide("*")
	}
	return newAny(field)
}

// words reads a phrase, a prefix, or a field's name and its filter.
func (p *parser) words(field string) filter {
	stops := stopValue
	if field == "" {
		stops = stopPhrase
	}
	text := p.compound("a filter", stops)
	if p.is("*") && !p.tok().spaced {
		p.next()
		if p.is(":") && field == "" {
			return p.wide(text + "*")
		}
		if text == "" {
			return newAny(field)
		}
		return newPrefix(field, text)
	}
	if field != "" || !p.is(":") {
		return newPhrase(field, text)
	}
	p.next()
	if p.is("") {
		p.fail("expected a filter behind the field %q", text)
	}
	switch text {
	case llama.NameTime:
		return p.timeFilter()
	case "_stream":
		return p.stream("_stream")
	case "_stream_id":
		p.fail("_stream_id is not supported: events have no streams; use _collection or a field")
	}
	return p.one(text)
}

func (p *parser) exact(field string) filter {
	value := ""
	if !p.is("*") {
		value = p.compound("a value", stopArg)
	}
	if p.is("*") && !p.tok().spaced {
		p.next()
		return newExactPrefix(field, value)
	}
	return newExact(field, value)
}

// compare reads >, >=, < and <= with a number, a time, an address or a text.
func (p *parser) compare(field string) filter {
	op := p.tok().raw
	p.next()
	if p.accept("=") {
		op += "="
	}
	text := p.compound("a number or a text", stopToken)
	if f, ok := parseScalar(text); ok {
		return newCompare(field, op, text, f)
	}
	return newCompareText(field, op, text)
}

// stream reads {a="b", c=~"d" or e!="f"}: filters of whole values of fields.
func (p *parser) stream(field string) filter {
	if field != "" && field != "_stream" || !p.is("{") {
		p.fail("unexpected %s; expected a filter of %s", p.shown(), quote(field))
	}
	p.next()
	var or, and []filter
	for p.err == nil && !p.accept("}") {
		and = append(and, p.label())
		switch {
		case p.accept("or"):
			or, and = append(or, joined(and, func(l []filter) filter { return &andFilter{l} })), nil
			if p.is("}") {
				p.fail(`expected a field behind "or"`)
			}
		case !p.is("}"):
			p.expect(",", `"or" or "}" in {…}`)
		}
	}
	or = append(or, joined(and, func(l []filter) filter { return &andFilter{l} }))
	return joined(or, func(l []filter) filter { return &orFilter{l} })
}

// label reads one name and value of {…}.
func (p *parser) label() filter {
	const stops = "*,()[]|{}=!~"
	name := p.compound("a field's name", stops)
	op := p.tok().raw
	if !p.is("=", "!=", "=~", "!~", "in", "not_in") {
		p.fail("unexpected %s; expected =, !=, =~, !~, in or not_in", p.shown())
		return allFilter{}
	}
	p.next()
	if list := strings.ToLower(op); list == "in" || list == "not_in" {
		values := p.arguments()
		f := newIn(name, values)
		if slices.Equal(values, []string{"*"}) {
			f = allFilter{}
		}
		if list == "not_in" {
			return negate(f)
		}
		return f
	}
	pos := p.tok().pos
	value := p.compound("a value", stops)
	switch op {
	case "!=":
		return negate(newExact(name, value))
	case "=~":
		return p.newRegexp(name, "^(?:"+value+")$", pos)
	case "!~":
		return negate(p.newRegexp(name, "^(?:"+value+")$", pos))
	}
	return newExact(name, value)
}

func (p *parser) regexp(field string) filter {
	pos := p.tok().pos
	return p.newRegexp(field, p.compound("a regular expression", stopToken), pos)
}

func canonical(field string) string {
	if field == "" {
		return llama.NameMessage
	}
	return field
}

// condition reads an optional `if (filters)`; nil means always.
func (p *parser) condition() filter {
	if !p.accept("if") {
		return nil
	}
	p.expect("(", `after "if"`)
	if p.accept(")") {
		return allFilter{}
	}
	f := p.or("")
	p.expect(")", "after the filters of if")
	return simplify(f)
}

func conditionText(f filter) string {
	if f == nil {
		return ""
	}
	return " if (" + filterText(f) + ")"
}

func quoteAll(list []string, one func(string) string, sep string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = one(s)
	}
	return strings.Join(out, sep)
}
