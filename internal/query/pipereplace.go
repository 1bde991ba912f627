package query

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// replacePipe replaces a text, or what a regular expression matches, in a field.
type replacePipe struct {
	kind      string // replace or replace_regexp
	condition filter
	old, new  string
	at        string
	limit     int // 0: all
	re        *regexp.Regexp
}

func (p *parser) replace(kind string) pipe {
	r := &replacePipe{kind: kind, condition: p.condition(), at: llama.NameMessage}
	p.expect("(", "after "+kind)
	pos := p.tok().pos
	r.old = p.compound("what to replace", stopToken)
	p.expect(",", "between what to replace and by what")
	r.new = p.compound("by what to replace", stopToken)
	p.expect(")", "after the two arguments of "+kind)
	if p.accept("at") {
		r.at = p.fieldName()
	}
	if p.accept("limit") {
		r.limit = p.count("the number of replacements")
	}
	if kind == "replace_regexp" && p.err == nil {
		r.re = p.compile(r.old, pos)
	}
	return r
}

func (r *replacePipe) write(b *strings.Builder) {
	b.WriteString(r.kind + conditionText(r.condition) + " (" + quote(r.old) + ", " + quote(r.new) + ")")
	if r.at != llama.NameMessage {
		b.WriteString(" at " + quote(r.at))
	}
	if r.limit > 0 {
		b.WriteString(" limit " + strconv.Itoa(r.limit))
	}
}

func (r *replacePipe) apply(c *chunk) error { return c.rewrite(r.condition, r.at, r.replaced) }

func (r *replacePipe) replaced(s string) (string, error) {
	n := r.limit
	if r.re == nil {
		if r.old == "" {
			return s, nil
		}
		if found := strings.Count(s, r.old); n == 0 || found < n {
			n = found
		}
		if len(s)+n*(len(r.new)-len(r.old)) > maxMade {
			return "", errMade(r.kind)
		}
		return strings.Replace(s, r.old, r.new, n), nil
	}
	if n == 0 || n > maxMatches {
		n = maxMatches + 1
	}
	matches := r.re.FindAllStringSubmatchIndex(s, n)
	if len(matches) > maxMatches {
		return "", llama.Errorf(llama.TooLarge, "replace_regexp finds more than %d matches in one text", maxMatches)
	}
	var out []byte
	end := 0
	for _, match := range matches {
		out = append(out, s[end:match[0]]...)
		out = r.re.ExpandString(out, r.new, s, match)
		end = match[1]
		if len(out) > maxMade {
			return "", errMade(r.kind)
		}
	}
	return string(append(out, s[end:]...)), nil
}
