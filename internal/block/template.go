package block

import (
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A slot holds the values of one place of a template, one for each of its events.
type slot struct {
	first  string
	values []string // nil while all are first
	spare  []string // memory for values
	n      int
	again  int // 1 + the number of a slot before that has the same values; 0: none
}

func (s *slot) add(value string) {
	switch {
	case s.values != nil:
		s.values = append(s.values, value)
	case s.n == 0:
		s.first = value
	case value != s.first:
		if cap(s.spare) < 4*s.n {
			s.spare = make([]string, 4*s.n)
		}
		s.values = s.spare[:s.n]
		for i := range s.values {
			s.values[i] = s.first
		}
		s.values = append(s.values, value)
	}
	s.n++
}

// reset empties s and keeps its memory.
func (s *slot) reset() {
	if cap(s.values) > cap(s.spare) {
		s.spare = s.values
	}
	clear(s.values)
	*s = slot{spare: s.spare[:0]}
}

// A template is what events have in common.
type template struct {
	shape  *shape
	parts  []part
	spans  []span
	slots  []slot // those of the message, then the fields that are not in it
	early  []loose
	rows   int
	unit   int // see units
	hash   uint64
	next   *template // with the same hash
	number int       // in the block, from 1; 0 when its events are loose
	known  bool      // from the block before
}

// fits reports whether the message that w took apart has the template.
func (t *template) fits(w *walk, s *shape) bool {
	if t.shape != s || len(t.parts) != len(w.parts) {
		return false
	}
	for i := range t.parts {
		x, y := &t.parts[i], &w.parts[i]
		if x.slot != y.slot || !x.slot && x.text != y.text {
			return false
		}
	}
	for i, s := range t.spans {
		if s != w.spans[i] {
			return false
		}
	}
	return true
}

// add adds an event's values.
func (t *template) add(w *walk, values []string) {
	k := 0
	for i := range w.parts {
		if w.parts[i].slot {
			t.slots[k].add(w.parts[i].text)
			k++
		}
	}
	for i, s := range t.spans {
		if !s.inside() {
			t.slots[k].add(values[i])
			k++
		}
	}
}

// makeSlots makes room for values.
func (t *template) makeSlots() {
	n := 0
	for _, p := range t.parts {
		if p.slot {
			n++
		}
	}
	for _, s := range t.spans {
		if !s.inside() {
			n++
		}
	}
	t.slots = make([]slot, n)
}

// findAgain finds slots that have the values of a slot before them.
func (t *template) findAgain() {
	for k := range t.slots {
		s := &t.slots[k]
		for j := 0; j < k && s.values != nil; j++ {
			x := &t.slots[j]
			if x.again == 0 && x.values != nil && x.first == s.first && slices.Equal(x.values, s.values) {
				s.again = j + 1
				break
			}
		}
	}
}

// stored returns the number of slot k among those that are written.
func (t *template) stored(k int) (n int) {
	for _, s := range t.slots[:k] {
		if s.values != nil && s.again == 0 {
			n++
		}
	}
	return n
}

// units are how exact times are, in nanoseconds.
var units = [...]llama.Time{1, 1e3, 1e6, 1e9}

// unitOf returns the largest unit up to a given one that t is a multiple of.
func unitOf(t llama.Time, most int) int {
	for most > 0 && t%units[most] != 0 {
		most--
	}
	return most
}

// A shape is a column.Shape as this block knows it.
type shape struct {
	*column.Shape
	hash      uint64
	twice     bool // a name is there twice; the last one counts
	templates int  // that have this shape
	worthy    int  // of them, those with enough events
}

// A loose event has no template, or one that may turn out to be rare.
type loose struct {
	row     int
	shape   *shape
	message string
	values  []string
}
