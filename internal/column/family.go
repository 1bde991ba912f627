package column

import "github.com/llama-logs/llama"

// A Family is the events of a block that have one template: the fixed text of their
// messages and what their fields have in common. What can be said of a template need
// not be asked of each event.
type Family struct {
	Rows   []uint16 // growing
	Parts  []Part   // of the message, one behind the other
	Fields []Member // by name; `_source` is one of them
}

// A Part of the messages is text or a slot, which has a value for each event.
type Part struct {
	Text string
	Slot *Slot // nil: Text
}

// A Member is a field that all events of a family have.
type Member struct {
	Name       string
	Kind       llama.Kind
	Text       string // of all, without slot and span
	Slot       *Slot
	First, End int // parts of the message, if End is not 0
}

// A Slot has the values of a place of a family. They are decoded when they are asked
// for; slots that look alike share Values, and that of the i-th event is row first + i.
type Slot struct {
	Load func() (v *Values, first int, err error)
}

// A Loose is the events of a block that have no template.
type Loose struct {
	Rows []uint16
	// Column decodes the column called name, of which row i is that of the i-th
	// event; nil when none has it.
	Column func(name string) (*Column, error)
}

// Families is how a block keeps its events. Each is in one family, or loose.
type Families struct {
	List  []Family
	Loose Loose
}
