package main

import (
	"strconv"
	"time"
)

// A made event: what its syslog line and its JSON line are written from.
type made struct {
	at       time.Time
	old      bool // RFC 3164, else RFC 5424
	facility int
	severity int
	host     string
	app      string
	pid      int
	message  []byte
	fields   []field // what a parser finds in the message
}

// A field of a made event; a number is written without quotes.
type field struct {
	name, value string
	number      bool
}

func (e *made) text(name, value string)         { e.fields = append(e.fields, field{name, value, false}) }
func (e *made) number(name string, value int64) { e.decimal(name, strconv.FormatInt(value, 10)) }
func (e *made) decimal(name, value string)      { e.fields = append(e.fields, field{name, value, true}) }

var severities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

func (e *made) appendSyslog(b []byte) []byte {
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(e.facility*8+e.severity), 10)
	b = append(b, '>')
	if e.old {
		b = e.at.AppendFormat(b, "Jan _2 15:04:05 ")
		b = append(append(append(b, e.host...), ' '), e.app...)
		b = append(strconv.AppendInt(append(b, '['), int64(e.pid), 10), "]: "...)
	} else {
		b = e.at.AppendFormat(append(b, "1 "...), "2006-01-02T15:04:05.000000Z ")
		b = append(append(append(b, e.host...), ' '), e.app...)
		b = append(strconv.AppendInt(append(b, ' '), int64(e.pid), 10), " - - "...)
	}
	return append(append(b, e.message...), '\n')
}

func (e *made) appendJSON(b []byte) []byte {
	b = e.at.AppendFormat(append(b, `{"_time":"`...), "2006-01-02T15:04:05.000000Z")
	b = append(append(b, `","host":"`...), e.host...)
	b = append(append(b, `","app":"`...), e.app...)
	b = strconv.AppendInt(append(b, `","pid":`...), int64(e.pid), 10)
	b = append(append(b, `,"severity":"`...), severities[e.severity]...)
	b = append(b, '"')
	for _, f := range e.fields {
		b = append(append(append(b, `,"`...), f.name...), `":`...)
		if f.number {
			b = append(b, f.value...)
		} else {
			b = appendQuoted(b, f.value)
		}
	}
	b = append(b, `,"_msg":`...)
	return append(appendQuoted(b, string(e.message)), '}', '\n')
}

// appendQuoted quotes text of printable ASCII.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
