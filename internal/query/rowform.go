package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A rowMaker makes rows of a chunk as chunk.row does. Of a block that has templates it
// reads only the values of the rows that are asked for, and what all rows of a template
// have in common is made ready once.
type rowMaker struct {
	c        *chunk
	patterns []string
	hidden   bool
	list     *column.Families // nil: of columns
	forms    []*rowForm       // of each family, and of the loose events
	where    []uint32         // of each row the family and the place in it, once many were asked for
	asked    int
	text     []byte
	batch    lineBatch
	// lineBytes is how long lines were, or are taken to be.
	lineBytes int
	names     *nameList // gathers the names of fields that lines have; nil where they are not wanted
}

// A rowForm is how the rows of one family are made. Fields that are the same for all
// of them are known once.
type rowForm struct {
	places []rowPlace
	lines  *lineForm // nil before the first line
	// unseen are the places whose names are not in names yet.
	unseen []*rowPlace
	names  *nameList
}

// A rowPlace is one field of a row.
type rowPlace struct {
	name  string
	kind  llama.Kind
	is    placeForm
	fixed string
	slot  slotValues
	at    column.Slot // of slot
	span  messages
	base  string
	col   *column.Column
}

type placeForm uint8

const (
	placeFixed placeForm = iota
	placeSlot
	placeSpan
	placeMade   // of what a block keeps otherwise than as text
	placeColumn // a column of all rows
	placeLoose  // a column of the loose events
)

// maker returns a rowMaker for the fields that the chunk has now.
func (c *chunk) maker(patterns []string, hidden bool) *rowMaker {
	m := &rowMaker{c: c, patterns: patterns, hidden: hidden, lineBytes: 1 << 10}
	if c.block == nil || c.block.Families == nil || c.items != nil { // rows that were remade are not those of the block
		return m
	}
	list, err := c.block.Families()
	if err != nil {
		c.fail(err)
		return m
	}
	m.list, m.forms = list, make([]*rowForm, len(list.List)+1)
	return m
}

// fail keeps the first error.
func (c *chunk) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// fewRows are looked up one by one; beyond that it pays to know where each is.
const fewRows = 16

// find returns the family of a row and its place there.
func (m *rowMaker) find(r uint32) (family, place int) {
	if m.where != nil {
		w := m.where[r]
		return int(w >> 16), int(w & 0xffff)
	}
	if m.asked++; m.asked > fewRows {
		m.where = m.c.work.numbers(m.c.rows)[:m.c.rows]
		for n := range m.forms {
			for at, row := range m.rowsOf(n) {
				m.where[row] = uint32(n)<<16 | uint32(at)
			}
		}
		return m.find(r)
	}
	for n := len(m.forms) - 1; n >= 0; n-- { // what is rare mostly is loose
		if at, ok := slices.BinarySearch(m.rowsOf(n), uint16(r)); ok {
			return n, at
		}
	}
	return len(m.forms) - 1, 0
}

// rowsOf returns the rows of a family, of which the loose events are the last.
func (m *rowMaker) rowsOf(family int) []uint16 {
	if family == len(m.list.List) {
		return m.list.Loose
	}
	return m.list.List[family].Rows
}

func (m *rowMaker) form(family int) *rowForm {
	if f := m.forms[family]; f != nil {
		return f
	}
	f := &rowForm{}
	m.forms[family] = f
	for i := range m.c.fields {
		own := &m.c.fields[i]
		if own.hidden && !m.hidden || m.patterns != nil && !matchAnyField(m.patterns, own.name) {
			continue
		}
		if p, ok := m.place(own, family); ok {
			p.name = own.name
			if own.hidden {
				p.name = hiddenMark + own.name
			}
			f.places = append(f.places, p)
		}
	}
	return f
}

