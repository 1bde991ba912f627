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
		f := &column.Families{List: make([]column.Family, len(l.templates)), Loose: column.Loose{
			Rows: o.rows[0],
			Column: func(name string) (*column.Column, error) {
				return explained(d, func() (*column.Column, error) {
					return kept(d.Keep, "loose "+name, func() (*column.Column, int, error) {
						c, err := d.looseColumn(l, name)
						return c, c.Bytes(), err
					})
				})()
			},
		}}
		bytes := 0
		for t := range l.templates {
			f.List[t] = d.family(o, l, t)
			bytes += 100 + 120*len(f.List[t].Parts) + 150*len(f.List[t].Fields)
		}
		return f, bytes, nil
	})
}

// family returns one of the templates.
func (d *decoder) family(o *rowsOf, l *layout, t int) column.Family {
	form := &l.templates[t]
	f := column.Family{Rows: o.rows[t+1], Parts: make([]column.Part, len(form.parts))}
	slots := make([]*column.Slot, len(form.homes))
	slot := func(n int32) *column.Slot {
		if slots[n] == nil {
			slots[n] = d.slot(l, place{int32(t), n})
		}
		return slots[n]
	}
	for i, p := range form.parts {
		if p.slot < 0 {
			f.Parts[i].Text = p.text
		} else {
			f.Parts[i].Slot = slot(p.slot)
		}
	}
	for _, x := range form.fields {
		m := column.Member{Name: l.names[x.name], Kind: x.kind}
		switch {
		case x.span.inside():
			m.First, m.End = int(x.span.first), int(x.span.end)
		case x.slot >= 0:
			m.Slot = slot(x.slot)
		default:
			m.Text = x.text
		}
		f.Fields = append(f.Fields, m)
	}
	slices.SortStableFunc(f.Fields, func(a, b column.Member) int { return strings.Compare(a.Name, b.Name) })
	// Of a name that is there twice, the first counts.
	f.Fields = slices.CompactFunc(f.Fields, func(a, b column.Member) bool { return a.Name == b.Name })
	return f
}

// slot returns a slot, to be decoded later.
func (d *decoder) slot(l *layout, p place) *column.Slot {
	return &column.Slot{Load: func() (*column.Values, int, error) {
		v, err := d.part(l, p)
		return v.Values, v.first, d.Explain(err)
	}}
}
