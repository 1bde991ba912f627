package block

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama/internal/column"
)

// families returns the templates as queries see them.
func (d *decoder) families() (*column.Families, error) {
	return kept(d.Keep, "families", func() (*column.Families, int, error) {
		o, err := d.rows()
		if err != nil {
			return nil, 0, err
		}
		l, err := d.layout()
		if err != nil {
			return nil, 0, err
		}
		f := &column.Families{List: make([]column.Family, len(l.templates)), Loose: o.rows[0]}
		bytes := 0
		for t := range l.templates {
			f.List[t] = l.family(t, o.rows[t+1])
			bytes += 100 + 40*len(f.List[t].Parts) + 80*len(f.List[t].Fields)
		}
		return f, bytes, nil
	})
}

// family returns a template, which rows have.
func (l *layout) family(t int, rows []uint16) column.Family {
	form := &l.templates[t]
	f := column.Family{Rows: rows, Parts: make([]column.Part, len(form.parts)), Fields: make([]column.Member, 0, len(form.fields))}
	for i, p := range form.parts {
		if p.slot < 0 {
			f.Parts[i].Text = p.text
		} else {
			f.Parts[i] = column.Part{Is: column.Slots, Slot: form.slots[p.slot]}
		}
	}
	for _, x := range form.fields {
		m := column.Member{Name: l.names[x.name], Kind: x.kind}
		switch {
		case x.span.inside():
			m.Is, m.First, m.End = column.Span, int(x.span.first), int(x.span.end)
		case x.slot >= 0:
			m.Is, m.Slot = column.Slots, form.slots[x.slot]
		default:
			m.Text = x.text
		}
		f.Fields = append(f.Fields, m)
	}
	// Of a name that is there twice, the last counts.
	slices.Reverse(f.Fields)
	slices.SortStableFunc(f.Fields, func(a, b column.Member) int { return strings.Compare(a.Name, b.Name) })
	f.Fields = slices.CompactFunc(f.Fields, func(a, b column.Member) bool { return a.Name == b.Name })
	return f
}
