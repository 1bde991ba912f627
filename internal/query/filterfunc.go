package query

import (
	"math"
	"strconv"
	"strings"
)

// function reads a filter that is written like a function.
func (p *parser) function(field string) filter {
	name, pos := p.tok().lower, p.tok().pos
	p.next()
	switch name {
	case "range":
		return p.rangeFilter(field)
	case "exact", "i":
		return p.onePattern(field, name)
	case "in", "contains_any", "contains_all":
		return p.inFilter(field, name)
	case "contains_common_case", "equals_common_case":
		return newCommonCase(field, name, p.arguments())
	}
	args := p.arguments()
	if p.err != nil {
		return allFilter{}
	}
	wrong := func(want string) filter {
		p.failAt(pos, nil, "%s(…) takes %s", name, want)
		return allFilter{}
	}
	switch name {
	case "value_type":
		name := strings.Join(args, ",")
		kind, ok := kindNames[name]
		if !ok {
			p.failAt(pos, near(name, kindList()), "value_type(…) takes one of %s", strings.Join(kindList(), ", "))
		}
		return &kindFilter{field: canonical(field), kind: kind, name: name}
	case "seq":
		return newSequence(field, args)
	case "eq_field", "le_field", "lt_field":
		if len(args) != 1 {
			return wrong("the name of another field")
		}
		return newFieldPair(field, name, canonical(args[0]))
	case "re":
		if len(args) != 1 {
			return wrong("one regular expression; quote it if it has commas or parentheses")
		}
		return p.newRegexp(field, args[0], pos)
	case "string_range":
		if len(args) != 2 {
			return wrong("two texts")
		}
		return newStringRange(field, args[0], args[1])
	case "len_range":
		low, high, ok := parseLenRange(args)
		if !ok {
			return wrong("two lengths, such as (5, 10) or (5, inf)")
		}
		return newLenRange(field, low, high, "len_range("+quoteNumber(args[0])+", "+quoteNumber(args[1])+")")
	case "ipv4_range":
		low, high, ok := parseIPv4Range(args)
		if !ok {
			return wrong("two IPv4 addresses, or a network such as 10.0.0.0/8")
		}
		return newIPv4Range(field, low, high)
	}
	p.failAt(pos, nil, "%s(…) is not supported", name)
	return allFilter{}
}

// arguments reads values between parentheses.
func (p *parser) arguments() []string {
	return p.names(func() string {
		if p.accept("*") {
			return "*"
		}
		return p.compound("a value", stopArg)
	})
}

// onePattern reads the value of exact(…) and i(…), which may end with a star.
func (p *parser) onePattern(field, name string) filter {
	p.expect("(", "after "+name)
	text := ""
	if !p.is("*") {
		text = p.compound("a value", stopArg)
	}
	prefix := p.is("*") && !p.tok().spaced
	if prefix {
		p.next()
	}
	p.expect(")", "after the value of "+name)
	switch {
	case name == "i":
		return newAnyCase(field, text, prefix)
	case prefix:
		return newExactPrefix(field, text)
	}
	return newExact(field, text)
}

func (p *parser) inFilter(field, name string) filter {
	if p.is("(") && p.follows("*") && p.i+2 < len(p.tokens) && p.tokens[p.i+2].lower == ")" {
		p.i += 3
		return allFilter{}
	}
	if p.is("(") && p.holdsQuery() {
		return p.queryFilter(field, name)
	}
	p.expect("(", "after "+name)
	var values []string
	for p.err == nil && !p.accept(")") {
		values = append(values, p.compound("a value", stopArg))
		switch {
		case p.is("|", "*") || !p.is(")", ",", ""):
			p.fail("unexpected %s; %s(…) takes values joined by commas, or a query that ends with the pipe fields", p.shown(), name)
		case !p.is(")"):
			p.expect(",", `or ")" in the values of `+name)
		}
	}
	if name == "in" {
		return newIn(field, values)
	}
	return newContains(field, name, values)
}

// rangeFilter reads range(a, b), where [ and ] take the bound in.
func (p *parser) rangeFilter(field string) filter {
	text, with := "range"+p.tok().raw, p.is("[")
	p.next()
	low, lowText := p.number()
	if !with {
		low = math.Nextafter(low, math.Inf(1))
	}
	p.expect(",", "between the bounds of range")
	high, highText := p.number()
	if !p.is(")", "]") {
		p.fail(`unexpected %s; expected ")" or "]" after the bounds of range`, p.shown())
	}
	if p.is(")") {
		high = math.Nextafter(high, math.Inf(-1))
	}
	text += quoteNumber(lowText) + ", " + quoteNumber(highText) + p.tok().raw
	p.next()
	return newRange(field, low, high, text)
}

func (p *parser) number() (float64, string) {
	pos := p.tok().pos
	text := p.compound("a number", stopToken)
	f, ok := parseScalar(text)
	if !ok && p.err == nil {
		p.failAt(pos, nil, "%q is no number; expected one such as 10, 1.5e3, 10KiB, 5m or 10.0.0.1", text)
	}
	return f, text
}

func parseLenRange(args []string) (low, high uint64, ok bool) {
	if len(args) != 2 {
		return 0, 0, false
	}
	low, okLow := parseLength(args[0])
	high, okHigh := parseLength(args[1])
	return low, high, okLow && okHigh
}

func parseLength(s string) (uint64, bool) {
	if strings.EqualFold(s, "inf") || strings.EqualFold(s, "+inf") {
		return math.MaxUint64, true
	}
	if n, err := strconv.ParseUint(s, 0, 64); err == nil {
		return n, true
	}
	n, ok := parseSize(s)
	if !ok {
		d, isDuration := parseDuration(s)
		n, ok = int64(d), isDuration
	}
	return uint64(max(n, 0)), ok && n >= 0
}

// parseCount reads a whole number of rows, such as 10, 1_000 or 10K.
func parseCount(s string) (int, bool) {
	n, ok := parseLength(s)
	return int(min(n, math.MaxInt32)), ok
}

func parseIPv4Range(args []string) (low, high uint32, ok bool) {
	switch len(args) {
	case 1:
		text, bitsText, network := strings.Cut(args[0], "/")
		ip, ok := parseIPv4(text)
		if !network || !ok {
			return ip, ip, ok
		}
		bits, err := strconv.ParseUint(bitsText, 10, 8)
		if err != nil || bits > 32 {
			return 0, 0, false
		}
		mask := uint32(1<<(32-bits) - 1)
		return ip &^ mask, ip | mask, true
	case 2:
		low, okLow := parseIPv4(args[0])
		high, okHigh := parseIPv4(args[1])
		return low, high, okLow && okHigh
	}
	return 0, 0, false
}
