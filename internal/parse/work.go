package parse

import (
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
	own     llama.Event // its fields are those whose name starts with ~; they live within a module only
	names   nameIndex   // of the event's fields
	known   int         // how many of them it has, if the next event is the same; -1 if it is not
	ways    ways
	way     *way // of the event so far; nil if it has none
	match   schemaMatch
	json    llama.FieldDecoder
}

func (w *work) begin(e *llama.Event) {
	w.e, w.time, w.message, w.came = e, e.Time, e.Message, len(e.Fields)
	w.changed = false
	if cap(e.Fields)-len(e.Fields) < usualFields {
		e.Fields = slices.Grow(e.Fields, usualFields)
	}
	if w.known != len(e.Fields) || w.known == 0 {
		w.names.learn(e.Fields)
		w.way = nil
		if len(e.Fields) == 0 {
			w.way = w.ways.begin()
		}
	}
}

// end forgets the event, so that its memory is not kept, but not the names of its fields.
func (w *work) end() {
	w.known = len(w.e.Fields)
	w.e, w.message = nil, ""
	w.match.text = ""
	if len(w.kept) > 0 {
		clear(w.kept)
		w.kept = w.kept[:0]
	}
	if own := w.own.Fields; len(own) > 0 {
		clear(own)
		w.own.Fields = own[:0]
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
	w.names.learn(w.e.Fields)
	w.way = nil
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
		if i := indexOf(w.own.Fields, name); i >= 0 {
			return &w.own.Fields[i]
		}
	} else if i := w.index(name); i >= 0 {
		return &w.e.Fields[i]
	}
	return nil
}

// index returns where among the event's fields the one called name is, -1 when
// there is none.
func (w *work) index(name string) int { return w.names.find(w.e.Fields, markOf(name), name) }

// process returns the process.name of an event, which may be between two parsers.
func (w *work) process(e *llama.Event) string {
	if w.known != len(e.Fields) {
		process, _ := e.Lookup(fieldProcess)
		return process
	}
	if i := w.names.find(e.Fields, slotProcess.mark, fieldProcess); i >= 0 {
		return e.Fields[i].Value
	}
	return ""
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
		w.own.Set(name, value, kind)
	}
}

// fill is set for a name that is known before the event.
//
// Invariant: an event that has a way has the fields of its layout, and where that went on with a
// slot last, none of the slot's name or mark.
func (w *work) fill(s *slot, value string, kind llama.Kind) {
	way, e := w.way, w.e
	n := len(e.Fields)
	if way == nil || way.turn.slot != s || way.turn.kind != kind || n == cap(e.Fields) {
		w.fillAny(s, value, kind)
		return
	}
	w.names.seen[s.mark>>6] |= s.bit
	w.names.place[s.mark] = uint8(n)
	e.Fields = e.Fields[:n+1]
	f := &e.Fields[n]
	f.Name, f.Value, f.Kind = s.name, value, kind
	w.way = way.next
}

// fillAny is fill where the way is another.
func (w *work) fillAny(s *slot, value string, kind llama.Kind) {
	if !s.plain {
		w.set(s.name, value, kind)
		return
	}
	way, alone := w.way, !w.names.seen.has(s.mark)
	if w.give(s.mark, s.name, value, kind) {
		w.turn(way, turn{s, kind}, fill{fields: 1, alone: alone})
	}
}

// put is set for a name that a sender chose, which is no name of the module's own
// whatever it begins with.
func (w *work) put(name, value string, kind llama.Kind) { w.give(markOf(name), name, value, kind) }

// give adds a field or changes the one of that name, and reports whether it was added. It
// leaves the event without a way.
func (w *work) give(m mark, name, value string, kind llama.Kind) (added bool) {
	w.way = nil
	if w.names.seen.has(m) {
		if i := w.names.find(w.e.Fields, m, name); i >= 0 {
			if i < w.came {
				w.touch()
			}
			w.e.Fields[i].Value, w.e.Fields[i].Kind = value, kind
			return false
		}
	}
	w.names.add(m, len(w.e.Fields))
	w.e.Add(name, value, kind)
	return true
}

// at is find for a name that is known before the event.
func (w *work) at(s *slot) *llama.Field {
	switch {
	case s.plain:
		if i := w.names.find(w.e.Fields, s.mark, s.name); i >= 0 {
			return &w.e.Fields[i]
		}
		return nil
	case s.name == "":
		return nil
	}
	return w.find(s.name)
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
	if s.name != "" && (!s.plain || w.names.seen.has(s.mark)) {
		w.remove(s.name)
	}
}

// keep is put for a field that lies behind those of the event, in their memory.
func (w *work) keep(f *llama.Field) {
	m := markOf(f.Name)
	if w.names.seen.has(m) {
		w.give(m, f.Name, f.Value, f.Kind)
		return
	}
	w.way = nil
	n := len(w.e.Fields)
	w.names.add(m, n)
	w.e.Fields = w.e.Fields[:n+1]
	if to := &w.e.Fields[n]; to != f {
		*to = *f
	}
}

func (w *work) remove(name string) {
	if name[0] == '~' {
		w.own.Delete(name)
	} else if i := w.index(name); i >= 0 {
		w.way = nil
		if i < w.came {
			w.touch()
		}
		w.e.Fields = slices.Delete(w.e.Fields, i, i+1)
		w.names.moved = w.names.moved || i < len(w.e.Fields)
	}
}
