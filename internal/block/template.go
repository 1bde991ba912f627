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
	number int    // among those that are written
	again  *slot  // one before that has the same values, and is written; nil: none
	hash   uint64 // of values; 0: not known
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

// reset empties s. It keeps memory for about as many values again, if there is room
// for them: a template that has had most of a block once, and few of its events since,
// must not keep that of a block. It returns for how many.
func (s *slot) reset(room int) int {
	spare := s.spare
	if cap(s.values) > cap(spare) {
		spare = s.values
	}
	clear(s.values)
	if cap(spare) > min(4*s.n, room) {
		spare = nil
	}
	*s = slot{spare: spare[:0]}
	return cap(spare)
}

// like reports whether x has the values that s has.
func (s *slot) like(x *slot, hasher column.Hasher) bool {
	if x.first != s.first || x.values[x.n-1] != s.values[s.n-1] || x.sum(hasher) != s.sum(hasher) {
		return false
	}
	return slices.Equal(x.values, s.values)
}

// sum returns a hash of the values, which is made when it is first asked for: few
// slots are so alike that it is, and then it bounds how often values are compared.
func (s *slot) sum(hasher column.Hasher) uint64 {
	if s.hash == 0 {
		for _, value := range s.values {
			s.hash = hasher.Mix(s.hash, hasher.Hash(value))
		}
		s.hash |= 1
	}
	return s.hash
}

// A template is what events have in common.
type template struct {
	shape  *shape
	parts  []part
	spans  []span
	edges  []edge  // of the parts, once the template is worthy
	slots  []slot  // those of the message, then the fields that are not in it
	beside []int32 // these fields
	early  []earlyEvent
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
	slots := t.slots[:len(w.texts)]
	for k, text := range w.texts {
		slots[k].add(text)
	}
	slots = t.slots[len(w.texts):][:len(t.beside)]
	for k, field := range t.beside {
		if s := &slots[k]; s.values == nil && s.first == values[field] {
			s.n++
		} else {
			s.add(values[field])
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
	for field, s := range t.spans {
		if !s.inside() {
			t.beside = append(t.beside, int32(field))
			n++
		}
	}
	t.slots = make([]slot, n)
}

// fewSlots are compared each with each.
const fewSlots = 64

// numberSlots finds slots that have the values of a slot before them, and numbers the
// others of which there are values to write.
func (t *template) numberSlots(hasher column.Hasher) {
	var written []*slot
	bySum := map[uint64]*slot{}
	for k := range t.slots {
		s := &t.slots[k]
		if s.values == nil {
			continue
		}
		if len(t.slots) > fewSlots {
			if x := bySum[s.sum(hasher)]; x != nil && s.like(x, hasher) {
				s.again = x
				continue
			}
			bySum[s.sum(hasher)] = s
		} else if i := slices.IndexFunc(written, func(x *slot) bool { return s.like(x, hasher) }); i >= 0 {
			s.again = written[i]
			continue
		}
		s.number = len(written)
		written = append(written, s)
	}
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
	looked    bool               // at whether it is so:
	twice     bool               // a name is there twice; the last one counts
	templates int                // that have this shape
	worthy    int                // of them, those with enough events
	recent    [recents]*template // the last ones that are worthy

	columns []*looseColumn // of its fields, once an event of it is loose
}

// is reports whether s is the shape c.
func (s *shape) is(c *column.Shape) bool {
	return s.Source == c.Source && slices.Equal(s.Names, c.Names) && slices.Equal(s.Kinds, c.Kinds)
}

// An earlyEvent has a template that may turn out to be rare.
type earlyEvent struct {
	row     int
	shape   *shape
	message string
	values  []string
}
