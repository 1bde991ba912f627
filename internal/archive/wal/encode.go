package wal

import (
	"cmp"
	"encoding/binary"
	"math/bits"

	"github.com/llama-logs/llama"
)

const (
	// MaxBody is the most bytes the events of one batch may take.
	MaxBody = 64 << 20
	// MaxRows and maxCells bound a section, and so what is read of it at once: its
	// rows, and rows times the names in it, if it has more than one row. Events that all
	// have names of their own make more sections.
	MaxRows  = 4096
	maxCells = 1 << 20
)

// An Encoder makes frames of batches. It can be used again and again, by one
// goroutine at a time.
type Encoder struct {
	body   []byte
	packed []byte

	buckets []bucket
	byKey   map[bucketKey]int
	next    []int32 // for each event the next one of its bucket, or -1

	width width

	// What follows is of the section at hand.

	shapes      []shape
	byHash      map[uint64]int
	definitions []int    // where in the body each shape's definition begins and ends
	last        int      // shape of the event before, from 1
	pairs       pairs    // of all fields of its shapes, and of events that have their own
	written     []uint32 // by pair: the number under which it was written for such events; 0: not yet
	owned       int      // pairs that were written so
	sources     []string // of such events
}

// A shape is one that the section has.
type shape struct {
	last int // its newest event
	next int // the shape of the event that came after that one, from 1
}

// Encode makes the frame of a batch. What it returns shares memory with the Encoder
// only until it was written. A batch that cannot be stored is refused with a
// *llama.Error.
func (e *Encoder) Encode(p llama.Position, events []llama.Event) (*Frame, error) {
	if e.pairs.table == nil {
		e.pairs, e.width.of = newPairs(), cmp.Or(e.width.of, wideOf)
	}
	e.sort(events)
	defer e.forget()
	f := &Frame{Events: len(events), Position: p, Sections: make([]Section, 0, len(e.buckets))}
	e.body = appendPosition(e.body[:0], p)
	for i := range e.buckets {
		for at := e.buckets[i].first; at >= 0; {
			s := Section{Collection: e.buckets[i].collection, Day: e.buckets[i].day, First: at}
			var err error
			if at, err = e.section(&s, events, at); err != nil {
				return nil, err
			}
			f.Sections = append(f.Sections, s)
		}
	}
	e.packed = f.pack(e.packed, e.body)
	return f, nil
}

// Size returns how much memory the Encoder keeps.
func (e *Encoder) Size() int { return cap(e.body) + cap(e.packed) + 4*cap(e.next) }

// forget drops what belongs to the batch.
func (e *Encoder) forget() {
	clear(e.buckets)
	e.buckets = e.buckets[:0]
	clear(e.byKey)
	e.begin()
}

// begin forgets the section before.
func (e *Encoder) begin() {
	e.shapes, e.definitions, e.last = e.shapes[:0], e.definitions[:0], 0
	clear(e.byHash)
	e.pairs.reset()
	clear(e.written)
	clear(e.sources)
	e.written, e.owned, e.sources = e.written[:0], 0, e.sources[:0]
}

func appendPosition(dst []byte, p llama.Position) []byte {
	dst = appendString(dst, p.Source)
	if p.Named() {
		dst = appendString(dst, p.Epoch)
		dst = binary.AppendUvarint(dst, p.First)
		dst = binary.AppendUvarint(dst, p.Last)
	}
	return dst
}

// section writes events of a bucket from the one numbered at on, as many as a section may
// have, and returns the number of the next, or -1.
func (e *Encoder) section(s *Section, events []llama.Event, at int) (int, error) {
	e.body = appendString(e.body, s.Collection)
	e.body = binary.AppendVarint(e.body, s.Day)
	start := len(e.body) + sectionSizes
	e.body = append(e.body, make([]byte, sectionSizes)...)
	e.begin()
	e.width.begin(s.Collection)
	s.MinTime, s.MaxTime = events[at].Time, events[at].Time
	before := llama.Event{}
	row := -1
	for at >= 0 && (s.Rows == 0 || s.Rows < MaxRows && (s.Rows+1)*(len(e.pairs.list)+len(events[at].Fields)) <= maxCells) {
		ev := &events[at]
		e.body = binary.AppendUvarint(e.body, uint64(at-row-1))
		e.width.judge(s.Rows, len(e.shapes))
		var known []llama.Field
		var err error
		if e.width.wide {
			err = e.own(ev, at)
		} else {
			known, err = e.shape(events, at)
		}
		if err != nil {
			return 0, err
		}
		e.body = binary.AppendVarint(e.body, int64(ev.Time-before.Time))
		e.body = binary.AppendVarint(e.body, int64(ev.Ingested-before.Ingested))
		e.body = appendString(e.body, ev.Message)
		if e.width.wide {
			e.body = appendOwnValues(e.body, ev)
		} else {
			e.body = appendValues(e.body, ev, known)
		}
		if len(e.body) > MaxBody {
			return 0, TooLarge(len(e.body))
		}
		s.MinTime, s.MaxTime = min(s.MinTime, ev.Time), max(s.MaxTime, ev.Time)
		s.Rows++
		before.Time, before.Ingested = ev.Time, ev.Ingested
		row, at = at, int(e.next[at])
	}
	s.Last = row
	binary.BigEndian.PutUint32(e.body[start-sectionSizes:], uint32(s.Rows))
	binary.BigEndian.PutUint32(e.body[start-sectionSizes+4:], uint32(len(e.body)-start))
	s.data = string(e.body[start:])
	for i := 0; i < len(e.definitions); i += 2 {
		s.Shapes = append(s.Shapes, s.data[e.definitions[i]-start:e.definitions[i+1]-start])
	}
	if e.owned > 0 {
		s.Names = make([]string, e.owned)
	}
	for n, number := range e.written {
		if number != 0 {
			s.Names[number-1] = e.pairs.list[n].name
		}
	}
	return at, nil
}

