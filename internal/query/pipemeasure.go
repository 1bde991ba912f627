package query

import (
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/llama-logs/llama"
)

// measurePipe writes a number that is made of a field's text.
type measurePipe struct{ kind, from, to string } // kind is a key of measures

// measures are the numbers by the names of their pipes.
var measures = map[string]func(string) uint64{
	"len": func(s string) uint64 { return uint64(len(s)) },
	// 53 bits, so that the number is exact wherever JSON is read.
	"hash":           func(s string) uint64 { return xxhash.Sum64String(s) & (1<<53 - 1) },
	"json_array_len": func(s string) uint64 { return uint64(len(arrayItems(s))) },
}

func (p *parser) measure(kind string) pipe {
	m := &measurePipe{kind: kind, to: llama.NameMessage}
	parens := p.accept("(")
	m.from = p.fieldName()
	if parens {
		p.expect(")", "behind the field of "+kind)
	}
	if p.accept("as") || !p.atEnd() {
		m.to = p.fieldName()
	}
	return m
}

func (m *measurePipe) write(b *strings.Builder) {
	b.WriteString(m.kind + "(" + quote(m.from) + ")")
	if m.to != llama.NameMessage {
		b.WriteString(" as " + quote(m.to))
	}
}

func (m *measurePipe) apply(c *chunk) error {
	measure := measures[m.kind]
	return c.derive(nil, m.from, &target{name: m.to}, llama.Number, func(s string) string {
		return strconv.FormatUint(measure(s), 10)
	})
}

// derive writes f of the text of one field to another. It asks f once for each
// value of the dictionary.
func (c *chunk) derive(condition filter, from string, t *target, kind llama.Kind, f func(string) string) error {
	sel, all := c.updated(condition)
	source := c.column(from)
	t.open(c, all)
	if source == nil {
		code, text := uint32(0), f("")
		for _, r := range sel {
			code = t.assign(r, text, kind, code)
		}
		t.close(c)
		return c.err
	}
	known := make([]uint32, len(source.Values)+1)
	for i, r := range sel {
		if c.stopped(i) {
			return c.err
		}
		code := source.Codes[r]
		switch {
		case known[code] != 0:
			t.b.codes[r] = known[code]
		case code == 0:
			known[0] = t.assign(r, f(""), kind, 0)
		default:
			text := f(source.Values[code-1])
			if !c.charge(len(text)) {
				return c.err
			}
			known[code] = t.assign(r, text, kind, 0)
		}
	}
	t.close(c)
	return c.err
}
