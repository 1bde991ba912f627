package parse

import (
	"slices"

	"github.com/llama-logs/llama"
)

// A mark is what tells most names apart.
type mark uint8

func markOf(name string) mark {
	n := len(name)
	x := uint32(n)
	if n > 1 {
		x |= uint32(name[n-1])<<8 | uint32(name[n-2])<<16 | uint32(name[n/2])<<24
	} else if n > 0 {
		x |= uint32(name[0]) << 8
	}
	return mark(x * 0x9e3779b1 >> 24) // spreads x over the upper bits
}

// A slot is the name of a field that is known before the event.
type slot struct {
	name  string
	bit   uint64 // of the mark, in its word of a markSet
	mark  mark
	plain bool // it is the name of a field of the event
}

func slotOf(name string) slot {
	m := markOf(name)
	return slot{name, 1 << (m & 63), m, name != "" && name[0] != '~' && name != llama.NameMessage}
}

// A markSet is a set of marks.
type markSet [4]uint64

func (s *markSet) has(m mark) bool { return s[m>>6]>>(m&63)&1 != 0 }
func (s *markSet) add(m mark)      { s[m>>6] |= 1 << (m & 63) }

func (s *markSet) join(other *markSet) {
	s[0] |= other[0] // not in a loop, which takes twice as long
	s[1] |= other[1]
	s[2] |= other[2]
	s[3] |= other[3]
}

func (s *markSet) overlaps(other *markSet) bool {
	return s[0]&other[0]|s[1]&other[1]|s[2]&other[2]|s[3]&other[3] != 0
}

// A nameIndex knows where the fields of an event are. Looking through all of them was a
// third of the time of a firewall's event, which has thirty.
//
// Invariant: each field of the event was added, with its place if no other was removed.
type nameIndex struct {
	seen   markSet    // marks that fields have
	shared markSet    // those that several have, or one whose place is too large
	place  [256]uint8 // of the field of each mark that is seen and not shared
	moved  bool       // fields were removed, so that places are wrong
}

// learn starts anew with fields.
func (x *nameIndex) learn(fields []llama.Field) {
	x.seen, x.shared, x.moved = markSet{}, markSet{}, false
	for i := range fields {
		x.add(markOf(fields[i].Name), i)
	}
}

// add adds the field of a mark and its place.
func (x *nameIndex) add(m mark, place int) {
	if x.seen.has(m) || place > 255 {
		x.shared.add(m)
	}
	x.seen.add(m)
	x.place[m] = uint8(place)
}

// find returns the index of the field called name, which has the mark m, -1 when there
// is none.
func (x *nameIndex) find(fields []llama.Field, m mark, name string) int {
	switch {
	case !x.seen.has(m):
		return -1
	case x.moved || x.shared.has(m):
		return indexOf(fields, name)
	}
	if i := int(x.place[m]); i < len(fields) && fields[i].Name == name {
		return i
	}
	return -1
}

// A fieldBlock is fields that are set together. Most events have none of them, and
// get them by one copy.
type fieldBlock struct {
	slot   slot // stands for the block in ways
	fields []llama.Field
	marks  []mark
	seen   markSet
	shared markSet
}

func newFieldBlock(fields []llama.Field) *fieldBlock {
	b := &fieldBlock{fields: fields}
	for i := range fields {
		m := markOf(fields[i].Name)
		if b.seen.has(m) {
			b.shared.add(m)
		}
		b.seen.add(m)
		b.marks = append(b.marks, m)
	}
	return b
}

func (b *fieldBlock) run(w *work) {
	way, e := w.way, w.e
	from := len(e.Fields)
	if way == nil || way.turn.slot != &b.slot || len(b.fields) > cap(e.Fields)-from {
		b.runAny(w)
		return
	}
	e.Fields = e.Fields[:from+len(b.fields)]
	b.set(w, from)
	w.way = way.next
}

// runAny is run where the way is another.
func (b *fieldBlock) runAny(w *work) {
	from, way, added := len(w.e.Fields), w.way, true
	alone := !w.names.seen.overlaps(&b.seen) && from+len(b.fields) <= 255
	if !alone {
		for i := range b.fields {
			added = w.give(b.marks[i], b.fields[i].Name, b.fields[i].Value, b.fields[i].Kind) && added
		}
	} else {
		w.e.Fields = slices.Grow(w.e.Fields, len(b.fields))[:from+len(b.fields)]
		b.set(w, from)
	}
	if added {
		w.turn(way, turn{slot: &b.slot}, fill{len(b.fields), true, alone})
	}
}

// set sets the last fields of an event, which begin at from and are none yet.
func (b *fieldBlock) set(w *work, from int) {
	fields := w.e.Fields[from:]
	for i := range fields {
		fields[i] = b.fields[i]
		w.names.place[b.marks[i]] = uint8(from + i)
	}
	w.names.seen.join(&b.seen)
	w.names.shared.join(&b.shared)
}
