package column

import "github.com/llama-logs/llama"

// A Shape is what events of one kind have in common: who handed them in, and their
// fields, in order. Reserved names are labels by now. It is immutable.
type Shape struct {
	Source string
	Names  []string
	Kinds  []llama.Kind
}

// A Row is an event on its way into a block. Values are those of its Shape; those
// that were found in the message are substrings of it and share its memory.
type Row struct {
	Time     llama.Time
	Ingested llama.Time
	Seq      uint64
	Message  string
	Shape    *Shape
	Values   []string
}
