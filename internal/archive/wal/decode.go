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
	s := r.shape()
	if s == nil {
		return nil
	}
	row.Shape = s.Shape
	row.Time += llama.Time(r.in.varint())
	row.Ingested += llama.Time(r.in.varint())
	row.Message = r.in.string()
	r.values(s.values)
	row.Values = s.values
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

// shape reads a number of a shape, and the definition of a new one.
func (r *Reader) shape() *readShape {
	n := r.in.uvarint()
	switch {
	case r.in.failed || n > uint64(len(r.known)):
		r.fail("wrong number of a shape")
		return nil
	case n > 0:
		return &r.known[n-1]
	}
	return r.define(r.in.string())
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

// values reads what is not as in the event before.
func (r *Reader) values(values []string) {
	marks := r.in.bytes(uint64(len(values)+7) / 8)
	for i := range len(marks) {
		changed := ^marks[i]
		if rest := len(values) - 8*i; rest < 8 {
			changed &= 1<<rest - 1
		}
		for ; changed != 0; changed &= changed - 1 {
			at := 8*i + bits.TrailingZeros8(changed)
			n := r.in.uvarint()
			if n&1 == 0 {
				values[at] = r.in.bytes(n >> 1)
				continue
			}
			start, message := r.in.uvarint(), r.row.Message
			if start > uint64(len(message)) || n>>1 > uint64(len(message))-start {
				r.in.fail()
				return
			}
			values[at] = message[start : start+n>>1]
		}
	}
}
