package parse

import (
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A way is the way of an event through the parsers, as far as it decides what fields the
// event has: which slots were filled and which blocks were set, one after another. Events
// of one way have one layout. An event whose fields came otherwise, under names that a
// sender chose or by a change of what was there, has no way.
type way struct {
	layout column.Layout
	turn   turn // the one that was taken last
	next   *way // where it leads
	all    map[turn]*way
}

// A turn is what a way goes on with.
type turn struct {
	slot *slot // that is filled, or that a block has for this
	kind llama.Kind
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

// turn has the event's way go on from a way, if it has one, with fields.
func (w *work) turn(from *way, t turn, fields int, fixed bool) {
	switch {
	case from == nil:
		w.way = nil
	case from.turn == t:
		w.way = from.next
	default:
		w.way = w.ways.follow(from, t, fields, fixed)
	}
}

// follow returns the way that goes on from a way with fields.
func (p *ways) follow(from *way, t turn, fields int, fixed bool) *way {
	next := from.all[t]
	if next == nil {
		if from.layout.Fields+fields > maxLayout {
			return nil
		}
		next = &way{layout: from.layout}
		if fixed {
			next.layout.Fixed |= (1<<fields - 1) << next.layout.Fields
		}
		next.layout.Fields += fields
		if from.all == nil {
			from.all = map[turn]*way{}
		}
		from.all[t] = next
		p.known++
	}
	from.turn, from.next = t, next
	return next
}

// Layout returns the layout of an event whose parsers have run, nil if it is not known. Nobody
// but they may have changed its fields.
func (k *Worker) Layout(e *llama.Event) *column.Layout {
	if k.w.way == nil || k.w.known != len(e.Fields) {
		return nil
	}
	return &k.w.way.layout
}
