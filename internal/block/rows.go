package block

import (
	"unsafe"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A rowForm gives back the events of one template, one after the other.
type rowForm struct {
	text   []formPart
	own    []formField // without who handed the events in, which the shape has
	shape  *column.Shape
	parts  []values // of text; none: fixed
	fields []values // of own; none: fixed, or a span
	next   int
}

// each gives back the events of a block.
func (d *decoder) each(b *column.Block, do func(*column.Row) error) error {
	l, err := d.layout()
	if err != nil {
		return err
	}
	o, err := d.rows()
	if err != nil {
		return err
	}
	times, err := d.times()
	if err != nil {
		return err
	}
	seqs, err := d.seqs()
	if err != nil {
		return err
	}
	ingested, err := d.ingested()
	if err != nil {
		return err
	}
	forms := make([]rowForm, len(l.templates))
	for t := range forms {
		if forms[t], err = d.rowForm(l, t); err != nil {
			return err
		}
	}
	rest, err := d.rest(b, len(o.rows[0]))
	if err != nil {
		return err
	}
	var texts arena
	row := &column.Row{}
	loose := 0
	for i, number := range o.numbers(d.count) {
		row.Time, row.Ingested, row.Seq = times[i], ingested[i], seqs[i]
		if number > 0 {
			forms[number-1].fill(row, &texts)
		} else {
			rest.fill(row, loose)
			loose++
		}
		if err := do(row); err != nil {
			return err
		}
	}
	return nil
}

// rowForm reads all slots of a template.
func (d *decoder) rowForm(l *layout, t int) (rowForm, error) {
	f := &l.templates[t]
	r := rowForm{text: f.parts, own: f.fields, shape: &column.Shape{}}
	var err error
	if _, r.parts, err = d.parts(l, t, span{0, int32(len(f.parts))}); err != nil {
		return r, err
	}
	if len(r.own) > 0 && l.names[r.own[0].name] == llama.NameSource {
		r.shape.Source, r.own = r.own[0].text, r.own[1:]
	}
	for _, x := range r.own {
		var v values
		if x.slot >= 0 {
			if v, err = d.slot(f.slots[x.slot]); err != nil {
				return r, err
			}
		}
		r.fields = append(r.fields, v)
		r.shape.Names = append(r.shape.Names, l.names[x.name])
		r.shape.Kinds = append(r.shape.Kinds, x.kind)
	}
	return r, nil
}

// fill makes row the next event of the template.
func (r *rowForm) fill(row *column.Row, texts *arena) {
	i := r.next
	r.next++
	var ends [maxParts + 1]int32
	buffer := texts.buffer()
	for p, v := range r.parts {
		if v.Values == nil {
			buffer = append(buffer, r.text[p].text...)
		} else {
			buffer = v.Append(buffer, v.Code(v.first+i))
		}
		ends[p+1] = int32(len(buffer))
	}
	row.Message = texts.take(buffer)
	row.Shape = r.shape
	row.Values = row.Values[:0]
	for k := range r.own {
		switch x := &r.own[k]; {
		case x.span.inside():
			row.Values = append(row.Values, row.Message[ends[x.span.first]:ends[x.span.end]])
		case r.fields[k].Values != nil:
			v := r.fields[k]
			row.Values = append(row.Values, texts.take(v.Append(texts.buffer(), v.Code(v.first+i))))
		default:
			row.Values = append(row.Values, x.text)
		}
	}
}

// An arena gives memory to many strings at once.
type arena struct{ left []byte }

// buffer returns room for a string, empty.
func (a *arena) buffer() []byte { return a.left[len(a.left):] }

// take returns what was appended to the buffer as a string.
func (a *arena) take(buffer []byte) string {
	if room := cap(a.left) - len(a.left); cap(buffer) == room {
		a.left = a.left[:len(a.left)+len(buffer)]
	}
	if cap(a.left)-len(a.left) < 1<<11 {
		a.left = make([]byte, 0, 1<<16)
	}
	return unsafe.String(unsafe.SliceData(buffer), len(buffer))
}

// A looseRows gives back the loose events.
type looseRows struct {
	message, source *column.Column
	columns         []*column.Column
	shape           column.Shape // of the newest event
}

func (d *decoder) rest(b *column.Block, rows int) (*looseRows, error) {
	r := &looseRows{shape: column.Shape{Of: column.NewNames()}}
	if rows == 0 {
		return r, nil
	}
	for _, name := range b.Names {
		if name == llama.NameIngested {
			continue
		}
		c, err := d.looseColumn(name)
		switch {
		case err != nil:
			return nil, err
		case c == nil:
		case name == llama.NameMessage:
			r.message = c
		case name == llama.NameSource:
			r.source = c
		default:
			r.columns = append(r.columns, c)
			r.shape.Of.Number(name) // that of its column
		}
	}
	return r, nil
}

// fill makes row the n-th loose event.
func (r *looseRows) fill(row *column.Row, n int) {
	row.Message = valueOf(r.message, n)
	row.Values = row.Values[:0]
	s := &r.shape
	s.Source, s.Names, s.Kinds, s.Numbers = valueOf(r.source, n), s.Names[:0], s.Kinds[:0], s.Numbers[:0]
	for i, c := range r.columns {
		if value, kind, ok := c.Value(n); ok {
			row.Values = append(row.Values, value)
			s.Names = append(s.Names, c.Name)
			s.Kinds = append(s.Kinds, kind)
			s.Numbers = append(s.Numbers, uint32(i))
		}
	}
	row.Shape = s
}

func valueOf(c *column.Column, row int) string {
	if c == nil {
		return ""
	}
	value, _, _ := c.Value(row)
	return value
}
