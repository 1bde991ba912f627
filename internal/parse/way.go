package parse

import (
	"unsafe"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A way is the way of an event through the parsers, as far as it decides what fields the
// event has: which slots were filled and which blocks were set, one after another. Events
// of one way have one layout. An event whose fields came otherwise, under names that a
// sender chose or by a change of what was there, has no way.
type way struct {
	layout column.Layout
	leads          // as it did last, by a turn that found no name or mark of its own
	all    []leads // as it ever did, in a hash table of 2^n, half of which is free
	known  int     // how many of these there are
}

// A leads is where a way leads by a turn.
type leads struct {
	turn turn
	next *way // nil: nowhere
}

// A turn is what a way goes on with.
type turn struct {
	slot *slot // that is filled, or that a block has for this
	kind llama.Kind
}

// hash spreads turns over all bits. Slots do not move, so that they are told by their address.
func (t turn) hash() uint64 {
	h := (uint64(uintptr(unsafe.Pointer(t.slot)))>>4 + uint64(t.kind)) * 0x9e3779b97f4a7c15
	return h >> 40
}

const (
	// maxWays bounds the ways that are remembered; then all are forgotten.
	maxWays = 4096
	// maxLayout is how many fields of a layout can be fixed.
	maxLayout = 64
)

// ways are those that one worker knows.
type ways struct {
	root  *way
	known int
}

// begin returns the way of an event without fields.
func (p *ways) begin() *way {
	if p.root == nil || p.known > maxWays {
		p.root, p.known = &way{}, 1
	}
	return p.root
}

// A fill is what a turn does to an event.
type fill struct {
	fields int
	fixed  bool // with values that are always the same
	alone  bool // no field has a mark of theirs
}

// turn has the event's way go on from a way, if it has one.
func (w *work) turn(from *way, t turn, f fill) {
	if w.way = from; from != nil {
		w.way = w.ways.follow(from, t, f)
	}
}

// follow returns the way that goes on from a way.
func (p *ways) follow(from *way, t turn, f fill) *way {
	at := from.find(t)
	if at == nil || at.next == nil {
		if from.layout.Fields+f.fields > maxLayout {
			return nil
		}
		next := &way{layout: from.layout}
		if f.fixed {
			next.layout.Fixed |= (1<<f.fields - 1) << next.layout.Fields
		}
		next.layout.Fields += f.fields
		at = from.add(leads{t, next})
		p.known++
	}
	if f.alone {
		from.leads = *at
	}
	return at.next
}

// find returns where the table has a turn, or has room for it; nil if it has not.
func (y *way) find(t turn) *leads {
	mask := uint64(len(y.all) - 1)
	for i := t.hash(); len(y.all) > 0; i++ {
		if at := &y.all[i&mask]; at.turn == t || at.next == nil {
			return at
		}
	}
	return nil
}

// add adds to the table what is not there, and returns its place.
func (y *way) add(l leads) *leads {
	if y.known++; 2*y.known > len(y.all) {
		before := y.all
		y.all = make([]leads, max(4, 2*len(before)))
		for _, b := range before {
			if b.next != nil {
				*y.find(b.turn) = b
			}
		}
	}
	at := y.find(l.turn)
	*at = l
	return at
}

// Layout returns the layout of an event whose parsers have run, nil if it is not known. Nobody
// but they may have changed its fields.
func (k *Worker) Layout(e *llama.Event) *column.Layout {
	if k.w.way == nil || k.w.known != len(e.Fields) {
		return nil
	}
	return &k.w.way.layout
}
