package block

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// ErrDamaged says that bytes are not the chunks of a block of so many rows.
var ErrDamaged = errors.New("damaged block")

// rowsOf says which template the events have.
type rowsOf struct {
	rows [][]uint16 // of each template, the loose ones first
	unit []byte     // of the times of each
}

// units reads how a chunk of the kind Rows begins: the unit of the times of each template,
// the loose events first.
func (l *layout) units(data []byte) (unit, rest []byte, err error) {
	r := column.Reader{Data: data}
	templates := r.Count(1)
	unit = r.Bytes(templates + 1)
	if r.Failed || slices.Max(unit) >= byte(len(units)) {
		return nil, nil, fmt.Errorf("%w: units of times", ErrDamaged)
	}
	if templates != len(l.templates) {
		return nil, nil, fmt.Errorf("%w: %d templates, %d are used", ErrDamaged, len(l.templates), templates)
	}
	return unit, r.Data, nil
}

// decodeRows reads a chunk of the kind Rows, which it does not keep.
func decodeRows(rows int, l *layout, data []byte) (*rowsOf, error) {
	unit, data, err := l.units(data)
	if err != nil {
		return nil, err
	}
	o := &rowsOf{unit: bytes.Clone(unit)}
	numbers, left, err := column.DecodeNumbers(rows, data)
	if err != nil {
		return nil, err
	}
	if len(left) != 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the templates of rows", ErrDamaged, len(left))
	}
	templates := len(l.templates)
	loose := rows
	for i := range l.templates {
		if loose -= l.templates[i].rows; loose < 0 {
			return nil, fmt.Errorf("%w: more rows of templates than %d", ErrDamaged, rows)
		}
	}
	all, ends := make([]uint16, rows), make([]int, 0, templates+1)
	o.rows = make([][]uint16, templates+1)
	for n := range o.rows {
		start, count := 0, loose
		if n > 0 {
			start, count = ends[n-1], l.templates[n-1].rows
		}
		ends = append(ends, start+count)
		o.rows[n] = all[start : start+count : start+count]
	}
	if !numbers.Sort(all, ends) {
		return nil, fmt.Errorf("%w: templates have other rows than they say", ErrDamaged)
	}
	return o, nil
}

// count returns how many rows there are.
func (o *rowsOf) count() int {
	count := 0
	for _, list := range o.rows {
		count += len(list)
	}
	return count
}

// numbers returns the template of each of so many rows.
func (o *rowsOf) numbers(rows int) []uint16 {
	numbers := make([]uint16, rows)
	for n, list := range o.rows {
		for _, row := range list {
			numbers[row] = uint16(n)
		}
	}
	return numbers
}

// decodeTimes reads when the events happened, of a chunk of the kind Times.
func (o *rowsOf) decodeTimes(rows int, left []byte) ([]llama.Time, error) {
	var ofUnit [len(units)]int
	for n, list := range o.rows {
		ofUnit[o.unit[n]] += len(list)
	}
	var times [len(units)][]int64
	for u, n := range ofUnit {
		if n == 0 {
			continue
		}
		var err error
		if times[u], left, err = column.DecodeInts(n, left); err != nil {
			return nil, err
		}
		if n == rows && len(left) == 0 && units[u] == 1 {
			return *(*[]llama.Time)(unsafe.Pointer(&times[u])), nil // of one size and representation
		}
	}
	if len(left) != 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the times", ErrDamaged, len(left))
	}
	all := make([]llama.Time, rows)
	for row, n := range o.numbers(rows) {
		u := o.unit[n]
		all[row] = llama.Time(times[u][0]) * units[u]
		times[u] = times[u][1:]
	}
	return all, nil
}

// A layout is the templates of a block.
type layout struct {
	names     []string
	templates []form
	fields    [][]int32 // by name: of each slot that is kept with it the template
	variables []int32   // likewise of those that are kept with none
	uses      [][]use   // by name: the templates that have it
	loose     int       // rows that have none
}

// A use is a field of a template.
type use struct{ template, field int32 }

// A form is a template as it was written.
type form struct {
	rows   int // events that have it
	parts  []formPart
	fields []formField
	slots  []column.Slot // where each slot is: the name it is kept with, -1: none, and its number there
}

type formPart struct {
	text string
	slot int32 // -1: text
}

type formField struct {
	name int32
	kind llama.Kind
	span span   // of parts, if it is in the message
	slot int32  // -1: text, or a span
	text string // the value of all
}

// decodeTemplates reads a chunk of the kind Templates, of a block of so many rows. Its texts
// share data.
func decodeTemplates(rows int, data []byte) (*layout, error) {
	r := column.Reader{Data: data}
	l := &layout{names: readTexts(&r), loose: rows}
	texts := readTexts(&r)
	room := formRoom{slots: make([]int32, len(l.names)+1), uses: make([]int32, len(l.names))}
	for range r.Count(1) {
		f, ok := l.form(&r, texts, &room)
		if l.loose -= f.rows; !ok || r.Failed || l.loose < 0 {
			return nil, fmt.Errorf("%w: template %d", ErrDamaged, len(l.templates)+1)
		}
		l.templates = append(l.templates, f)
	}
	if r.Failed || len(r.Data) != 0 {
		return nil, fmt.Errorf("%w: wrong length of templates", ErrDamaged)
	}
	l.index(&room)
	return l, nil
}

