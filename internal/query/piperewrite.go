package query

import (
	"strings"

	"github.com/llama-logs/llama"
)

// rewritePipe writes a field's text in another form: without numbers, so that
// messages that differ only in these become alike, or without colours.
type rewritePipe struct {
	kind      string // collapse_nums or decolorize
	condition filter
	at        string
	prettify  bool // numbers that stand together as in a date or an address are named
}

func (p *parser) rewrite(kind string) pipe {
	w := &rewritePipe{kind: kind, at: llama.NameMessage}
	if kind == "decolorize" {
		if !p.atEnd() {
			w.at = p.fieldName()
		}
		return w
	}
	w.condition = p.condition()
	if p.accept("at") {
		w.at = p.fieldName()
	}
	w.prettify = p.accept("prettify")
	return w
}

func (w *rewritePipe) write(b *strings.Builder) {
	b.WriteString(w.kind + conditionText(w.condition))
	if w.at != llama.NameMessage {
		if w.kind == "collapse_nums" {
			b.WriteString(" at")
		}
		b.WriteString(" " + quote(w.at))
	}
	if w.prettify {
		b.WriteString(" prettify")
	}
}

func (w *rewritePipe) apply(c *chunk) error {
	f := withoutColours
	if w.kind == "collapse_nums" {
		f = collapseNumbers
		if w.prettify {
			f = func(s string) string { return nameNumbers(collapseNumbers(s)) }
		}
	}
	return c.rewrite(w.condition, w.at, func(s string) (string, error) { return f(s), nil })
}

// rewrite gives the rows that condition lets in another text in the field at. It
// asks f once for each value of the dictionary; what is empty stays so.
func (c *chunk) rewrite(condition filter, at string, f func(string) (string, error)) error {
	sel, all := c.updated(condition)
	source := c.column(at)
	if source == nil {
		return c.err
	}
	t := &target{name: at}
	t.open(c, all)
	known := make([]uint32, len(source.Values)+1)
	for i, row := range sel {
		if c.ended(i) {
			return c.err
		}
		code := source.Codes[row]
		if code == 0 || source.Values[code-1] == "" {
			continue
		}
		if known[code] != 0 {
			t.b.codes[row] = known[code]
			continue
		}
		text, err := f(source.Values[code-1])
		if err != nil {
			return err
		}
		if !c.charge(len(text)) {
			return c.err
		}
		known[code] = t.assign(row, text, llama.String, 0)
	}
	t.close(c)
	return c.err
}

// withoutColours drops the control sequences of ECMA-48 that set colours and move
// the cursor: ESC [, parameters, intermediate bytes and one final byte.
func withoutColours(s string) string {
	if !strings.Contains(s, "\x1b[") {
		return s
	}
	var b strings.Builder
	for {
		text, rest, found := strings.Cut(s, "\x1b[")
		b.WriteString(text)
		if !found {
			return b.String()
		}
		rest = strings.TrimLeftFunc(rest, func(r rune) bool { return 0x30 <= r && r <= 0x3f })
		rest = strings.TrimLeftFunc(rest, func(r rune) bool { return 0x20 <= r && r <= 0x2f })
		if rest != "" && 0x30 <= rest[0] && rest[0] <= 0x7e {
			rest = rest[1:]
		}
		s = rest
	}
}
