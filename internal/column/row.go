package column

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// A Shape is what events of one kind have in common: who handed them in, and the
// names and kinds of their fields, in the order in which they were found. Names that
// are reserved for parts of the event have become labels. Shapes are shared and never
// changed; the same shape mostly is the same pointer.
//
// But for passing shapes: those of events of which hardly two have the same names. They
// are good until the next row is read, and have the numbers of their names, to look up
// by them what is known of each.
type Shape struct {
	Source string
	Names  []string
	Kinds  []llama.Kind

	Of      *Names // nil: the shape stays
	Numbers []uint32
}

// Passing reports whether the shape is good for its row only.
func (s *Shape) Passing() bool { return s.Of != nil }

// Kept returns a shape that stays.
func (s *Shape) Kept() *Shape {
	if !s.Passing() {
		return s
	}
	return &Shape{Source: strings.Clone(s.Source), Names: slices.Clone(s.Names), Kinds: slices.Clone(s.Kinds)}
}

// A Row is an event on its way into columns.
type Row struct {
	Time     llama.Time
	Ingested llama.Time
	Seq      uint64
	Message  string
	Shape    *Shape
	// Values has one value for each name of the shape, until the next row is read;
	// the strings themselves stay. A value that is in the message's memory is a part
	// of the message.
	Values []string
	// Outside is how many values are known not to be in the message's memory; it may
	// be less than that are.
	Outside int
}

// Label returns the name under which a field called name is kept. Reserved names
// stand for parts of the event, so a field that has one is kept as a label.
func Label(name string) string {
	switch name {
	case llama.NameTime, llama.NameMessage, llama.NameCollection, llama.NameID, llama.NameSeq, llama.NameSource, llama.NameIngested:
		return "labels." + name
	}
	return name
}

// maxTargets bounds the shapes whose columns a Builder remembers.
const maxTargets = 1024

// A target is the columns of one shape.
type target struct {
	shape           *Shape
	message, source *Cells
	fields          []*Cells
	filled          []int // of fields, those that are; for a lazy builder
	fills           int   // how many columns it filled then
}

// AddRow adds an event. Empty messages and sources are not stored: without them they
// come back as empty.
func (b *Builder) AddRow(r *Row) {
	t := b.last
	if t == nil || t.shape != r.Shape { // that of the other target for passing shapes is nil
		t = b.target(r.Shape)
		b.last = t
	}
	b.Row(r.Time, r.Ingested, r.Seq)
	if b.lazy {
		b.addLazy(t, r)
		return
	}
	if r.Message != "" {
		b.Set(t.message, r.Message, llama.String)
	}
	if r.Shape.Source != "" {
		b.Set(t.source, r.Shape.Source, llama.String)
	}
	for i, value := range r.Values {
		b.Set(t.fields[i], value, r.Shape.Kinds[i])
	}
}

// target returns the columns of a shape.
func (b *Builder) target(s *Shape) *target {
	if s.Passing() {
		return b.passing(s)
	}
	if t := b.targets[s]; t != nil {
		return t
	}
	if b.targets == nil || len(b.targets) >= maxTargets {
		b.targets = map[*Shape]*target{}
	}
	t := &target{shape: s, message: b.Cells(llama.NameMessage), source: b.Cells(llama.NameSource)}
	for _, name := range s.Names {
		t.fields = append(t.fields, b.Cells(name))
	}
	b.targets[s] = t
	return t
}

// passing returns the columns of a passing shape, until it is asked again.
func (b *Builder) passing(s *Shape) *target {
	t := &b.pass
	if b.passOf != s.Of || t.message == nil {
		clear(b.byNumber)
		b.passOf, b.byNumber = s.Of, b.byNumber[:0]
		t.message, t.source = b.Cells(llama.NameMessage), b.Cells(llama.NameSource)
	}
	t.fields = t.fields[:0]
	for i, n := range s.Numbers {
		if int(n) >= len(b.byNumber) {
			b.byNumber = append(b.byNumber, make([]*Cells, int(n)+1-len(b.byNumber))...)
		}
		if b.byNumber[n] == nil {
			b.byNumber[n] = b.Cells(s.Names[i])
		}
		t.fields = append(t.fields, b.byNumber[n])
	}
	return t
}
