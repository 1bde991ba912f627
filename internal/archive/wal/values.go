package wal

import (
	"encoding/binary"

	"github.com/llama-logs/llama"
)

// A place is where in the events of a section a value was written last, on its own or as a
// part of a message. It is known by its place and not by its memory, as what a section has
// is near, and stays until the section ends.
type place struct{ at, n uint32 }

// atOnce is of how many fields one word has the marks.
const atOnce = 64

// A valueWriter writes the values of an event behind what its section has, the message
// included. Parsers cut most values out of the message, or give constants; neither is
// written again.
type valueWriter struct {
	body    []byte // the section's events
	message string
	at      int // where the body has the message
}

// write writes the values of fields, of which the events before of the same shape had the last
// at places, which become those of this event. Those that fixed has a bit for are known to
// be the same again.
func (v *valueWriter) write(fields []llama.Field, last []place, fixed uint64) {
	last = last[:len(fields)]
	body, marks := v.body, len(v.body)
	for left := len(fields); left > 0; left -= 8 {
		body = append(body, 0)
	}
	v.body = body
	for len(fields) > atOnce {
		v.mark(marks, 8, fixed|v.some(fields[:atOnce], last[:atOnce], ^fixed))
		fields, last, fixed, marks = fields[atOnce:], last[atOnce:], 0, marks+8
	}
	if n := len(fields); n > 0 {
		all := ^uint64(0) >> (atOnce - n)
		v.mark(marks, (n+7)/8, all&fixed|v.some(fields, last, all&^fixed))
	}
}

// mark writes n bytes of marks to where there are zeros.
func (v *valueWriter) mark(at, n int, marks uint64) {
	dst := v.body[at:]
	if len(dst) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(dst)|marks)
		return
	}
	for i := range n {
		dst[i] = byte(marks >> (8 * i))
	}
}

// one writes the value of a field, unless it is the last again, and reports whether it is. It
// is what some does for many.
func (v *valueWriter) one(value string, last *place) (same bool) {
	if offset, ok := within(v.message, value); ok {
		*last = place{uint32(v.at + int(offset)), uint32(len(value))}
		v.body = binary.AppendUvarint(v.body, uint64(len(value))<<1|1)
		v.body = binary.AppendUvarint(v.body, uint64(offset))
		return false
	}
	if before := v.body[last.at:][:last.n]; string(before) == value {
		return true
	}
	v.body = binary.AppendUvarint(v.body, uint64(len(value))<<1)
	*last = place{uint32(len(v.body)), uint32(len(value))}
	v.body = append(v.body, value...)
	return false
}
