package pipeline

import "github.com/llama-logs/llama"

// A fieldMemory lends memory to the events of a run for as long as it is at work on
// them. Their fields lie there one after another, so that they are written and read in
// the order of memory, and no receiver holds room for the fields of a large batch while
// its peer is silent.
//
// What was lent is overwritten by a later run and not cleared: the texts of the last few
// batches stay in memory a little longer.
type fieldMemory struct {
	chunks [][]llama.Field
	chunk  int // the one in use
	used   int // of it
	lent   []*llama.Event
}

const (
	chunkFields = 4096
	// usualFields is what an event is lent at first. What it does not use is lent
	// to the next; an event with more fields gets memory of its own.
	usualFields = 128
)

// lend gives e memory for its fields if it came without.
func (m *fieldMemory) lend(e *llama.Event) bool {
	if cap(e.Fields) > 0 {
		return false
	}
	if m.chunk == len(m.chunks) {
		m.chunks = append(m.chunks, make([]llama.Field, chunkFields))
	}
	e.Fields = m.chunks[m.chunk][m.used : m.used : m.used+usualFields]
	m.lent = append(m.lent, e)
	return true
}

// settle leaves e, to which memory was lent just now, what it uses of it.
func (m *fieldMemory) settle(e *llama.Event) {
	n := len(e.Fields)
	if room := cap(e.Fields); room <= usualFields {
		m.used += usualFields - room + n // decoding may have left out the first
	} // else it has grown and lies elsewhere
	e.Fields = e.Fields[:n:n]
	if m.used+usualFields > chunkFields {
		m.chunk, m.used = m.chunk+1, 0
	}
}

// takeBack ends the loans: the events that had them are without fields afterwards.
func (m *fieldMemory) takeBack() {
	for _, e := range m.lent {
		e.Fields = nil
	}
	clear(m.lent)
	m.chunk, m.used, m.lent = 0, 0, m.lent[:0]
}
