package block

import (
	"slices"
	"unsafe"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A slot holds the values of one place of a template, one for each of its events.
type slot struct {
	first  string
	varies bool         // not all values are first
	values column.Piece // while they vary
	before int          // how many values there were of the block before
	number int          // among those that are written
	again  *slot        // one before that has the same values, and is written; nil: none
	hash   uint64       // of values; 0: not known
	own    bool         // it is of a field and not of the message; known when it is written
}

// add adds every step-th of values to n that there are.
func (s *slot) add(room *column.Room, values []string, step, n int) {
	if n == 0 {
		s.first = values[0]
	}
	if !s.varies {
		last := s.first
		same := 0 // at how many of values it is, times step
		for ; same < len(values); same += step {
			if v := values[same]; len(v) != len(last) || unsafe.StringData(v) != unsafe.StringData(last) {
				if v != last {
					break
				}
				last = v
			}
		}
		if same >= len(values) {
			return
		}
		s.varies = true
		s.values.Expect(room, s.before+s.before/8)
		s.values.Repeat(s.first, n+same/step)
		values = values[same:]
	}
	s.values.Add(values, step)
}

// like reports whether x has the values that s has.
func (s *slot) like(x *slot, hasher column.Hasher) bool {
	return x.first == s.first && x.sum(hasher) == s.sum(hasher) && s.values.Equal(&x.values)
}

// sum returns a hash of the values, which is made when it is first asked for: few
// slots are so alike that it is, and then it bounds how often values are compared.
func (s *slot) sum(hasher column.Hasher) uint64 {
	if s.hash == 0 {
		s.hash = s.values.Hash(hasher) | 1
	}
	return s.hash
}

// A template is what events have in common.
type template struct {
	shape  *shape
	parts  []part
	spans  []span
	slots  []slot  // those of the message, then the fields that are not in it
	beside []int32 // these fields
	steps  []step  // of the message, once the template is worthy
	tail   string  // fixed text behind the last of them
	ties   []tie   // of fields in the message that are not one step
	early  []earlyEvent
	rows   int

	pending  []string // values of the newest events, event by event, that are not in slots yet
	gathered int      // events that are

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

// pendingEvents is how many events of a template wait for their values to be put into
// slots, if these are few. Slots that take the values of many events at once are fetched
// once, and so is what is known of them; more events would no longer be near themselves.
const (
	pendingEvents = 16
	pendingValues = 1 << 12
)

// room returns where the values of the next event are to be put.
func (t *template) room() []string {
	n := len(t.pending)
	if n+len(t.slots) > cap(t.pending) {
		t.pending = append(make([]string, 0, max(2*n, 4*len(t.slots))), t.pending...)
	}
	return t.pending[n : n+len(t.slots)]
}

// add adds an event's values. Those of the message's slots are there already if it was
// matched.
func (t *template) add(w *walk, values []string, room *column.Room) {
	if len(t.slots) == 0 {
		return
	}
	next := t.room()
	if len(w.texts) > 0 && &w.texts[0] != &next[0] {
		copy(next, w.texts)
	}
	t.pending = t.pending[:len(t.pending)+len(next)]
	next = next[len(w.texts):][:len(t.beside)]
	for k, field := range t.beside {
		next[k] = values[field]
	}
	if n := len(t.pending); n >= pendingEvents*len(t.slots) || n >= pendingValues {
		t.gather(room)
	}
}

// gather puts what is pending into slots.
func (t *template) gather(room *column.Room) {
	width := len(t.slots)
	if len(t.pending) == 0 {
		return
	}
	for k := range t.slots {
		t.slots[k].add(room, t.pending[k:], width, t.gathered)
	}
	t.gathered += len(t.pending) / width
	t.pending = t.pending[:0]
}

// makeSlots makes room for values, and what finds them in messages.
func (t *template) makeSlots() {
	t.makeSteps()
	t.slots = make([]slot, len(t.steps)+len(t.beside))
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
		if !s.varies {
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
	looked    bool        // at whether it is so:
	twice     bool        // a name is there twice; the last one counts
	templates int         // that have this shape
	worthy    int         // of them, those with enough events
	recent    *recentSets // of those that are worthy; nil: none

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
