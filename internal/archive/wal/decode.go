package wal

import (
	"fmt"
	"math/bits"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A Reader reads the events of sections, one section after the other.
type Reader struct {
	shapes *Shapes
	in     text
	row    column.Row
	known  []readShape
	own    ownReader
	room   []string // for values of shapes to come
	err    error
}

// A readShape is one that the section has.
type readShape struct {
	*column.Shape
	definition string
	values     []string // of its newest event
}

// NewReader returns a Reader that has nothing to read yet.
func NewReader(shapes *Shapes) *Reader { return &Reader{shapes: shapes} }

// Read begins to read the events of a section. The first event of its frame has the
// arrival number first.
func (r *Reader) Read(e Events, first uint64) {
	r.in, r.err = text{data: e.data}, nil
	r.row = column.Row{Seq: first - 1}
	r.known = r.known[:0]
	r.own.reset(r.shapes.Names())
	if e.shape != "" {
		r.define(e.shape)
	}
}

// Next returns the next event, or nil at the end or at damage. The row and its values
// are good until the call after; the strings in them share the section's memory, and
// values that were cut out of the message lie in it.
func (r *Reader) Next() *column.Row {
	if r.err != nil || r.in.data == "" {
		return nil
	}
	row := &r.row
	row.Seq += r.in.uvarint() + 1
	var values []string
	if row.Shape, values = r.shape(); row.Shape == nil {
		return nil
	}
	row.Time += llama.Time(r.in.varint())
	row.Ingested += llama.Time(r.in.varint())
	row.Message = r.in.string()
	row.Outside = len(values)
	if row.Shape.Passing() {
		r.ownValues(values)
	} else {
		r.values(values)
	}
	row.Values = values
	if r.in.failed {
		r.fail("wrong length")
		return nil
	}
	return row
}

// Err returns an error that wraps ErrBody when Next stopped at damage.
func (r *Reader) Err() error { return r.err }

// Definitions returns the definitions of the shapes that were read of the section.
func (r *Reader) Definitions() []string {
	definitions := make([]string, len(r.known))
	for i := range r.known {
		definitions[i] = r.known[i].definition
	}
	return definitions
}

func (r *Reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrBody, what)
	}
}

// OwnNames returns the names of fields that were read of events of the section that
// have their own.
func (r *Reader) OwnNames() []string {
	names := make([]string, len(r.own.pairs))
	for i := range names {
		names[i] = r.own.pairs[i].name
	}
	return names
}

// shape reads the shape of an event, and returns memory for its values, which has those
// of the event before if the shape is known.
func (r *Reader) shape() (*column.Shape, []string) {
	var s *readShape
	switch n := r.in.uvarint(); {
	case r.in.failed || n > uint64(len(r.known)+shapeKnown):
		r.fail("wrong number of a shape")
		return nil, nil
	case n == shapeNew:
		s = r.define(r.in.string())
	case n == shapeOwn:
		own := r.own.read(&r.in)
		if own == nil {
			r.fail("wrong fields of an event's own")
		}
		return own, r.own.values
	default:
		s = &r.known[n-1-shapeKnown]
	}
	if s == nil {
		return nil, nil
	}
	return s.Shape, s.values
}

// define makes a shape known, or fails and returns nil.
func (r *Reader) define(definition string) *readShape {
	s, err := r.shapes.Of(definition)
	if err != nil {
		r.err = err
		return nil
	}
	r.known = append(r.known, readShape{s, definition, r.take(len(s.Names))})
	return &r.known[len(r.known)-1]
}

// take returns room for n values, which are empty.
func (r *Reader) take(n int) []string {
	if n > len(r.room) {
		r.room = make([]string, max(n, 512))
	}
	values := r.room[:n:n]
	r.room = r.room[n:]
	return values
}

// ownValues reads all values.
func (r *Reader) ownValues(values []string) {
	data := r.in.data
	for i := range values {
		if len(data) > 0 && data[0]&0x81 == 0 { // short, and its bytes follow
			if n := 1 + int(data[0]>>1); n <= len(data) {
				values[i], data = data[1:n], data[n:]
				continue
			}
		}
		r.in.data = data
		r.value(&values[i])
		data = r.in.data
	}
	r.in.data = data
}

// value reads a value: its bytes, or where it is in the message.
func (r *Reader) value(to *string) {
	n := r.in.uvarint()
	if n&1 == 0 {
		*to = r.in.bytes(n >> 1)
		return
	}
	start, message := r.in.uvarint(), r.row.Message
	if start > uint64(len(message)) || n>>1 > uint64(len(message))-start {
		r.in.fail()
		return
	}
	*to = message[start : start+n>>1]
	r.row.Outside--
}

// values reads what is not as in the event before. Nearly all values have less than 64 bytes, and
// those in the message do not begin behind its first 16 Ki: they are read here, without a call and
// with what is left to read in registers.
func (r *Reader) values(values []string) {
	marks := r.in.bytes(uint64(len(values)+7) / 8)
	data, message, outside := r.in.data, r.row.Message, r.row.Outside
	for i := range len(marks) {
		changed := ^marks[i]
		if rest := len(values) - 8*i; rest < 8 {
			changed &= 1<<rest - 1
		}
		for ; changed != 0; changed &= changed - 1 {
			to := &values[8*i+bits.TrailingZeros8(changed)]
			if len(data) >= 3 && data[0] < 0x80 {
				n := int(data[0] >> 1)
				if data[0]&1 == 0 {
					if n < len(data) {
						*to, data = data[1:1+n], data[1+n:]
						continue
					}
				} else {
					start, used := int(data[1]), 2
					if start >= 0x80 {
						start, used = start&0x7f|int(data[2])<<7, 3
					}
					if start+n <= len(message) && (used == 2 || data[2] < 0x80) {
						*to, data = message[start:start+n], data[used:]
						outside--
						continue
					}
				}
			}
			r.in.data, r.row.Outside = data, outside
			r.value(to)
			data, outside = r.in.data, r.row.Outside
		}
	}
	r.in.data, r.row.Outside = data, outside
}
