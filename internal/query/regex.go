package query

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// newRegexp keeps values that the expression matches anywhere. Where every
// match must hold a literal text, or bytes of some classes, values without are not
// tried.
func (p *parser) newRegexp(field, text string, pos int) filter {
	field = canonical(field)
	switch {
	case text == "" || text == ".*":
		return allFilter{}
	case text == ".+":
		return newAny(field)
	}
	re := p.compile(text, pos)
	if re == nil {
		return allFilter{}
	}
	f := &fieldFilter{field: field, text: "~" + quote(text), cost: costRegexp, match: re.MatchString}
	literal, all := requiredLiteral(text)
	if f.needle = partNeedle(literal); f.needle != nil {
		f.needle.exact = all
	}
	switch {
	case all:
		f.match, f.cost = func(s string) bool { return strings.Contains(s, literal) }, costText
	case len(literal) > 1:
		f.match = func(s string) bool { return strings.Contains(s, literal) && re.MatchString(s) }
	default:
		if run := runOf(text); run != nil {
			f.match = func(s string) bool { return run.in(s) && re.MatchString(s) }
		}
	}
	return f
}

// compile checks the size of the program before it is made.
func (p *parser) compile(text string, pos int) *regexp.Regexp {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		p.failAt(pos, nil, "the regular expression is wrong: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return nil
	}
	p.size += programSize(tree)
	if p.size > maxPrograms {
		p.failAt(pos, nil, "the regular expressions are too large; repeat counts multiply")
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		p.failAt(pos, nil, "the regular expression is wrong: %v", err)
		return nil
	}
	return re
}

// programSize estimates how many instructions a tree becomes.
func programSize(re *syntax.Regexp) int {
	size := 2 + len(re.Rune)
	for _, sub := range re.Sub {
		size += programSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1) + 1
	}
	return min(size, 1<<30)
}

// requiredLiteral returns the longest text that every match of the expression
// holds, or "", and whether it is all that is asked for.
func requiredLiteral(text string) (literal string, all bool) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return "", false
	}
	tree = tree.Simplify()
	literal = literalOf(tree)
	return literal, tree.Op == syntax.OpLiteral && literal != ""
}

func literalOf(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		// U+FFFD in an expression stands for bytes that are no letter, too.
		if re.Flags&syntax.FoldCase == 0 && !slices.Contains(re.Rune, utf8.RuneError) {
			return string(re.Rune)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return literalOf(re.Sub[0])
	case syntax.OpConcat:
		best := ""
		for _, sub := range re.Sub {
			if l := literalOf(sub); len(l) > len(best) {
				best = l
			}
		}
		return best
	}
	return ""
}
