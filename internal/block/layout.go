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

// decodeRows reads a chunk of the kind Rows, which it does not keep.
func decodeRows(rows int, l *layout, data []byte) (*rowsOf, error) {
	r := column.Reader{Data: data}
	templates := r.Count(1)
	o := &rowsOf{unit: bytes.Clone(r.Bytes(templates + 1))}
	if r.Failed || slices.Max(o.unit) >= byte(len(units)) {
		return nil, fmt.Errorf("%w: units of times", ErrDamaged)
	}
	if templates != len(l.templates) {
		return nil, fmt.Errorf("%w: %d templates, %d are used", ErrDamaged, len(l.templates), templates)
	}
	numbers, left, err := column.DecodeNumbers(rows, r.Data)
	if err != nil {
		return nil, err
	}
	if len(left) != 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the templates of rows", ErrDamaged, len(left))
	}
	counts := make([]int, templates+1)
	for i := range rows {
		n := numbers.At(i)
		if n < 0 || n > int64(templates) {
			return nil, fmt.Errorf("%w: template %d of %d", ErrDamaged, n, templates)
		}
		counts[n]++
	}
	for i, t := range l.templates {
		if counts[i+1] != t.rows {
			return nil, fmt.Errorf("%w: %d rows of template %d, not %d", ErrDamaged, counts[i+1], i+1, t.rows)
		}
	}
	o.rows = make([][]uint16, templates+1)
	all := make([]uint16, 0, rows)
	for n, count := range counts {
		o.rows[n] = all[len(all) : len(all) : len(all)+count]
		all = all[:len(all)+count]
	}
	for i := range rows {
		n := numbers.At(i)
		o.rows[n] = append(o.rows[n], uint16(i))
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
	l.fields, l.uses = make([][]int32, len(l.names)), make([][]use, len(l.names))
	for range r.Count(1) {
		f, ok := l.form(&r, texts)
		if l.loose -= f.rows; !ok || r.Failed || l.loose < 0 {
			return nil, fmt.Errorf("%w: template %d", ErrDamaged, len(l.templates)+1)
		}
		l.templates = append(l.templates, f)
	}
	if r.Failed || len(r.Data) != 0 {
		return nil, fmt.Errorf("%w: wrong length of templates", ErrDamaged)
	}
	return l, nil
}

// form reads one template.
func (l *layout) form(r *column.Reader, texts []string) (f form, ok bool) {
	number := int32(len(l.templates))
	slot := func(list *[]int32, home int32) int32 {
		f.slots = append(f.slots, column.Slot{Home: home, Number: int32(len(*list))})
		*list = append(*list, number)
		return int32(len(f.slots)) - 1
	}
	rows, parts := r.Uvarint(), r.Count(1)
	if rows > column.MaxRows || parts > maxParts {
		return f, false
	}
	f.rows = int(rows)
	f.parts = make([]formPart, parts)
	for i := range f.parts {
		p := &f.parts[i]
		p.slot = -1
		v := r.Uvarint()
		switch n := v >> 2; {
		case v&3 == partText && n < uint64(len(texts)):
			p.text = texts[n]
		case v == partVariable:
			p.slot = slot(&l.variables, -1)
		case v&3 == partAgain && n < uint64(len(f.slots)):
			p.slot = int32(n)
		case v&3 == partField && n < uint64(len(l.names)):
			p.slot = slot(&l.fields[n], int32(n))
		default:
			return f, false
		}
	}
	f.fields = make([]formField, r.Count(1))
	for i := range f.fields {
		name, kind := r.Uvarint(), r.Byte()
		if name >= uint64(len(l.names)) || kind>>2 > byte(llama.Object) {
			return f, false
		}
		d := formField{name: int32(name), kind: llama.Kind(kind >> 2), slot: -1}
		switch kind & 3 {
		case formConstant:
			n := r.Uvarint()
			if n >= uint64(len(texts)) {
				return f, false
			}
			d.text = texts[n]
		case formSlot:
			d.slot = slot(&l.fields[name], int32(name))
		case formAgain:
			n := r.Uvarint()
			if n >= uint64(len(f.slots)) {
				return f, false
			}
			d.slot = int32(n)
		case formSpan:
			first, length := r.Uvarint(), r.Uvarint()
			if length == 0 || length > uint64(parts) || first > uint64(parts)-length {
				return f, false
			}
			d.span = span{int32(first), int32(first + length)}
		default:
			return f, false
		}
		f.fields[i] = d
		l.uses[name] = append(l.uses[name], use{number, int32(i)})
	}
	return f, true
}

func readTexts(r *column.Reader) []string {
	texts := make([]string, r.Count(1))
	for i := range texts {
		b := r.Bytes(r.Count(1))
		texts[i] = unsafe.String(unsafe.SliceData(b), len(b))
	}
	return texts
}
