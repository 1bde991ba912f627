package parse

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/llama-logs/llama"
)

// A schemaMatch is one message held against a schema. It lives on the stack.
type schemaMatch struct {
	schema *schema
	text   string
	steps  int
	far    int // how far any attempt came
	spans  [maxCaptures]struct{ from, to int32 }
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

// from matches what is left of the text, from at on, against n and all behind it.
// What an attempt that failed has noted is overwritten, or cleared where it was an
// option's.
func (m *schemaMatch) from(n *node, at int) bool {
	if m.steps++; m.steps > maxSchemaSteps {
		return false
	}
	for ; ; n = n.next {
		if n.phrase.text != "" && n.phrase.is(m.text[at:]) {
			at += len(n.phrase.text)
			n = n.phrase.behind
		}
		switch n.kind {
		case nodeText:
			if !strings.HasPrefix(m.text[at:], n.text) {
				return m.failed(at)
			}
			at += len(n.text)
		case nodeBlanks:
			count := blankLen(m.text[at:])
			if count == 0 {
				return m.failed(at)
			}
			at += count
		case nodeBlank:
			if at == len(m.text) || !isBlank(m.text[at]) {
				return m.failed(at)
			}
			at++
		case nodeEnd:
			return at+blankLen(m.text[at:]) == len(m.text) || m.failed(at)
		case nodeOption:
			if m.from(n.inner, at) {
				return true
			}
			clear(m.spans[n.capture:len(m.schema.captures)])
		case nodeToken, nodeRest:
			if to := m.onlyEnd(n, at); to > 0 {
				m.note(n, at, to)
				at = to
				continue
			}
			to := m.end(n, at, at)
			if to < 0 {
				return m.failed(at)
			}
			for next := m.endAfter(n, at, to); next >= 0; next = m.endAfter(n, at, to) {
				if m.take(n, at, to) && m.from(n.next, to) {
					return true
				}
				if m.steps > maxSchemaSteps {
					return false
				}
				to = next
			}
			if !m.take(n, at, to) { // its last possible end: no way back is needed
				return m.failed(at)
			}
			at = to
		}
	}
}

// failed notes how far an attempt came, and is false.
func (m *schemaMatch) failed(at int) bool {
	m.far = max(m.far, at)
	return false
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
