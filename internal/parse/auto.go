package parse

import (
	"strings"

	"github.com/llama-logs/llama"
)

// An auto finds out what a message is: it takes off a syslog header if one is
// there, reads JSON if the rest is JSON, and then asks the modules. It never
// fails, for it only guesses: what it cannot read stays as it is, and if a module
// that said "mine" fails, its error is put into error.message and what was found
// before stays.
type auto struct {
	*env
	header []step
	json   []step
	index  *index
}

func newAuto(r *Registry, v *env) *auto {
	return &auto{
		env:    v,
		header: []step{&syslogStep{clock: v.clock, optional: true}},
		json:   []step{&jsonStep{v.clock, jsonOptions{After: cee}}},
		index:  r.index,
	}
}

// cee marks JSON in syslog messages, by a proposal that outlived its committee.
const cee = "@cee:"

// Parse finds the fields of an event; it never returns an error.
func (a *auto) Parse(e *llama.Event) error { return a.parse(a, e) }

func (a *auto) run(w *work, e *llama.Event) error {
	// Optional steps have nothing to report.
	if c := byteAt(e.Message, 0); c == '<' || isDigit(c) || isLetter(c) {
		whole := len(e.Message)
		_ = runSteps(w, a.header, e)
		if isDigit(c) && len(e.Message) == whole {
			a.readOwnTime(e)
		}
	}
	if looksLikeJSON(strings.TrimPrefix(e.Message, cee)) {
		_ = runSteps(w, a.json, e) // text in braces may be anything
	}
	if m := a.index.find(e, w.process(e)); m != nil {
		if err := m.run(w, e); err != nil {
			e.Set("error.message", err.Error(), llama.String)
			w.forget()
		}
	}
	return nil
}

// readOwnTime takes the time that a message without a header begins with, as programs
// write it to their files: 2006-01-02T15:04:05Z INFO started. The message stays whole. A
// time without a zone is left alone, for a program may mean any, and of what happens now
// the time of arrival is nearer than one that is an hour off. So is one that cannot be when
// the line was written: not after 1970 began (Go's zero time is of the year 1), or more
// than maxAhead after arrival (when a certificate ends).
func (a *auto) readOwnTime(e *llama.Event) {
	var at stamp
	n := readISO(e.Message, &at)
	if n == 0 || !at.zoned || e.Time != e.Ingested && e.Time != 0 {
		return
	}
	next := byteAt(e.Message, n)
	if isDigit(next) || isLetter(next) {
		return
	}
	// "14:00:00-10 items" counts something; with a T and a blank -10 is a zone, as Log4j
	// (ISO8601_OFFSET_DATE_TIME_HH) writes it.
	if c := e.Message[n-3]; (c == '+' || c == '-') && (e.Message[10] == ' ' || next != 0 && next != ' ') {
		return
	}
	t := a.clock.time(&at, e.Ingested)
	if t <= 0 || int64(t)/1e9 > a.clock.came(e.Ingested)+maxAhead {
		return
	}
	e.Time = t
}