// place returns how a field of a family's rows is made, if they have it.
func (m *rowMaker) place(own *field, family int) (p rowPlace, ok bool) {
	c := m.c
	switch {
	case own.base == "":
		p.is, p.col = placeColumn, c.load(own)
		return p, p.col != nil
	case own.base == llama.NameCollection:
		p.fixed = c.block.Collection
		return p, true
	case c.isMade(own.base):
		p.is, p.base = placeMade, own.base
		return p, true
	}
	if family == len(m.list.List) {
		var err error
		if p.col, err = c.block.Loose(own.base); err != nil {
			c.fail(err)
		}
		p.is = placeLoose
		return p, p.col != nil
	}
	f := &m.list.List[family]
	if own.base == llama.NameMessage {
		return p, len(f.Parts) > 0 && m.open(&p, f, 0, len(f.Parts))
	}
	at, ok := slices.BinarySearchFunc(f.Fields, own.base, func(x column.Member, name string) int { return strings.Compare(x.Name, name) })
	if !ok {
		return p, false
	}
	x := &f.Fields[at]
	p.kind = x.Kind
	switch x.Is {
	case column.Fixed:
		p.fixed = x.Text
	case column.Span:
		return p, m.open(&p, f, x.First, x.End)
	default:
		m.slot(&p, x.Slot)
	}
	return p, true
}

// open makes p a span of a family's messages.
func (m *rowMaker) open(p *rowPlace, f *column.Family, from, to int) bool {
	if to == from+1 {
		switch x := &f.Parts[from]; x.Is {
		case column.Fixed:
			p.fixed = x.Text
		default:
			m.slot(p, x.Slot)
		}
		return true
	}
	p.is, p.span.block = placeSpan, m.c.block
	if err := p.span.open(f, from, to); err != nil {
		m.c.fail(err)
		return false
	}
	return true
}

func (m *rowMaker) slot(p *rowPlace, s column.Slot) {
	v, first, err := m.c.block.Values(s)
	if err != nil {
		m.c.fail(err)
		return
	}
	p.is, p.slot, p.at = placeSlot, slotValues{v, first}, s
}

// row returns row r.
func (m *rowMaker) row(r uint32) Row {
	if m.list == nil {
		return m.c.row(r, m.patterns, m.hidden)
	}
	family, at := m.find(r)
	f := m.form(family)
	out := make(Row, 0, len(f.places))
	for i := range f.places {
		p := &f.places[i]
		x := llama.Field{Name: p.name, Kind: p.kind}
		ok := true
		switch p.is {
		case placeFixed:
			x.Value = p.fixed
		case placeSlot:
			x.Value = p.slot.At(p.slot.first + at)
		case placeSpan:
			m.text = p.span.append(m.text[:0], at)
			x.Value = string(m.text)
		case placeMade:
			x.Value, x.Kind = m.c.make(p.base, r)
		case placeColumn:
			x.Value, x.Kind, ok = p.col.Value(int(r))
		case placeLoose:
			x.Value, x.Kind, ok = p.col.Value(at)
		}
		if ok {
			out = append(out, x)
		}
	}
	return out
}

// A nameList is names in the order in which they came first.
type nameList struct {
	list  []string
	known map[string]bool
}

func newNameList() *nameList { return &nameList{known: map[string]bool{}} }

func (l *nameList) add(name string) {
	if !l.known[name] {
		l.known[name] = true
		l.list = append(l.list, name)
	}
}

// see adds the names of the fields that row r has, which is the one at the given place of
// the family.
func (f *rowForm) see(names *nameList, r, at int) {
	if f.names != names {
		f.names, f.unseen = names, f.unseen[:0]
		for i := range f.places {
			f.unseen = append(f.unseen, &f.places[i])
		}
	}
	if len(f.unseen) == 0 {
		return
	}
	f.unseen = slices.DeleteFunc(f.unseen, func(p *rowPlace) bool {
		has := true
		switch p.is {
		case placeColumn:
			_, _, has = p.col.Value(r)
		case placeLoose:
			_, _, has = p.col.Value(at)
		}
		if has {
			names.add(p.name)
		}
		return has
	})
}
