package llama

// A Batch is what a receiver hands on at once: events that are made safe
// together, of any number of collections.
type Batch struct {
	Events   []Event
	Position Position
	// InPace says that nothing more of the sender waited when the batch was read. Of most
	// senders that is not known, as they wait for an answer before they send more.
	InPace bool
	// Patient says that nobody waits for an answer, and that what the sender sends meanwhile has
	// room. The archive may let some milliseconds pass, and write the batch with others.
	Patient bool
}

// A Position says which part of a sender's stream a batch covers, so that the
// same batch offered twice is stored once. A sender numbers what it sends in any
// unit that grows: lines, bytes, offsets. Within an epoch batches are
// contiguous: First is one more than the Last before, and 0 in the first batch.
// An event's Place is the number of its own last unit, First <= Place <= Last,
// growing through the batch; numbers without an event (blank lines, a bad line
// that was refused) are covered all the same.
//
// The archive makes Last durable in the same write as the events. It refuses a
// gap with a *GapError and trims an overlap: events whose Place it has are
// dropped without error.
type Position struct {
	Source string // who numbers; empty when the sender cannot
	Epoch  string // which numbering of Source: a file's identity, a sender's start
	First  uint64
	Last   uint64
}

// Named reports whether the batch has a position at all.
func (p Position) Named() bool { return p.Source != "" }
