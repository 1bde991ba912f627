package wal

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// Events of which hardly two have the same fields would each bring a shape. They have
// fields of their own instead: by the number that a name and kind have in the section.

const (
	// wideOf is after how many events each it is asked whether shapes come again.
	wideOf = 64
	// kindsKept is how many kinds of events with fields of their own are remembered, so
	// that it is seen when they come again.
	kindsKept = 512
	// Numbers of shapes: of a new one, of none, and what is added to the others.
	shapeNew, shapeOwn, shapeKnown = 0, 1, 1
)

// A pair is a name with a kind.
type pair struct {
	name string
	x, y uint64 // column.Words of a short one
	kind llama.Kind
	hash uint64
}

// is reports whether the pair is one of a kind and a name, which may be of x and y.
func (p *pair) is(name string, x, y uint64, kind llama.Kind) bool {
	return p.kind == kind && len(p.name) == len(name) && p.x == x && p.y == y && (len(name) <= column.MaxWords || same(p.name, name))
}

// pairs numbers the pairs of a section, from 0.
type pairs struct {
	hasher column.Hasher
	list   []pair
	table  []uint32 // hash table of numbers+1
}

func newPairs() pairs { return pairs{hasher: column.NewHasher(), table: make([]uint32, 256)} }

// reset forgets all. It keeps a table that is not much larger than was needed.
func (p *pairs) reset() {
	if len(p.table) > 256 && len(p.table) > 16*len(p.list) {
		p.table = make([]uint32, 256)
	}
	clear(p.table)
	clear(p.list)
	p.list = p.list[:0]
}

// number returns the number of a pair, and whether it is new.
func (p *pairs) number(name string, kind llama.Kind) (n int, isNew bool) {
	mask := uint64(len(p.table) - 1)
	var x, y, hash uint64
	if len(name) <= column.MaxWords {
		x, y = column.Words(name)
		hash = p.hasher.HashWords(x, y, len(name)) + uint64(kind)
	} else {
		hash = p.hasher.Hash(name) + uint64(kind)
	}
	at := hash & mask
	for ; p.table[at] != 0; at = (at + 1) & mask {
		n = int(p.table[at]) - 1
		if p.list[n].is(name, x, y, kind) {
			return n, false
		}
	}
	p.list = append(p.list, pair{name, x, y, kind, hash})
	p.table[at] = uint32(len(p.list))
	if 2*len(p.list) > len(p.table) {
		p.grow()
	}
	return len(p.list) - 1, true
}

func (p *pairs) grow() {
	p.table = make([]uint32, 2*len(p.table))
	mask := uint64(len(p.table) - 1)
	for i, x := range p.list {
		at := x.hash & mask
		for p.table[at] != 0 {
			at = (at + 1) & mask
		}
		p.table[at] = uint32(i + 1)
	}
}

// width decides whether events have fields of their own, and remembers it for the next
// section of the collection, of which a batch may be too small to tell.
type width struct {
	of         int // events; see wideOf, tests have less
	wide       bool
	collection string
	judged     int      // shapes of the section when that was asked last
	kinds      []uint64 // hashes of the names and kinds of fields; nil until it was wide
	seen, come int      // events with fields of their own, and those whose kind came again
}

// begin begins a section of a collection.
func (w *width) begin(collection string) {
	w.judged = 0
	if !same(w.collection, collection) {
		w.wide, w.collection = false, strings.Clone(collection)
	}
}

// judge looks at the last events, after some each: where three of four have brought a
// shape, events are wide; where one of four is of a kind that came before, not any more.
func (w *width) judge(rows, shapes int) {
	switch {
	case w.wide && w.seen == w.of:
		w.wide = 4*w.come <= w.of
		w.seen, w.come = 0, 0
	case !w.wide && rows%w.of == 0 && rows > 0:
		w.wide = 4*(shapes-w.judged) > 3*w.of
	default:
		return
	}
	w.judged = shapes
}

// note takes the hash of the kind of an event that has fields of its own.
func (w *width) note(hash uint64) {
	w.seen++
	if w.kinds == nil {
		w.kinds = make([]uint64, kindsKept)
	}
	if at := &w.kinds[hash%kindsKept]; *at == hash {
		w.come++
	} else {
		*at = hash
	}
}

