package parse

import (
	"math/bits"
	"slices"

	"github.com/llama-logs/llama"
)

// usualFields is how many fields most events have after parsing; room for them
// is made at once.
const usualFields = 24

// A work is one event on its way through the steps of a module. It remembers
// enough to put the event back as it was.
type work struct {
	e       *llama.Event
	time    llama.Time // as they came
	message string
	came    int           // how many fields the event came with
	kept    []llama.Field // a copy of them, made before the first is changed
	changed bool
	own     []llama.Field // those whose name starts with ~; they live within a module only
	names   nameFilter
	known   int        // how many fields of the event before names has, if this is the same; -1 if not
	places  [256]uint8 // where a field of a mark may be; see slot
	json    llama.FieldDecoder
}

// A nameFilter remembers roughly which names an event has, so that most searches
// for one that it has not end at once. It was a third of the time of a firewall's
// event, which has thirty fields.
type nameFilter [4]uint64

func (f *nameFilter) place(name string) (word int, bit uint64) {
	if name == "" {
		return 0, 1
	}
	h := uint(len(name)) + 5*uint(name[len(name)-1]) + 11*uint(name[len(name)/2])
	return int(h >> 6 & 3), 1 << (h & 63)
}

func (f *nameFilter) add(name string) {
	word, bit := f.place(name)
	f[word] |= bit
}

func (f *nameFilter) join(other *nameFilter) {
	for i := range f {
		f[i] |= other[i]
	}
}

func (f *nameFilter) overlaps(other *nameFilter) bool {
	return f[0]&other[0]|f[1]&other[1]|f[2]&other[2]|f[3]&other[3] != 0
}

func namesOf(fields []llama.Field) (f nameFilter) {
	for i := range fields {
		f.add(fields[i].Name)
	}
	return f
}

func (f *nameFilter) may(name string) bool {
	word, bit := f.place(name)
	return f[word]&bit != 0
}

func (w *work) begin(e *llama.Event) {
	w.e, w.time, w.message, w.came = e, e.Time, e.Message, len(e.Fields)
	w.changed = false
	if cap(e.Fields)-len(e.Fields) < usualFields {
		e.Fields = slices.Grow(e.Fields, usualFields)
	}
	if w.known != len(e.Fields) || w.known == 0 {
		w.names = namesOf(e.Fields)
	}
}

// end forgets the event, so that its memory is not kept, but not the names of its fields.
func (w *work) end() {
	w.known = len(w.e.Fields)
	w.e, w.message = nil, ""
	if len(w.kept) > 0 {
		clear(w.kept)
		w.kept = w.kept[:0]
	}
	if len(w.own) > 0 {
		clear(w.own)
		w.own = w.own[:0]
	}
}

// forget must be called before another event.
func (w *work) forget() { w.known = -1 }

// undo puts the event back as it came.
func (w *work) undo() {
	if w.changed {
		w.e.Fields = append(w.e.Fields[:0], w.kept...)
	}
	w.e.Time, w.e.Message, w.e.Fields = w.time, w.message, w.e.Fields[:w.came]
}

// touch must be called before a field that came with the event is changed.
func (w *work) touch() {
	if !w.changed {
		w.kept = append(w.kept[:0], w.e.Fields[:w.came]...)
		w.changed = true
	}
}

// text returns the value of a field, of the message when name is empty or _msg.
func (w *work) text(name string) (string, bool) {
	if name == "" || name == llama.NameMessage {
		return w.e.Message, true
	}
	if f := w.find(name); f != nil {
		return f.Value, true
	}
	return "", false
}

// find returns the field called name, nil when there is none. It is valid until
// the next is added.
func (w *work) find(name string) *llama.Field {
	if name[0] == '~' {
		if i := indexOf(w.own, name); i >= 0 {
			return &w.own[i]
		}
	} else if i := w.index(name); i >= 0 {
		return &w.e.Fields[i]
	}
	return nil
}

// index returns where among the event's fields the one called name is, -1 when
// there is none.
func (w *work) index(name string) int {
	if !w.names.may(name) {
		return -1
	}
	return indexOf(w.e.Fields, name)
}