// TooLarge refuses a batch of so many bytes or more.
func TooLarge(bytes int) error {
	return llama.Errorf(llama.TooLarge, "a batch of %d MiB; at most %d MiB are taken at once", bytes>>20, MaxBody>>20)
}

// shape writes the number of the event's shape, or its definition when it is new to
// the section. It returns the fields of the event before of that shape.
func (e *Encoder) shape(events []llama.Event, at int) (before []llama.Field, err error) {
	ev := &events[at]
	n := 0
	if e.last > 0 {
		// Kinds of events tend to come in the same order, and most are like the one before.
		if guess := e.shapes[e.last-1].next; sameShape(&events[e.shapes[guess-1].last], ev) {
			n = guess
		}
	}
	var hash uint64
	if n == 0 {
		hash = hashShape(ev)
		if n = e.byHash[hash]; n > 0 && !sameShape(&events[e.shapes[n-1].last], ev) {
			n = 0
		}
	}
	if n > 0 {
		e.body = binary.AppendUvarint(e.body, uint64(n)+shapeKnown)
		before = events[e.shapes[n-1].last].Fields
		e.shapes[n-1].last = at
	} else {
		if err := e.define(ev, at); err != nil {
			return nil, err
		}
		e.shapes = append(e.shapes, shape{last: at, next: len(e.shapes) + 1})
		n = len(e.shapes)
		if e.byHash == nil {
			e.byHash = map[uint64]int{}
		}
		e.byHash[hash] = n
	}
	if e.last > 0 {
		e.shapes[e.last-1].next = n
	}
	e.last = n
	return before, nil
}

// define writes the definition of the shape of the event numbered at.
func (e *Encoder) define(ev *llama.Event, at int) error {
	size := uvarintLen(len(ev.Source)) + len(ev.Source) + uvarintLen(len(ev.Fields))
	for i := range ev.Fields {
		f := &ev.Fields[i]
		if f.Kind > llama.Object {
			return wrongKind(f, at)
		}
		e.pairs.number(f.Name, f.Kind)
		size += uvarintLen(len(f.Name)) + len(f.Name) + 1
	}
	e.body = binary.AppendUvarint(append(e.body, shapeNew), uint64(size))
	e.definitions = append(e.definitions, len(e.body), len(e.body)+size)
	e.body = appendString(e.body, ev.Source)
	e.body = binary.AppendUvarint(e.body, uint64(len(ev.Fields)))
	for i := range ev.Fields {
		e.body = append(appendString(e.body, ev.Fields[i].Name), byte(ev.Fields[i].Kind))
	}
	return nil
}

func wrongKind(f *llama.Field, at int) error {
	return llama.Errorf(llama.Invalid, "field %q of event %d has the kind %d, which there is not", f.Name, at, f.Kind)
}

// appendValues appends the values of an event's fields; before is the event before of
// the same shape, or nothing. Parsers cut most values out of the message, or give
// constants; neither is written again.
func appendValues(dst []byte, ev *llama.Event, before []llama.Field) []byte {
	fields := ev.Fields
	marks := len(dst)
	for range (len(fields) + 7) / 8 {
		dst = append(dst, 0)
	}
	for i := range fields {
		value := fields[i].Value
		if offset, ok := within(ev.Message, value); ok {
			dst = binary.AppendUvarint(dst, uint64(len(value))<<1|1)
			dst = binary.AppendUvarint(dst, uint64(offset))
			continue
		}
		if before == nil && value == "" || before != nil && same(before[i].Value, value) {
			dst[marks+i/8] |= 1 << (i % 8)
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(value))<<1)
		dst = append(dst, value...)
	}
	return dst
}

func sameShape(a, b *llama.Event) bool {
	if len(a.Fields) != len(b.Fields) || !same(a.Source, b.Source) {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Kind != b.Fields[i].Kind || !same(a.Fields[i].Name, b.Fields[i].Name) {
			return false
		}
	}
	return true
}

// hashShape mixes what is quick to look at; shapes that only differ elsewhere are
// written out each time they take turns, which is right, if longer.
func hashShape(e *llama.Event) uint64 {
	h := uint64(len(e.Source))
	for i := range e.Fields {
		f := &e.Fields[i]
		x := uint64(f.Kind)<<32 | uint64(len(f.Name))<<16
		if n := len(f.Name); n > 0 {
			x |= uint64(f.Name[n/2])<<8 | uint64(f.Name[n-1])
		}
		h = bits.RotateLeft64(h, 5) + x*0x9e3779b97f4a7c15 // spreads x over all bits
	}
	return h
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func uvarintLen(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }
