package wal

import (
	"encoding/binary"
	"math/bits"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A sectionWriter writes one section after the other, of a collection and day.
type sectionWriter struct {
	bucketKey
	valueWriter
	rows           int
	first, last    int // numbers of events; the last is -1 while there is none
	time, ingested llama.Time
	minTime        llama.Time
	maxTime        llama.Time

	shapes      []shape
	newest      int // number of the shape that shape found last, from 1
	byLayout    [layouts]ofLayout
	bySight     [sights]uint16 // shapes, from 1, by what is seen of them at a glance
	byHash      map[uint64]int
	definitions []int         // where in the body each shape's definition begins and ends
	room        []llama.Field // of shapes
	places      []place       // of shapes

	pairs   pairs // of all fields of its shapes, and of events that have their own
	width   width
	written []uint32 // by pair: the number under which it was written for such events; 0: not yet
	owned   int      // pairs that were written so
	sources []string // of such events
}

// A shape is one that the section has.
type shape struct {
	source string
	fields []llama.Field  // without values
	last   []place        // the values of the newest event
	layout *column.Layout // of that event; nil if it is not known
}

// An ofLayout is the shape of the events of a layout.
type ofLayout struct {
	layout *column.Layout
	shape  int // from 1
}

// layouts is how many layouts are remembered at once; it is a power of two.
const layouts = 64

func newSectionWriter(wideOf int) *sectionWriter {
	return &sectionWriter{last: -1, width: width{of: wideOf}, pairs: newPairs(), byHash: map[uint64]int{}}
}

// begin forgets the section before.
func (w *sectionWriter) begin() {
	w.body, w.message, w.rows, w.last, w.time, w.ingested = w.body[:0], "", 0, -1, 0, 0
	clear(w.shapes)
	clear(w.byLayout[:])
	clear(w.bySight[:])
	clear(w.byHash)
	clear(w.room)
	w.shapes, w.definitions, w.room, w.places = w.shapes[:0], w.definitions[:0], w.room[:0], w.places[:0]
	w.pairs.reset()
	clear(w.written)
	clear(w.sources)
	w.written, w.owned, w.sources = w.written[:0], 0, w.sources[:0]
}

// forget drops what belongs to the batch.
func (w *sectionWriter) forget() {
	w.begin()
	w.bucketKey = bucketKey{}
}

// full reports whether the section must end before an event.
func (w *sectionWriter) full(ev *llama.Event) bool {
	return w.rows > 0 && (w.rows == MaxRows || (w.rows+1)*(len(w.pairs.list)+len(ev.Fields)) > maxCells)
}

// add writes the event numbered at.
func (w *sectionWriter) add(ev *llama.Event, at int, layout *column.Layout) error {
	w.body = binary.AppendUvarint(w.body, uint64(at-w.last-1))
	if w.rows == 0 {
		w.width.begin(w.collection)
	}
	w.width.judge(w.rows, len(w.shapes))
	var s *shape
	fixed := uint64(0)
	var err error
	if w.width.wide {
		err = w.own(ev, at)
	} else {
		s, fixed, err = w.laidOut(ev, at, layout)
	}
	if err != nil {
		return err
	}
	body := binary.AppendVarint(w.body, int64(ev.Time-w.time)) // a local slice stays in registers
	body = binary.AppendVarint(body, int64(ev.Ingested-w.ingested))
	w.body = appendString(body, ev.Message)
	if w.width.wide {
		w.body = appendOwnValues(w.body, ev)
	} else {
		w.message, w.at = ev.Message, len(w.body)-len(ev.Message)
		w.write(ev.Fields, s.last, fixed)
	}
	if w.rows == 0 {
		w.first, w.minTime, w.maxTime = at, ev.Time, ev.Time
	}
	w.minTime, w.maxTime = min(w.minTime, ev.Time), max(w.maxTime, ev.Time)
	w.rows++
	w.last, w.time, w.ingested = at, ev.Time, ev.Ingested
	return nil
}

// end returns the section, which has memory of its own.
func (w *sectionWriter) end() Section {
	s := Section{
		Collection: w.collection, Day: w.day, Rows: w.rows, First: w.first, Last: w.last,
		MinTime: w.minTime, MaxTime: w.maxTime, Events: Events{data: string(w.body)},
	}
	for i := 0; i < len(w.definitions); i += 2 {
		s.Shapes = append(s.Shapes, s.data[w.definitions[i]:w.definitions[i+1]])
	}
	if w.owned > 0 {
		s.Names = make([]string, w.owned)
	}
	for n, number := range w.written {
		if number != 0 {
			s.Names[number-1] = w.pairs.list[n].name
		}
	}
	return s
}

// append appends the section as a frame has it.
func (s *Section) append(dst []byte) []byte {
	dst = appendString(dst, s.Collection)
	dst = binary.AppendVarint(dst, s.Day)
	dst = binary.BigEndian.AppendUint32(dst, uint32(s.Rows))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s.data)))
	return append(dst, s.data...)
}

// laidOut is shape for an event whose layout may be known, and returns marks for those of its
// fields that have the values of the event before of that shape.
func (w *sectionWriter) laidOut(ev *llama.Event, at int, layout *column.Layout) (s *shape, fixed uint64, err error) {
	if layout == nil {
		if s, err = w.shape(ev, at); err == nil {
			s.layout = nil
		}
		return s, 0, err
	}
	of := &w.byLayout[layoutHash(layout)]
	if of.layout == layout {
		if s = &w.shapes[of.shape-1]; len(s.fields) == len(ev.Fields) && same(s.source, ev.Source) {
			w.body = binary.AppendUvarint(w.body, uint64(of.shape)+shapeKnown)
			if s.layout == layout {
				return s, layout.Fixed, nil
			}
			s.layout = layout
			return s, 0, nil
		}
	}
	if s, err = w.shape(ev, at); err != nil {
		return nil, 0, err
	}
	s.layout = layout
	*of = ofLayout{layout, w.newest}
	return s, 0, nil
}

// shape writes the number of the event's shape, or its definition when it is new to
// the section. It returns the shape with the places of the last values; those of a new one are
// empty.
func (w *sectionWriter) shape(ev *llama.Event, at int) (*shape, error) {
	glance := &w.bySight[sight(ev)]
	n := int(*glance)
	if n == 0 || !w.shapes[n-1].is(ev) {
		hash := hashShape(ev)
		if n = w.byHash[hash]; n == 0 || !w.shapes[n-1].is(ev) {
			if err := w.define(ev, at); err != nil {
				return nil, err
			}
			n = len(w.shapes)
			w.byHash[hash] = n
			*glance = uint16(n)
			w.newest = n
			return &w.shapes[n-1], nil
		}
		*glance = uint16(n)
	}
	w.body = binary.AppendUvarint(w.body, uint64(n)+shapeKnown)
	w.newest = n
	return &w.shapes[n-1], nil
}

// define writes the definition of the shape of the event numbered at, and makes it known.
func (w *sectionWriter) define(ev *llama.Event, at int) error {
	size := uvarintLen(len(ev.Source)) + len(ev.Source) + uvarintLen(len(ev.Fields))
	for i := range ev.Fields {
		f := &ev.Fields[i]
		if f.Kind > llama.Object {
			return wrongKind(f, at)
		}
		w.pairs.number(f.Name, f.Kind)
		size += uvarintLen(len(f.Name)) + len(f.Name) + 1
	}
	w.body = binary.AppendUvarint(append(w.body, shapeNew), uint64(size))
	w.definitions = append(w.definitions, len(w.body), len(w.body)+size)
	w.body = appendString(w.body, ev.Source)
	w.body = binary.AppendUvarint(w.body, uint64(len(ev.Fields)))
	for i := range ev.Fields {
		w.body = append(appendString(w.body, ev.Fields[i].Name), byte(ev.Fields[i].Kind))
	}
	known, last := w.take(len(ev.Fields))
	for i := range known {
		known[i] = llama.Field{Name: ev.Fields[i].Name, Kind: ev.Fields[i].Kind}
	}
	w.shapes = append(w.shapes, shape{source: ev.Source, fields: known, last: last})
	return nil
}

func wrongKind(f *llama.Field, at int) error {
	return llama.Errorf(llama.Invalid, "field %q of event %d has the kind %d, which there is not", f.Name, at, f.Kind)
}

// is reports whether an event has the shape. Most names are the parser's, and the same
// memory in all events.
func (s *shape) is(ev *llama.Event) bool {
	known, fields := s.fields, ev.Fields
	if len(known) != len(fields) || !same(s.source, ev.Source) {
		return false
	}
	for i := range known {
		x, y := &known[i], &fields[i]
		if x.Kind != y.Kind || len(x.Name) != len(y.Name) {
			return false
		}
		if address(x.Name) != address(y.Name) {
			return haveSameNames(known[i:], fields[i:])
		}
	}
	return true
}

func haveSameNames(known, fields []llama.Field) bool {
	for i := range known {
		x, y := &known[i], &fields[i]
		if x.Kind != y.Kind || !same(x.Name, y.Name) {
			return false
		}
	}
	return true
}

// sights is how many shapes can be told apart at a glance; it is a power of two.
const sights = 1024

// sight tells most shapes apart by four of their fields. The fields of a large batch
// are no longer near when it is encoded: to look at all of them takes longer than the
// rest of what is done to find an event's shape.
func sight(e *llama.Event) uint64 {
	n := len(e.Fields)
	h := uint64(n)
	if n == 0 {
		return h
	}
	for _, i := range [4]int{n - 1, n / 4, n / 2, n - 1 - n/4} {
		h = bits.RotateLeft64(h, 5) + lookAt(&e.Fields[i])*0x9e3779b97f4a7c15
	}
	return h >> 32 % sights
}

// lookAt returns what is quick to see of a field, without its value.
func lookAt(f *llama.Field) uint64 {
	x := uint64(f.Kind)<<32 | uint64(len(f.Name))<<16
	if n := len(f.Name); n > 0 {
		x |= uint64(f.Name[n/2])<<8 | uint64(f.Name[n-1])
	}
	return x
}

// hashShape mixes what is quick to look at; shapes that only differ elsewhere are
// written out each time they take turns, which is right, if longer.
func hashShape(e *llama.Event) uint64 {
	h := uint64(len(e.Source))
	for i := range e.Fields {
		h = bits.RotateLeft64(h, 5) + lookAt(&e.Fields[i])*0x9e3779b97f4a7c15 // spreads it over all bits
	}
	return h
}

// take returns room for the fields of a shape, and for the places of their values, which are empty.
func (w *sectionWriter) take(n int) ([]llama.Field, []place) {
	if len(w.room)+n > cap(w.room) {
		room := max(minRoom, n, min(2*cap(w.room), maxRoom))
		w.room, w.places = make([]llama.Field, 0, room), make([]place, 0, room)
	}
	at := len(w.room)
	w.room, w.places = w.room[:at+n], w.places[:at+n]
	clear(w.places[at:])
	return w.room[at:], w.places[at:]
}

const (
	minRoom, maxRoom = 32, 1 << 13 // fields
	bytesOfField     = 48          // with a place
)
