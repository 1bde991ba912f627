package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// ErrDamaged says that bytes are not the chunks of a block of so many rows.
var ErrDamaged = errors.New("damaged block")

// rowsOf says which template the events have, and when they happened.
type rowsOf struct {
	numbers []int64   // the template of each row; 0: loose
	rows    [][]int32 // the rows of each template, the loose ones first
	times   []llama.Time
}

// decodeTimes reads a chunk of the kind Times.
func decodeTimes(rows int, data []byte) (*rowsOf, error) {
	r := reader{data: data}
	templates := r.count()
	unit := r.bytes(templates + 1)
	if r.failed || slices.Max(unit) >= byte(len(units)) {
		return nil, fmt.Errorf("%w: units of times", ErrDamaged)
	}
	o := &rowsOf{times: make([]llama.Time, rows)}
	var err error
	if o.numbers, r.data, err = column.DecodeInts(rows, r.data); err != nil {
		return nil, err
	}
	counts := make([]int, templates+1)
	var ofUnit [len(units)]int
	for _, n := range o.numbers {
		if n < 0 || n > int64(templates) {
			return nil, fmt.Errorf("%w: template %d of %d", ErrDamaged, n, templates)
		}
		counts[n]++
		ofUnit[unit[n]]++
	}
	o.rows = make([][]int32, templates+1)
	all := make([]int32, 0, rows)
	for n, count := range counts {
		o.rows[n] = all[len(all) : len(all) : len(all)+count]
		all = all[:len(all)+count]
	}
	var times [len(units)][]int64
	for u, n := range ofUnit {
		if n == 0 {
			continue
		}
		if times[u], r.data, err = column.DecodeInts(n, r.data); err != nil {
			return nil, err
		}
	}
	if len(r.data) != 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the times", ErrDamaged, len(r.data))
	}
	for row, n := range o.numbers {
		u := unit[n]
		o.times[row] = llama.Time(times[u][0]) * units[u]
		times[u] = times[u][1:]
		o.rows[n] = append(o.rows[n], int32(row))
	}
	return o, nil
}

// A layout is the templates of a block.
type layout struct {
	names     []string
	templates []form
	fields    [][]place // by name: the slots that are kept with it
	uses      [][]use   // by name: the templates that have it
	variables []place
}

// A place is a slot, by template and its number there.
type place struct{ template, slot int32 }

// A use is a field of a template.
type use struct{ template, field int32 }

// A form is a template as it was written.
type form struct {
	parts  []formPart
	fields []formField
	homes  []int32 // for each slot the name it is kept with; -1: none
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

// decodeTemplates reads a chunk of the kind Templates. Its texts share data.
func decodeTemplates(data []byte) (*layout, error) {
	r := reader{data: data}
	l := &layout{names: r.texts()}
	texts := r.texts()
	l.fields, l.uses = make([][]place, len(l.names)), make([][]use, len(l.names))
	for range r.count() {
		f, ok := l.form(&r, texts)
		if !ok || r.failed {
			return nil, fmt.Errorf("%w: template %d", ErrDamaged, len(l.templates)+1)
		}
		l.templates = append(l.templates, f)
	}
	if r.failed || len(r.data) != 0 {
		return nil, fmt.Errorf("%w: wrong length of templates", ErrDamaged)
	}
	return l, nil
}

// form reads one template.
func (l *layout) form(r *reader, texts []string) (f form, ok bool) {
	number := int32(len(l.templates))
	slot := func(list *[]place, home int32) int32 {
		n := int32(len(f.homes))
		*list = append(*list, place{number, n})
		f.homes = append(f.homes, home)
		return n
	}
	parts := r.count()
	if parts > maxParts {
		return f, false
	}
	f.parts = make([]formPart, parts)
	for i := range f.parts {
		p := &f.parts[i]
		p.slot = -1
		v := r.uvarint()
		switch n := v >> 2; {
		case v&3 == partText && n < uint64(len(texts)):
			p.text = texts[n]
		case v == partVariable:
			p.slot = slot(&l.variables, -1)
		case v&3 == partAgain && n < uint64(len(f.homes)):
			p.slot = int32(n)
		case v&3 == partField && n < uint64(len(l.names)):
			p.slot = slot(&l.fields[n], int32(n))
		default:
			return f, false
		}
	}
	f.fields = make([]formField, r.count())
	for i := range f.fields {
		name, kind := r.uvarint(), r.byte()
		if name >= uint64(len(l.names)) || kind>>2 > byte(llama.Object) {
			return f, false
		}
		d := formField{name: int32(name), kind: llama.Kind(kind >> 2), slot: -1}
		switch kind & 3 {
		case formConstant:
			n := r.uvarint()
			if n >= uint64(len(texts)) {
				return f, false
			}
			d.text = texts[n]
		case formSlot:
			d.slot = slot(&l.fields[name], int32(name))
		case formAgain:
			n := r.uvarint()
			if n >= uint64(len(f.homes)) {
				return f, false
			}
			d.slot = int32(n)
		case formSpan:
			first, length := r.uvarint(), r.uvarint()
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

// A reader takes bytes apart. After the first mistake it only gives zeros.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) fail() { r.data, r.failed = nil, true }

func (r *reader) byte() byte {
	b := r.bytes(1)
	if r.failed {
		return 0
	}
	return b[0]
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.data) {
		r.fail()
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

// count reads a number of things that have at least a byte each.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) texts() []string {
	texts := make([]string, r.count())
	for i := range texts {
		b := r.bytes(r.count())
		texts[i] = unsafe.String(unsafe.SliceData(b), len(b))
	}
	return texts
}
