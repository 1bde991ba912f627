// Package llama holds the words that every part of LLAMA shares: the event, the
// batch it travels in, the sink that takes batches, and the errors a person may
// see. It imports the standard library only and does no work of its own: events
// are made by receivers, named by parsers, kept by the archive.
package llama

import "time"

// A Kind is the JSON kind of a field's value. The value itself is always text.
type Kind uint8

// The kinds. Their numbers are written to disk and must not change.
const (
	String Kind = iota
	Number      // the text is a JSON number as it came: 1.0, 1e3 and 20 digits stay so
	Bool        // true or false
	Null        // the text is empty
	Array       // the text is a JSON array
	Object      // the text is {}: objects that hold something become dotted names
)

// Reserved names are not fields of an event but stand for its parts in queries
// and in JSON.
const (
	NameTime       = "_time"
	NameMessage    = "_msg"
	NameCollection = "_collection"
	NameID         = "_id"
	NameSeq        = "_seq"
	NameSource     = "_source"
	NameIngested   = "event.ingested"
)

// Time is nanoseconds since 1970-01-01T00:00:00Z, from the year 1677 to 2262.
type Time int64

// At returns t as a Time. Times outside the range of Time become its ends.
func At(t time.Time) Time {
	switch year := t.Year(); {
	case year < 1678:
		return -1 << 63
	case year > 2261:
		return 1<<63 - 1
	}
	return Time(t.UnixNano())
}

// Std returns t as a time.Time in UTC.
func (t Time) Std() time.Time { return time.Unix(0, int64(t)).UTC() }

// String returns t in RFC 3339 with as many decimals as t needs, in UTC.
func (t Time) String() string { return t.Std().Format(time.RFC3339Nano) }

// Append appends what String returns to dst.
func (t Time) Append(dst []byte) []byte { return t.Std().AppendFormat(dst, time.RFC3339Nano) }

// A Field is one named value of an event. Names are those of the Elastic Common
// Schema, dotted: source.ip.
type Field struct {
	Name  string
	Value string // canonical text; see Kind
	Kind  Kind
}

// An Event is one log record. Its strings may share one large buffer with the
// other events of its batch, so whoever keeps a single event for long should
// clone it.
type Event struct {
	Time       Time   // when it happened: from the event itself, else Ingested
	Ingested   Time   // when it was received
	Seq        uint64 // the node's arrival number from 1; the archive sets it
	Place      uint64 // see Position; 0 in a batch without one
	Collection string
	Source     string  // who handed it in: "syslog-tcp 192.0.2.7", "file /var/log/auth.log"
	Message    string  // `_msg`, byte for byte as it came, without its transport's header
	Fields     []Field // in the order they were found; names are unique
}

// Lookup returns the value of the field called name, and whether it is there.
// It does not know the reserved names.
func (e *Event) Lookup(name string) (string, bool) {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return e.Fields[i].Value, true
		}
	}
	return "", false
}

// Set gives the field called name a new value, or adds it.
func (e *Event) Set(name, value string, kind Kind) {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			e.Fields[i].Value, e.Fields[i].Kind = value, kind
			return
		}
	}
	e.Add(name, value, kind)
}

// Add adds a field, which the event must not have yet. The field is written where it will
// be: one that is made elsewhere first, as for append, is read again in larger pieces than
// it was just written in, for which the processor waits.
func (e *Event) Add(name, value string, kind Kind) {
	n := len(e.Fields)
	if n == cap(e.Fields) {
		e.grow()
	}
	e.Fields = e.Fields[:n+1]
	f := &e.Fields[n]
	f.Name = name
	f.Value = value
	f.Kind = kind
}

func (e *Event) grow() { e.Fields = append(e.Fields, Field{})[:len(e.Fields)] }

// Delete removes the field called name, if it is there, and keeps the order of
// the others.
func (e *Event) Delete(name string) {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			e.Fields = append(e.Fields[:i], e.Fields[i+1:]...)
			return
		}
	}
}