func indexOf(fields []llama.Field, name string) int {
	for i := range fields {
		if fields[i].Name == name {
			return i
		}
	}
	return -1
}

// set gives a field a value. The name _msg stands for the message.
func (w *work) set(name, value string, kind llama.Kind) {
	switch {
	case name == llama.NameMessage:
		w.e.Message = value
	case name[0] != '~':
		w.put(name, value, kind)
	default:
		if f := w.find(name); f != nil {
			f.Value, f.Kind = value, kind
			return
		}
		w.own = append(w.own, llama.Field{Name: name, Value: value, Kind: kind})
	}
}

// A slot is the name of a field with what it takes to set it.
type slot struct {
	name  string
	bit   uint64 // of a nameFilter's word
	word  uint8
	mark  uint8 // of work.places
	plain bool  // it is the name of a field of the event
}

func slotOf(name string) slot {
	word, bit := new(nameFilter).place(name)
	mark := uint8(word<<6 | bits.TrailingZeros64(bit))
	return slot{name, bit, uint8(word), mark, name != "" && name[0] != '~' && name != llama.NameMessage}
}

// fill is set for a name that is known before the event.
func (w *work) fill(s *slot, value string, kind llama.Kind) {
	if in := &w.names[s.word&3]; s.plain && *in&s.bit == 0 {
		*in |= s.bit
		w.places[s.mark] = uint8(len(w.e.Fields))
		w.e.Add(s.name, value, kind)
		return
	}
	w.set(s.name, value, kind)
}

// at is find for a name that is known before the event.
func (w *work) at(s *slot) *llama.Field {
	if s.name == "" {
		return nil
	}
	if !s.plain {
		return w.find(s.name)
	}
	if w.names[s.word&3]&s.bit == 0 {
		return nil
	}
	if i := int(w.places[s.mark]); i < len(w.e.Fields) && w.e.Fields[i].Name == s.name {
		return &w.e.Fields[i]
	}
	if i := indexOf(w.e.Fields, s.name); i >= 0 {
		return &w.e.Fields[i]
	}
	return nil
}

// value is text for a name that is known before the event.
func (w *work) value(s *slot) (string, bool) {
	if s.name == "" || s.name == llama.NameMessage {
		return w.e.Message, true
	}
	if f := w.at(s); f != nil {
		return f.Value, true
	}
	return "", false
}

// drop is remove for a name that is known before the event.
func (w *work) drop(s *slot) {
	if s.name != "" && (!s.plain || w.names[s.word&3]&s.bit != 0) {
		w.remove(s.name)
	}
}

// put is set for a name that a sender chose, which is no name of the module's own
// whatever it begins with.
func (w *work) put(name, value string, kind llama.Kind) {
	word, bit := w.names.place(name)
	if w.names[word]&bit != 0 {
		if i := indexOf(w.e.Fields, name); i >= 0 {
			if i < w.came {
				w.touch()
			}
			w.e.Fields[i].Value, w.e.Fields[i].Kind = value, kind
			return
		}
	}
	w.names[word] |= bit
	w.e.Add(name, value, kind)
}

// keep is put for a field that lies behind those of the event, in their memory.
func (w *work) keep(f *llama.Field) {
	word, bit := w.names.place(f.Name)
	if w.names[word]&bit != 0 {
		w.put(f.Name, f.Value, f.Kind)
		return
	}
	w.names[word] |= bit
	n := len(w.e.Fields)
	w.e.Fields = w.e.Fields[:n+1]
	if to := &w.e.Fields[n]; to != f {
		*to = *f
	}
}

func (w *work) remove(name string) {
	if name[0] == '~' {
		if i := indexOf(w.own, name); i >= 0 {
			last := len(w.own) - 1
			w.own[i], w.own[last] = w.own[last], llama.Field{}
			w.own = w.own[:last]
		}
	} else if i := w.index(name); i >= 0 {
		if i < w.came {
			w.touch()
		}
		w.e.Fields = slices.Delete(w.e.Fields, i, i+1)
	}
}