// own writes what fields an event has. Those that are new to the section are named.
func (w *sectionWriter) own(ev *llama.Event, at int) error {
	w.body = append(w.body, shapeOwn)
	w.source(ev.Source)
	w.body = binary.AppendUvarint(w.body, uint64(len(ev.Fields)))
	hash := uint64(len(ev.Source))
	for i := range ev.Fields {
		f := &ev.Fields[i]
		n, isNew := w.pairs.number(f.Name, f.Kind)
		hash = bits.RotateLeft64(hash, 9) ^ w.pairs.list[n].hash
		if n >= len(w.written) {
			w.written = append(w.written, make([]uint32, n+1-len(w.written))...)
		}
		if w.written[n] != 0 {
			w.body = binary.AppendUvarint(w.body, uint64(w.written[n]))
			continue
		}
		if isNew && f.Kind > llama.Object {
			return wrongKind(f, at)
		}
		w.owned++
		w.written[n] = uint32(w.owned)
		w.body = append(appendString(append(w.body, 0), f.Name), byte(f.Kind))
	}
	w.width.note(hash)
	return nil
}

// source writes who handed in an event that has fields of its own.
func (w *sectionWriter) source(source string) {
	for i := len(w.sources) - 1; i >= max(0, len(w.sources)-4); i-- {
		if same(w.sources[i], source) {
			w.body = binary.AppendUvarint(w.body, uint64(i+1))
			return
		}
	}
	w.sources = append(w.sources, source)
	w.body = appendString(append(w.body, 0), source)
}

// appendOwnValues appends the values of an event that has fields of its own.
func appendOwnValues(dst []byte, ev *llama.Event) []byte {
	for i := range ev.Fields {
		value := ev.Fields[i].Value
		if offset, ok := within(ev.Message, value); ok {
			dst = binary.AppendUvarint(dst, uint64(len(value))<<1|1)
			dst = binary.AppendUvarint(dst, uint64(offset))
			continue
		}
		if len(value) < 0x40 {
			dst = append(append(dst, byte(len(value)<<1)), value...)
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(value))<<1)
		dst = append(dst, value...)
	}
	return dst
}

// An ownPair is a pair as a Reader knows it.
type ownPair struct {
	number uint32 // of the name
	name   string
	kind   llama.Kind
}

// An ownReader reads the fields of events that have their own.
type ownReader struct {
	names   *column.Names
	pairs   []ownPair
	sources []string
	shape   column.Shape
	values  []string
}

func (o *ownReader) reset(names *column.Names) {
	o.names, o.pairs, o.sources = names, o.pairs[:0], o.sources[:0]
}

// read reads which fields an event has, and returns them, or nil at damage.
func (o *ownReader) read(in *text) *column.Shape {
	s := &o.shape
	s.Of, s.Names, s.Kinds, s.Numbers = o.names, s.Names[:0], s.Kinds[:0], s.Numbers[:0]
	switch n := in.uvarint(); {
	case n > uint64(len(o.sources)):
		return nil
	case n > 0:
		s.Source = o.sources[n-1]
	default:
		s.Source = in.string()
		o.sources = append(o.sources, s.Source)
	}
	fields := in.uvarint()
	if fields > uint64(len(in.data)) {
		return nil
	}
	for range int(fields) - o.known(in, int(fields)) {
		n := in.uvarint()
		if n > uint64(len(o.pairs)) {
			return nil
		}
		if n == 0 {
			number, name := o.names.Number(column.Label(in.string()))
			kind := in.bytes(1)
			if in.failed || kind[0] > byte(llama.Object) {
				return nil
			}
			o.pairs = append(o.pairs, ownPair{number, name, llama.Kind(kind[0])})
			n = uint64(len(o.pairs))
		}
		p := &o.pairs[n-1]
		s.Names = append(s.Names, p.name)
		s.Kinds = append(s.Kinds, p.kind)
		s.Numbers = append(s.Numbers, p.number)
	}
	if in.failed {
		return nil
	}
	if cap(o.values) < len(s.Names) {
		o.values = make([]string, 2*len(s.Names))
	}
	o.values = o.values[:len(s.Names)]
	return s
}

// known reads the numbers of the first of so many fields, as far as they are small, of pairs
// that were read before, and there is room for them: mostly all. It returns how many these were.
func (o *ownReader) known(in *text, fields int) (n int) {
	s := &o.shape
	n = min(fields, len(in.data), cap(s.Names), cap(s.Kinds), cap(s.Numbers))
	data, names, kinds, numbers := in.data[:n], s.Names[:n], s.Kinds[:n], s.Numbers[:n]
	for i := range n {
		if data[i] == 0 || data[i] >= 0x80 || int(data[i]) > len(o.pairs) {
			n = i
			break
		}
		p := &o.pairs[data[i]-1]
		names[i], kinds[i], numbers[i] = p.name, p.kind, p.number
	}
	in.data = in.data[n:]
	s.Names, s.Kinds, s.Numbers = names[:n], kinds[:n], numbers[:n]
	return n
}
