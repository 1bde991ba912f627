package query

import (
	"regexp"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// extractPipe takes fields out of a field's text, by a pattern or by the named
// groups of a regular expression.
type extractPipe struct {
	kind      string // extract or extract_regexp
	condition filter
	pattern   string
	from      string
	keep      bool
	skipEmpty bool
	names     []string // a field for each step or group; empty ones are not kept
	steps     []step
	re        *regexp.Regexp
}

func (p *parser) extract(kind string) pipe {
	e := &extractPipe{kind: kind, condition: p.condition(), from: llama.NameMessage}
	pos := p.tok().pos
	if p.is("from", "if", "keep_original_fields", "skip_empty_results") {
		p.fail("unexpected %s; expected a pattern; if (…) comes before it and from behind it", p.shown())
	}
	e.pattern = p.compound("a pattern", stopToken)
	if p.accept("from") {
		e.from = p.fieldName()
	}
	e.keep, e.skipEmpty = p.overwrite()
	if p.err != nil {
		return e
	}
	if kind == "extract" {
		steps, err := parseExtract(e.pattern)
		if err != nil {
			p.failAt(pos, nil, "the pattern is wrong: %v", err)
		}
		for _, s := range steps {
			e.names = append(e.names, s.field)
		}
		e.steps = steps
		return e
	}
	if e.re = p.compile(e.pattern, pos); e.re == nil {
		return e
	}
	e.names = e.re.SubexpNames()
	if strings.Join(e.names, "") == "" {
		p.failAt(pos, nil, "the expression names no group; write one as (?P<name>…)")
	}
	return e
}

func (e *extractPipe) write(b *strings.Builder) {
	b.WriteString(e.kind + conditionText(e.condition) + " " + quote(e.pattern))
	if e.from != llama.NameMessage {
		b.WriteString(" from " + quote(e.from))
	}
	b.WriteString(overwriteText(e.keep, e.skipEmpty))
}

func (e *extractPipe) apply(c *chunk) error {
	sel, all := c.updated(e.condition)
	var targets []*target
	var at []int // the step of each target
	for i, name := range e.names {
		if name != "" {
			t := &target{name: name, keep: e.keep, skipEmpty: e.skipEmpty}
			t.open(c, all)
			if c.err != nil {
				return c.err
			}
			targets, at = append(targets, t), append(at, i)
		}
	}
	source := c.column(e.from)
	values := make([]string, len(e.names))
	if source == nil {
		for _, r := range sel {
			for _, t := range targets {
				t.assign(r, "", llama.String, 0)
			}
		}
	} else {
		e.extract(c, sel, source, targets, at, values)
	}
	for _, t := range targets {
		t.close(c)
	}
	return c.err
}

// extract works once for each value of the dictionary. at[code] is where its
// results begin in texts and known, one for each target, and one more.
func (e *extractPipe) extract(c *chunk, sel []uint32, source *column.Column, targets []*target, steps []int, values []string) {
	at := make([]uint32, len(source.Values)+1)
	var texts []string
	var known []uint32 // the codes that the texts have in their targets
	for i, r := range sel {
		if c.ended(i) {
			return
		}
		code := source.Codes[r]
		if at[code] == 0 {
			text := ""
			if code != 0 {
				text = source.Values[code-1]
			}
			e.values(text, values)
			if !c.charge(20 * len(steps)) {
				return
			}
			at[code] = uint32(len(texts)) + 1
			for _, n := range steps {
				texts = append(texts, values[n])
				known = append(known, 0)
			}
		}
		for i, t := range targets {
			n := int(at[code]) - 1 + i
			known[n] = t.assign(r, texts[n], llama.String, known[n])
		}
	}
}

func (e *extractPipe) values(text string, values []string) {
	if e.re == nil {
		extractSteps(e.steps, text, values)
		return
	}
	clear(values)
	for i, value := range e.re.FindStringSubmatch(text) {
		values[i] = value
	}
}