// index notes by name which templates have it, and which have a slot that is kept with it.
func (l *layout) index(room *formRoom) {
	l.fields, l.uses = make([][]int32, len(l.names)), make([][]use, len(l.names))
	slots, uses := make([]int32, sum(room.slots)), make([]use, sum(room.uses))
	take := func(n int32) (list []int32) {
		list, slots = slots[:n:n], slots[n:]
		return list
	}
	l.variables = take(room.slots[0])
	for i := range l.names {
		l.fields[i] = take(room.slots[i+1])
		n := room.uses[i]
		l.uses[i], uses = uses[:0:n], uses[n:]
	}
	for t := range l.templates {
		f := &l.templates[t]
		for _, s := range f.slots {
			if s.Home < 0 {
				l.variables[s.Number] = int32(t)
			} else {
				l.fields[s.Home][s.Number] = int32(t)
			}
		}
		for i := range f.fields {
			name := f.fields[i].name
			l.uses[name] = append(l.uses[name], use{int32(t), int32(i)})
		}
	}
}

func sum(counts []int32) (all int) {
	for _, n := range counts {
		all += int(n)
	}
	return all
}

// A formRoom is memory that the templates of a block share, and counts of what is in them.
type formRoom struct {
	parts  []formPart
	fields []formField
	places []column.Slot
	own    []column.Slot // of the template that is being read
	slots  []int32       // kept with none, and with each name
	uses   []int32       // of each name
}

// shared is for how many at once there is memory.
const shared = 256

// take returns room for n.
func take[T any](room *[]T, n int) []T {
	if n > len(*room) {
		*room = make([]T, max(n, shared))
	}
	out := (*room)[:n:n]
	*room = (*room)[n:]
	return out
}

// slot adds a slot of the template that is being read, kept with a name; -1: with none. It
// returns its number.
func (m *formRoom) slot(home int32) int32 {
	m.own = append(m.own, column.Slot{Home: home, Number: m.slots[home+1]})
	m.slots[home+1]++
	return int32(len(m.own)) - 1
}

// form reads one template.
func (l *layout) form(r *column.Reader, texts []string, room *formRoom) (f form, ok bool) {
	room.own = room.own[:0]
	rows, parts := r.Uvarint(), r.Count(1)
	if rows > column.MaxRows || parts > maxParts {
		return f, false
	}
	f.rows = int(rows)
	f.parts = take(&room.parts, parts)
	for i := range f.parts {
		p := &f.parts[i]
		p.slot = -1
		v := r.Uvarint()
		switch n := v >> 2; {
		case v&3 == partText && n < uint64(len(texts)):
			p.text = texts[n]
		case v == partVariable:
			p.slot = room.slot(-1)
		case v&3 == partAgain && n < uint64(len(room.own)):
			p.slot = int32(n)
		case v&3 == partField && n < uint64(len(l.names)):
			p.slot = room.slot(int32(n))
		default:
			return f, false
		}
	}
	f.fields = take(&room.fields, r.Count(1))
	for i := range f.fields {
		d := &f.fields[i]
		if !d.read(r, l.names, texts, parts, room) {
			return f, false
		}
		room.uses[d.name]++
	}
	f.slots = take(&room.places, len(room.own))
	copy(f.slots, room.own)
	return f, true
}

// read reads a field of a template with so many parts.
func (d *formField) read(r *column.Reader, names, texts []string, parts int, room *formRoom) bool {
	name, kind := r.Uvarint(), r.Byte()
	if name >= uint64(len(names)) || kind>>2 > byte(llama.Object) {
		return false
	}
	d.name, d.kind, d.slot = int32(name), llama.Kind(kind>>2), -1
	switch kind & 3 {
	case formConstant:
		n := r.Uvarint()
		if n >= uint64(len(texts)) {
			return false
		}
		d.text = texts[n]
	case formSlot:
		d.slot = room.slot(d.name)
	case formAgain:
		n := r.Uvarint()
		if n >= uint64(len(room.own)) {
			return false
		}
		d.slot = int32(n)
	case formSpan:
		first, length := r.Uvarint(), r.Uvarint()
		if length == 0 || length > uint64(parts) || first > uint64(parts)-length {
			return false
		}
		d.span = span{int32(first), int32(first + length)}
	}
	return true
}

func readTexts(r *column.Reader) []string {
	texts := make([]string, r.Count(1))
	for i := range texts {
		b := r.Bytes(r.Count(1))
		texts[i] = unsafe.String(unsafe.SliceData(b), len(b))
	}
	return texts
}
