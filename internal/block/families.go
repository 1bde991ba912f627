package block

import (
	"slices"

	"github.com/llama-logs/llama/internal/column"
)

// families returns the templates as queries see them.
func (d *decoder) families() (*column.Families, error) {
	return kept(d.Keep, d.key("families"), func() (*column.Families, int, error) {
		o, err := d.rows()
		if err != nil {
			return nil, 0, err
		}
		l, err := d.layout()
		if err != nil {
			return nil, 0, err
		}
		f := &column.Families{List: make([]column.Family, len(l.templates)), Loose: o.rows[0]}
		parts, fields := 0, 0
		for t := range l.templates {
			parts, fields = parts+len(l.templates[t].parts), fields+len(l.templates[t].fields)
		}
		room := familyRoom{make([]column.Part, 0, parts), make([]column.Member, 0, fields)}
		for t := range l.templates {
			f.List[t] = l.family(t, o.rows[t+1], &room)
		}
		bytes := 100*len(f.List) + 40*parts + 80*fields
		return f, bytes, nil
	})
}

// A familyRoom is memory for the parts and fields of all families of a block.
type familyRoom struct {
	parts  []column.Part
	fields []column.Member
}

// family returns a template, which rows have, in room.
func (l *layout) family(t int, rows []uint16, room *familyRoom) column.Family {
	form := &l.templates[t]
	firstPart, firstField := len(room.parts), len(room.fields)
	for _, p := range form.parts {
		if p.slot < 0 {
			room.parts = append(room.parts, column.Part{Text: p.text})
		} else {
			room.parts = append(room.parts, column.Part{Is: column.Slots, Slot: form.slots[p.slot]})
		}
	}
	// Of a name that is there twice, the last counts. Names are numbered in their order.
	byName := func(x, y formField) int { return int(x.name) - int(y.name) }
	fields := form.fields
	if !slices.IsSortedFunc(fields, byName) {
		fields = slices.Clone(fields)
		slices.SortStableFunc(fields, byName)
	}
	for i := range fields {
		x := &fields[i]
		if i+1 < len(fields) && fields[i+1].name == x.name {
			continue
		}
		m := column.Member{Name: l.names[x.name], Kind: x.kind}
		switch {
		case x.span.inside():
			m.Is, m.First, m.End = column.Span, int(x.span.first), int(x.span.end)
		case x.slot >= 0:
			m.Is, m.Slot = column.Slots, form.slots[x.slot]
		default:
			m.Text = x.text
		}
		room.fields = append(room.fields, m)
	}
	return column.Family{Rows: rows, Parts: slices.Clip(room.parts[firstPart:]), Fields: slices.Clip(room.fields[firstField:])}
}
