package column

import (
	"sync/atomic"

	"github.com/llama-logs/llama"
)

// A Family is the events of a block that have one template: the fixed text of their
// messages and what their fields have in common. What can be said of a template need
// not be asked of each event.
type Family struct {
	Rows   []uint16 // growing
	Parts  []Part   // of the message, one behind the other
	Fields []Member // by name; `_source` is one of them
}

// A Part of the messages is fixed text or a slot.
type Part struct {
	Text string
	Slot Slot
	Is   Form
}

// A Form says where a text comes from.
type Form uint8

const (
	Fixed Form = iota // Text, for all events
	Slots             // Slot
	Span              // parts of the message
)

// A Member is a field that all events of a family have.
type Member struct {
	Part
	Name       string
	Kind       llama.Kind
	First, End int // of a span
}

// A Slot is a place of a family that has a value for each event; Block.Values has
// them. Its numbers mean something to the block only.
type Slot struct{ Home, Number int32 }

// Families is how a block keeps its events. Each is in one family, or loose.
type Families struct {
	List  []Family
	Loose []uint16 // the rows of the events that have no template

	sets atomic.Pointer[[]uint64]
}

// A Sets says which sets of bytes texts have; see Facts.
type Sets uint64

// SetsOf returns which sets of bytes a text has.
func SetsOf(text string) Sets { return Sets(setsIn(text)) }

// MayHave reports whether the messages of the i-th family may have a text of such sets, as
// far as Learn has found out: before, all may.
func (f *Families) MayHave(i int, sets Sets) bool {
	known := f.sets.Load()
	return known == nil || uint64(sets)&^(*known)[i] == 0
}

// Learn finds out what MayHave tells, once, by what is known of slots.
func (f *Families) Learn(facts func(Slot) (*Facts, error)) error {
	if f.sets.Load() != nil {
		return nil
	}
	sets := make([]uint64, len(f.List))
	for i := range f.List {
		for _, p := range f.List[i].Parts {
			if p.Is == Fixed {
				sets[i] |= setsIn(p.Text)
				continue
			}
			known, err := facts(p.Slot)
			if err != nil {
				return err
			}
			sets[i] |= known.sets()
		}
	}
	f.sets.Store(&sets)
	return nil
}
