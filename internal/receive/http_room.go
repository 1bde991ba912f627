package receive

import (
	"sync"

	"github.com/llama-logs/llama"
)

// A decodeRoom is the memory in which the lines of a request become events. Requests
// are many and short, so what one had is kept for another: fields of their own for
// each event would be most of what is allocated.
type decodeRoom struct {
	json   llama.FieldDecoder
	events []llama.Event
	chunks [][]llama.Field // fields of the events, end to end
	chunk  int             // the one that is filled
	used   int             // of it
}

const (
	roomChunk = 4096 // fields
	// roomLeast is how many fields must be left of a chunk for it to be begun upon by
	// another event; one that has more after all gets memory of its own.
	roomLeast = 64
	// roomSpare is how many fields a parser may add to an event without moving it.
	roomSpare = 4
)

var decodeRooms = sync.Pool{New: func() any { return new(decodeRoom) }}

// batch returns n empty events. Those of the batch before are gone then.
func (r *decodeRoom) batch(n int) []llama.Event {
	if cap(r.events) < n {
		r.events = make([]llama.Event, n)
	}
	r.events = r.events[:n]
	clear(r.events)
	r.chunk, r.used = 0, 0
	return r.events
}

// decode fills e with a JSON object, as decodeEvent does.
func (r *decodeRoom) decode(e *llama.Event, object string) error {
	free := r.free()
	e.Fields = free
	if err := decodeEvent(&r.json, e, object); err != nil {
		return err
	}
	n := len(e.Fields)
	switch {
	case n == 0:
		e.Fields = nil // not the chunk, where the next event's fields begin
	case cap(e.Fields) <= cap(free): // or else it has outgrown the chunk
		r.used += cap(free) - cap(e.Fields) + n + roomSpare
		e.Fields = e.Fields[:n:min(n+roomSpare, cap(e.Fields))]
	}
	return nil
}

// free returns what is left of the chunk, or of another.
func (r *decodeRoom) free() []llama.Field {
	if r.chunk < len(r.chunks) && r.used+roomLeast > roomChunk {
		r.chunk, r.used = r.chunk+1, 0
	}
	if r.chunk == len(r.chunks) {
		r.chunks = append(r.chunks, make([]llama.Field, roomChunk))
	}
	return r.chunks[r.chunk][r.used:r.used]
}

// release keeps the room for another request. What strings its fields still have are
// those of one batch, and go with the room or when they are written over.
func (r *decodeRoom) release() {
	clear(r.events[:cap(r.events)])
	decodeRooms.Put(r)
}
