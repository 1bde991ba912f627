package parse

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/llama-logs/llama"
)

// A schemaMatch is one message held against a schema. It may be used again.
type schemaMatch struct {
	schema *schema
	text   string
	steps  int // how often it went back
	far    int // how far any attempt came
	spans  [maxCaptures]struct{ from, to int32 }
	backs  []back // ways back that were not gone yet
}

// match reports whether the whole text is of the schema, and remembers where its
// values are.
func (m *schemaMatch) match(s *schema, text string) bool {
	m.schema, m.steps, m.far = nil, 0, 0
	if !strings.HasPrefix(text, s.prefix) || len(text) > maxSchemaText {
		return false
	}
	return m.behindPrefix(s, text)
}

// behindPrefix is match for a text that is not too long and starts with the prefix.
func (m *schemaMatch) behindPrefix(s *schema, text string) bool {
	m.schema, m.text, m.steps = s, text, 0
	clear(m.spans[:len(s.captures)])
	return m.from(s.behind, len(s.prefix))
}

// may reports whether text begins and ends as a match does. Where there are other
// schemas to try, most are passed over by it.
func (s *schema) may(text string) bool {
	return strings.HasPrefix(text, s.prefix) && strings.HasSuffix(trimBlanks(text), s.suffix)
}

// from matches what is left of the text, from at on, against n and all behind it. Where
// there is another way, it notes a way back and takes the first. What an attempt that
// failed has noted is overwritten, or cleared where it was an option's.
func (m *schemaMatch) from(n *node, at int) bool {
	m.backs = m.backs[:0]
	for {
		if n.phrase.text != "" && n.phrase.is(m.text[at:]) {
			at += len(n.phrase.text)
			n = n.phrase.behind
		}
		ok := false
		switch n.kind {
		case nodeText:
			if ok = strings.HasPrefix(m.text[at:], n.text); ok {
				at += len(n.text)
			}
		case nodeBlanks:
			count := blankLen(m.text[at:])
			at, ok = at+count, count > 0
		case nodeBlank:
			if ok = at < len(m.text) && isBlank(m.text[at]); ok {
				at++
			}
		case nodeEnd:
			if at+blankLen(m.text[at:]) == len(m.text) {
				return true
			}
		case nodeOption:
			m.backs = append(m.backs, back{n, at, at})
			n = n.inner
			continue
		case nodeToken, nodeRest:
			if to := m.onlyEnd(n, at); to > 0 {
				m.note(n, at, to)
				at, ok = to, true
			} else if to := m.endFrom(n, at, m.end(n, at, at)); to >= 0 {
				at, ok = to, true
			}
		}
		if !ok {
			m.far = max(m.far, at)
			if n, at = m.back(); n == nil {
				return false
			}
			continue
		}
		n = n.next
	}
}

// A back is a capture that may end later than at to, or an option that may be left out.
type back struct {
	n      *node
	at, to int // where n begins, and where the capture was taken to end
}

// back returns the node and the place to go on at, by the last way back that leads
// anywhere; nil when there is none, or when too many were gone.
func (m *schemaMatch) back() (n *node, at int) {
	for len(m.backs) > 0 {
		if m.steps++; m.steps > maxSchemaSteps {
			return nil, 0
		}
		b := m.backs[len(m.backs)-1]
		m.backs = m.backs[:len(m.backs)-1]
		if b.n.kind == nodeOption {
			clear(m.spans[b.n.capture:len(m.schema.captures)])
			return b.n.next, b.at
		}
		if to := m.endFrom(b.n, b.at, m.endAfter(b.n, b.at, b.to)); to >= 0 {
			return b.n.next, to
		}
		m.far = max(m.far, b.at)
	}
	return nil, 0
}

// endFrom returns the first end of n, from to on, at which it is of its type, and notes a
// way back if there may be others; -1 if to is, or none is of the type.
func (m *schemaMatch) endFrom(n *node, at, to int) int {
	for to >= 0 && !m.take(n, at, to) {
		if m.steps++; m.steps > maxSchemaSteps {
			return -1
		}
		to = m.endAfter(n, at, to)
	}
	if to >= 0 && !(n.kind == nodeToken && (to == len(m.text) || isBlank(m.text[to])) || n.next.kind == nodeEnd) {
		m.backs = append(m.backs, back{n, at, to})
	}
	return to
}

