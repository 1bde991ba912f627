package receive

import (
	"strconv"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// What the members of a JSON event mean that are not just fields. Of several
// with the same meaning the first named here counts, and the others are fields.
const (
	memberTime      = "@timestamp"
	memberOtherTime = "timestamp"
	memberMessage   = "message"
)

// reserved are names that stand for parts of an event and are given by the node, and the
// empty one, which no field has. An object that has them, from an export perhaps, keeps
// them under labels.
var reserved = map[string]string{
	llama.NameID:         "labels.id",
	llama.NameSeq:        "labels.seq",
	llama.NameSource:     "labels.source",
	llama.NameCollection: "labels.collection",
	llama.NameIngested:   "labels.ingested",
	llama.NameTime:       "labels.time", // one that is no time
	"":                   "labels.unnamed",
}

// decodeEvent reads a JSON object into e: _msg or message is its message, _time,
// @timestamp or timestamp its time, all else its fields. The strings of e share
// the memory of object.
func decodeEvent(d *llama.FieldDecoder, e *llama.Event, object string) error {
	fields, err := d.Append(e.Fields, object)
	if err != nil {
		return err
	}
	message, when := -1, -1
	for i := range fields {
		switch f := &fields[i]; f.Name {
		case llama.NameMessage:
			message = i
		case memberMessage:
			if message < 0 && f.Kind == llama.String {
				message = i
			}
		case llama.NameTime:
			when = i
		case memberTime:
			if when < 0 || fields[when].Name == memberOtherTime {
				when = i
			}
		case memberOtherTime:
			if when < 0 {
				when = i
			}
		}
	}
	if message >= 0 {
		e.Message = fields[message].Value
	}
	wrongTime := false
	if when >= 0 {
		t, ok := timeOf(&fields[when])
		if ok {
			e.Time = t
		} else {
			wrongTime = fields[when].Name != memberOtherTime // which has many meanings
			when = -1
		}
	}
	e.Fields = without(fields, message, when)
	for i := range e.Fields {
		if name := e.Fields[i].Name; name == "" || name[0] == '_' || name == llama.NameIngested {
			if name, ok := reserved[name]; ok {
				e.Fields[i].Name = free(e, name)
			}
		}
	}
	if wrongTime {
		e.Set("error.message", "the event's time cannot be read; RFC 3339 or seconds since 1970", llama.String)
	}
	return nil
}

// without removes the fields at two indexes, either of which may be -1. Time and
// message mostly come first, so what is before them is moved, and not what is behind.
func without(fields []llama.Field, a, b int) []llama.Field {
	for _, at := range [2]int{max(a, b), min(a, b)} {
		if at >= 0 {
			copy(fields[1:at+1], fields[:at])
			fields = fields[1:]
		}
	}
	return fields
}

// free returns name, or one like it that e does not use.
func free(e *llama.Event, name string) string {
	for {
		if _, taken := e.Lookup(name); !taken {
			return name
		}
		name = "labels." + name
	}
}

// timeOf reads a time as JSON senders write it.
func timeOf(f *llama.Field) (llama.Time, bool) {
	switch f.Kind {
	case llama.Number:
		return epoch(f.Value)
	case llama.String:
		return parseTime(f.Value)
	}
	return 0, false
}

// The ways to write RFC 3339 a little wrong. Without a zone it is UTC, as
// Elasticsearch has it.
var timeLayouts = []string{
	"2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05Z0700",
	"2006-01-02 15:04:05 Z0700",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
}

func parseTime(s string) (llama.Time, bool) {
	if len(s) > len("2006-01-02T15:04:05.123456789 +07:00") || len(s) < len("1234567890") {
		return 0, false
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return llama.At(t), true
	}
	if strings.IndexByte(s, '-') != 4 {
		return epoch(s)
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return llama.At(t), true
		}
	}
	return 0, false
}

// epoch reads a time since 1970 in seconds, milliseconds, microseconds or
// nanoseconds: the unit is the one that puts it between 1973 and 5138. Smaller
// numbers are no times, but uptimes and the like.
func epoch(s string) (llama.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 1e8 {
		return 0, false
	}
	unit := int64(1)
	switch {
	case n < 1e11:
		unit = 1e9
	case n < 1e14:
		unit = 1e6
	case n < 1e17:
		unit = 1e3
	}
	if n > (1<<63-1)/unit-1 {
		return 0, false
	}
	n *= unit
	for _, digit := range fraction {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		unit /= 10
		n += int64(digit-'0') * unit
	}
	return llama.Time(n), true
}
