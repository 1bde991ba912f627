package block

import (
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// named decodes a column of whatever name.
func (d *decoder) named(name string) (*column.Column, error) {
	if name != llama.NameIngested {
		return d.column(name)
	}
	if d.grouped {
		return nil, errGrouped
	}
	times, err := d.ingested()
	if err != nil {
		return nil, err
	}
	return column.TimeColumn(name, times), nil
}

// column decodes a field, `_msg` or `_source`.
func (d *decoder) column(name string) (*column.Column, error) {
	o, err := d.rows()
	if err != nil {
		return nil, err
	}
	l, err := d.layout()
	if err != nil {
		return nil, err
	}
	g := &gather{column: &column.Column{Name: name, Codes: make([]uint32, d.count)}, bases: map[base]uint32{}}
	number, known := slices.BinarySearch(l.names, name)
	c, err := d.field(l, name)
	if err != nil {
		return nil, err
	}
	generic, err := d.generic(c, name)
	if err != nil {
		return nil, err
	}
	if err := g.loose(generic, o.rows[0]); err != nil {
		return nil, err
	}
	switch {
	case name == llama.NameMessage:
		for t := range l.templates {
			if parts := len(l.templates[t].parts); parts > 0 {
				if err := d.span(g, l, o.rows[t+1], t, span{0, int32(parts)}, llama.String); err != nil {
					return nil, err
				}
			}
		}
	case known:
		for _, u := range l.uses[number] {
			if err := d.use(g, l, o.rows[u.template+1], u); err != nil {
				return nil, err
			}
		}
	}
	if len(g.column.Values) == 0 {
		return nil, nil
	}
	return g.column, nil
}

// use adds a field of a template's events, which rows are.
func (d *decoder) use(g *gather, l *layout, rows []uint16, u use) error {
	f := &l.templates[u.template]
	x := &f.fields[u.field]
	switch {
	case x.span.inside():
		return d.span(g, l, rows, int(u.template), x.span, x.kind)
	case x.slot >= 0:
		v, err := d.slot(f.slots[x.slot])
		if err != nil {
			return err
		}
		g.values(rows, v, x.kind)
	default:
		g.constant(rows, x.text, x.kind)
	}
	return nil
}

// span adds the text of some parts of a template's messages.
func (d *decoder) span(g *gather, l *layout, rows []uint16, t int, s span, kind llama.Kind) error {
	parts, texts, err := d.parts(l, t, s)
	if err != nil {
		return err
	}
	if len(parts) == 1 && texts[0].Values != nil {
		g.values(rows, texts[0], kind)
		return nil
	}
	n := 1 // one for all, if no part is a slot
	if slices.ContainsFunc(texts, func(v values) bool { return v.Values != nil }) {
		n = len(rows)
	}
	ends := make([]int, n)
	var buffer []byte
	for i := range n {
		buffer = appendParts(buffer, parts, texts, i)
		ends[i] = len(buffer)
	}
	all := column.Split(buffer, ends)
	if n == 1 {
		g.constant(rows, all[0], kind)
		return nil
	}
	for i, row := range rows {
		g.column.Codes[row] = g.add(all[i], kind)
	}
	return nil
}

// parts returns the parts of a span, and their values, none for fixed text.
func (d *decoder) parts(l *layout, t int, s span) ([]formPart, []values, error) {
	parts := l.templates[t].parts[s.first:s.end]
	texts := make([]values, len(parts))
	for i, p := range parts {
		if p.slot < 0 {
			continue
		}
		var err error
		if texts[i], err = d.slot(l.templates[t].slots[p.slot]); err != nil {
			return nil, nil, err
		}
	}
	return parts, texts, nil
}

// appendParts writes the text of the i-th event of a template.
func appendParts(dst []byte, parts []formPart, texts []values, i int) []byte {
	for p, v := range texts {
		if v.Values == nil {
			dst = append(dst, parts[p].text...)
		} else {
			dst = v.Append(dst, v.Code(v.first+i))
		}
	}
	return dst
}

// A gather puts a column together.
type gather struct {
	column *column.Column
	bases  map[base]uint32
}

// A base is values whose codes are known already.
type base struct {
	values *column.Values
	kind   llama.Kind
}

// add adds a value to the dictionary, and returns its code.
func (g *gather) add(value string, kind llama.Kind) uint32 {
	c := g.column
	if c.Kinds == nil && kind != llama.String {
		c.Kinds = make([]llama.Kind, len(c.Values))
	}
	c.Values = append(c.Values, value)
	if c.Kinds != nil {
		c.Kinds = append(c.Kinds, kind)
	}
	return uint32(len(c.Values))
}

func (g *gather) constant(rows []uint16, value string, kind llama.Kind) {
	code := uint32(0)
	// Templates often share a value. The last few are looked through.
	for i := len(g.column.Values) - 1; i >= max(0, len(g.column.Values)-8); i-- {
		if g.column.Values[i] == value && (g.column.Kinds == nil && kind == llama.String || g.column.Kinds != nil && g.column.Kinds[i] == kind) {
			code = uint32(i + 1)
		}
	}
	if code == 0 {
		code = g.add(value, kind)
	}
	for _, row := range rows {
		g.column.Codes[row] = code
	}
}

// values gives rows the values of a slot. A group's dictionary is added once.
func (g *gather) values(rows []uint16, v values, kind llama.Kind) {
	if v.Coded() && v.Distinct() == 1 {
		g.constant(rows, v.Value(0), kind)
		return
	}
	first, known := g.bases[base{v.Values, kind}]
	if !known {
		first = uint32(len(g.column.Values)) + 1
		g.bases[base{v.Values, kind}] = first
		g.addAll(v.Texts(), kind)
	}
	v.Codes(g.column.Codes, rows, v.first, first)
}

// addAll adds many values of a kind to the dictionary.
func (g *gather) addAll(texts []string, kind llama.Kind) {
	if len(texts) == 0 {
		return
	}
	g.add(texts[0], kind)
	c := g.column
	c.Values = append(c.Values, texts[1:]...)
	if c.Kinds != nil {
		for range texts[1:] {
			c.Kinds = append(c.Kinds, kind)
		}
	}
}

// loose adds the column of the loose events.
func (g *gather) loose(data []byte, rows []uint16) error {
	if len(data) == 0 {
		return nil
	}
	c, err := column.DecodeLoose(g.column.Name, len(rows), data)
	if err != nil {
		return err
	}
	g.column.Values, g.column.Kinds = c.Values, c.Kinds
	for i, row := range rows {
		g.column.Codes[row] = c.Codes[i]
	}
	return nil
}