// onlyEnd returns where a number or an IPv4 address ends that begins at at, if what
// follows can start there. It is its only end then: what is longer is of another type.
// It returns 0 where it does not know.
func (m *schemaMatch) onlyEnd(n *node, at int) int {
	if !n.stops.plain {
		return 0
	}
	length := 0
	switch n.typ {
	case typeNumber:
		if length = digitsLen(m.text[at:]); length > 1 && m.text[at] == '0' {
			return 0
		}
	case typeIP:
		length = ipv4Len(m.text[at:])
	}
	to := at + length
	if length == 0 || to < len(m.text) && !n.next.starts.has(m.text[to]) || to == len(m.text) && !n.next.empty {
		return 0
	}
	return to
}

// endAfter returns the next place after to, -1 when there is none.
func (m *schemaMatch) endAfter(n *node, at, to int) int {
	if n.kind == nodeToken && (to == len(m.text) || isBlank(m.text[to])) {
		return -1
	}
	return m.end(n, at, to+1)
}

// end returns the first place from which on the capture n, which begins at at,
// can end so that what follows it can start there; -1 when there is none.
func (m *schemaMatch) end(n *node, at, from int) int {
	if n.kind == nodeToken {
		return m.tokenEnd(n, max(at+1, from))
	}
	if from > len(m.text) {
		return -1
	}
	switch next := n.next; {
	case next.kind == nodeEnd:
		if end := max(at, len(trimBlanks(m.text))); end >= from {
			return end
		}
		return -1
	case next.kind == nodeText:
		if i := strings.Index(m.text[from:], next.text); i >= 0 {
			return from + i
		}
		return -1
	case next.kind == nodeBlanks && next.next.kind == nodeText:
		return m.wordEnd(next.next.text, at, from)
	}
	for i := from; i < len(m.text); i++ {
		if n.next.starts.has(m.text[i]) && (n.next.kind != nodeBlanks || i == at || !isBlank(m.text[i-1])) {
			return i
		}
	}
	if n.next.empty {
		return len(m.text)
	}
	return -1
}

// tokenEnd is end for a capture without blanks.
func (m *schemaMatch) tokenEnd(n *node, from int) int {
	if from > len(m.text) || isBlank(m.text[from-1]) {
		return -1
	}
	i := n.stops.from(m.text, from)
	if i == len(m.text) && n.next.empty || i < len(m.text) && n.next.starts.has(m.text[i]) {
		return i
	}
	return -1
}

// wordEnd is end for a capture that blanks and a text follow. Of several blanks
// only the first comes into question: what follows would be the same.
func (m *schemaMatch) wordEnd(word string, at, from int) int {
	if from > at {
		from += blankLen(m.text[from:])
	}
	for i := from + 1; i < len(m.text); i++ {
		n := strings.Index(m.text[i:], word)
		if n < 0 {
			return -1
		}
		if i += n; isBlank(m.text[i-1]) {
			return max(from, len(trimBlanks(m.text[:i])))
		}
	}
	return -1
}

// take notes a value, if it is of its type.
func (m *schemaMatch) take(n *node, from, to int) bool {
	if n.typ != typeAny && !n.typ.accepts(m.text[from:to]) {
		return false
	}
	m.note(n, from, to)
	return true
}

func (m *schemaMatch) note(n *node, from, to int) {
	if n.capture >= 0 {
		m.spans[n.capture].from, m.spans[n.capture].to = int32(from), int32(to)
	}
}

// apply makes fields of the values. Empty ones are none.
func (m *schemaMatch) apply(w *work) {
	for i := range m.schema.captures {
		span := m.spans[i]
		if span.from == span.to {
			continue
		}
		m.schema.captures[i].set(w, m.text[span.from:span.to])
	}
}

func (c *capture) set(w *work, value string) {
	switch c.typ {
	case typeAny, typeIP:
		w.fill(&c.slot, value, llama.String)
	case typeNumber:
		w.fill(&c.slot, value, llama.Number)
	case typeAddress:
		w.fill(&c.address, value, llama.String)
		if isIP(value) {
			w.fill(&c.ip, value, llama.String)
		} else {
			w.fill(&c.domain, value, llama.String)
		}
	case typeURL:
		applyURL(w, value)
	default:
		value, kind := c.typ.convert(value)
		w.fill(&c.slot, value, kind)
	}
}

// mismatch says where the message left the schema.
func (m *schemaMatch) mismatch() error {
	if m.schema == nil {
		return errOtherStart
	}
	near := m.text[m.far:]
	column := utf8.RuneCountInString(m.text[:m.far]) + 1
	if len(near) > 40 {
		near = strings.ToValidUTF8(near[:40], "") + "..."
	}
	return fmt.Errorf("the message does not match the schema from column %d on: %q", column, near)
}
