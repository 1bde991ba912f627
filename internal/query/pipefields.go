package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// fieldsPipe keeps fields, in the order of its patterns.
type fieldsPipe struct{ patterns []string }

func (f *fieldsPipe) write(b *strings.Builder) {
	b.WriteString("fields ")
	if slices.Contains(f.patterns, "*") {
		b.WriteByte('*')
		return
	}
	b.WriteString(quoteAll(f.patterns, quoteField, ", "))
}

func (f *fieldsPipe) apply(c *chunk) error {
	if slices.Contains(f.patterns, "*") {
		return nil
	}
	var kept []field
	for _, pattern := range f.patterns {
		for _, own := range c.fields {
			again := slices.ContainsFunc(kept, func(k field) bool { return k.name == own.name })
			if again || own.name != pattern && (own.hidden || !matchField(pattern, own.name)) {
				continue
			}
			own.hidden = false
			kept = append(kept, own)
		}
	}
	c.fields = kept
	return nil
}

// deletePipe drops fields.
type deletePipe struct{ patterns []string }

func (d *deletePipe) write(b *strings.Builder) {
	b.WriteString("delete " + quoteAll(d.patterns, quoteField, ", "))
}

func (d *deletePipe) apply(c *chunk) error {
	c.fields = slices.DeleteFunc(c.fields, func(f field) bool { return matchAnyField(d.patterns, f.name) })
	return nil
}

// movePipe copies or renames fields, pair by pair: a later pair sees what an
// earlier one did.
type movePipe struct {
	kind  string // copy or rename
	pairs [][2]string
}

func (p *parser) movePipe(kind string) pipe {
	m := &movePipe{kind: kind}
	for {
		from := p.fieldPattern()
		p.accept("as")
		m.pairs = append(m.pairs, [2]string{from, p.fieldPattern()})
		if !p.accept(",") {
			return m
		}
	}
}

func (m *movePipe) write(b *strings.Builder) {
	for i, pair := range m.pairs {
		if i > 0 {
			b.WriteByte(',')
		} else {
			b.WriteString(m.kind)
		}
		b.WriteString(" " + quoteField(pair[0]) + " as " + quoteField(pair[1]))
	}
}

func (m *movePipe) apply(c *chunk) error {
	for _, pair := range m.pairs {
		moved := false
		for i, f := range slices.Clone(c.fields) {
			if c.stopped(i << 4) { // each looks through all fields
				return c.err
			}
			if f.name != pair[0] && (f.hidden || !matchField(pair[0], f.name)) {
				continue
			}
			to := pair[1]
			fromPrefix, _ := strings.CutSuffix(pair[0], "*")
			if prefix, ok := strings.CutSuffix(to, "*"); ok && fromPrefix != pair[0] {
				to = prefix + strings.TrimPrefix(f.name, fromPrefix)
			} else if ok {
				to = prefix
			}
			moved = true
			if to == f.name {
				continue
			}
			if m.kind == "rename" {
				c.drop(f.name)
			}
			f.name, f.hidden = to, false
			c.setField(f)
			if len(c.fields) > maxFields {
				return llama.Errorf(llama.TooLarge, "%s makes more than %d fields", m.kind, maxFields)
			}
			if !c.charge(costField + len(to)) {
				return c.err
			}
		}
		if !moved && !strings.HasSuffix(pair[0], "*") {
			c.drop(pair[1]) // the field that is not there takes its place
		}
	}
	return nil
}

// dropEmptyPipe drops fields without text, and rows without such fields.
type dropEmptyPipe struct{}

func (dropEmptyPipe) write(b *strings.Builder) { b.WriteString("drop_empty_fields") }

func (dropEmptyPipe) apply(c *chunk) error {
	in := make([]bool, c.rows)
	for i := range c.fields {
		f := &c.fields[i]
		col := c.load(f)
		if col == nil || f.hidden {
			continue
		}
		var b builder
		b.codes, b.values, b.kinds = slices.Clone(col.Codes), col.Values, col.Kinds
		for _, r := range c.sel {
			if code := b.codes[r]; code != 0 && b.values[code-1] == "" {
				b.codes[r] = 0
			} else if code != 0 {
				in[r] = true
			}
		}
		f.col = b.column(f.name)
	}
	out := c.work.numbers(len(c.sel))
	for _, r := range c.sel {
		if in[r] {
			out = append(out, r)
		}
	}
	c.sel = out
	return c.err
}

// A target is a field that a row pipe writes.
type target struct {
	name      string
	keep      bool // rows that have a text keep it
	skipEmpty bool // an empty result leaves what was there
	b         builder
	old       func(r uint32) string
}

// open makes the target ready for the rows of c. Rows that are not written keep
// their value.
func (t *target) open(c *chunk, all bool) {
	c.charge(4 * c.rows) // whoever opens many looks at c.err
	t.b = builder{}
	col := c.column(t.name)
	if col == nil || all && !t.keep && !t.skipEmpty {
		t.b.init(c.rows, len(c.sel))
	} else {
		t.b.codes = slices.Clone(col.Codes)
		t.b.values = slices.Clip(col.Values)
		t.b.kinds = slices.Clip(col.Kinds)
	}
	t.old = c.values(t.name)
}

// assign gives row r a value, with its code when it is already known.
func (t *target) assign(r uint32, value string, kind llama.Kind, known uint32) (code uint32) {
	switch {
	case t.keep && t.old(r) != "" || t.skipEmpty && value == "":
		return known
	case value == "":
		t.b.codes[r] = 0
		return known
	case known == 0:
		known = t.b.add(value, kind)
	}
	t.b.codes[r] = known
	return known
}

func (t *target) close(c *chunk) { c.set(t.name, t.b.column(t.name)) }

// updated returns the rows of c that a condition lets in, and whether these are
// all.
func (c *chunk) updated(condition filter) (sel []uint32, all bool) {
	if condition == nil {
		return c.sel, true
	}
	return c.eval(condition, c.sel), false
}

// overwrite reads what extract and format may end with.
func (p *parser) overwrite() (keep, skipEmpty bool) {
	switch {
	case p.accept("keep_original_fields"):
		return true, false
	case p.accept("skip_empty_results"):
		return false, true
	}
	return false, false
}

func overwriteText(keep, skipEmpty bool) string {
	switch {
	case keep:
		return " keep_original_fields"
	case skipEmpty:
		return " skip_empty_results"
	}
	return ""
}
