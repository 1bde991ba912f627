package query

import (
	"strconv"

	"github.com/llama-logs/llama"
)

// Matcher returns a function that reports whether the filters let an event in.
// It may be called by many at once. A query with pipes has none: it is an
// Invalid llama.Error.
func (q *Query) Matcher() (func(e *llama.Event) bool, error) {
	if len(q.pipes) > 0 {
		return nil, llama.Errorf(llama.Invalid, "only filters can be followed live; leave out what stands behind the first |")
	}
	if q.options.explain {
		return nil, llama.Errorf(llama.Invalid, "what is followed live has no price; leave out explain=true")
	}
	if len(q.queries()) > 0 {
		return nil, errUnanswered
	}
	f := ordered(q.filter)
	return func(e *llama.Event) bool { return matchEvent(f, e) }, nil
}

// Relative reports whether the query depends on when it is asked.
func (q *Query) Relative() bool { return q.nows > 0 }

func matchEvent(f filter, e *llama.Event) bool {
	switch f := f.(type) {
	case *andFilter:
		for _, g := range f.list {
			if !matchEvent(g, e) {
				return false
			}
		}
		return true
	case *orFilter:
		for _, g := range f.list {
			if matchEvent(g, e) {
				return true
			}
		}
		return false
	case *notFilter:
		return !matchEvent(f.f, e)
	case *fieldFilter:
		return f.match(eventText(e, f.field))
	case *pairFilter:
		return f.match(eventText(e, f.field), eventText(e, f.other))
	case *timeFilter:
		return f.from <= e.Time && e.Time <= f.to
	case *clockFilter:
		return f.match(e.Time)
	case *wideFilter:
		return f.matchEvent(e)
	case *kindFilter:
		return f.lets(eventKind(e, f.field))
	}
	return true
}

// eventText returns the text of a field, reserved ones included. An event that
// has no node yet has no `_id`.
func eventText(e *llama.Event, name string) string {
	switch name {
	case llama.NameMessage:
		return e.Message
	case llama.NameCollection:
		return e.Collection
	case llama.NameSource:
		return e.Source
	case llama.NameTime:
		return e.Time.String()
	case llama.NameIngested:
		return e.Ingested.String()
	case llama.NameSeq:
		return strconv.FormatUint(e.Seq, 10)
	}
	text, _ := e.Lookup(name)
	return text
}
