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
	if !strings.HasPrefix(text, s.prefix) || len(text) > 1<<30 {
		return false
	}
	m.schema, m.text = s, text
	return m.from(s.start, 0)
}

// from matches what is left of the text, from at on, against n and all behind it.
func (m *schemaMatch) from(n *node, at int) bool {
	if m.steps++; m.steps > maxSchemaSteps {
		return false
	}
	for {
		m.far = max(m.far, at)
		switch n.kind {
		case nodeText:
			if !strings.HasPrefix(m.text[at:], n.text) {
				return false
			}
			at += len(n.text)
		case nodeBlanks, nodeBlank:
			if at == len(m.text) || !isBlank(m.text[at]) {
				return false
			}
			at++
			for n.kind == nodeBlanks && at < len(m.text) && isBlank(m.text[at]) {
				at++
			}
		case nodeEnd:
			for at < len(m.text) && isBlank(m.text[at]) {
				at++
			}
			return at == len(m.text)
		case nodeToken:
			return m.token(n, at)
		case nodeRest:
			return m.rest(n, at)
		case nodeOption:
			if m.from(n.inner, at) {
				return true
			}
		}
		n = n.next
	}
}

// token tries all ends of a capture without blanks, the shortest first.
func (m *schemaMatch) token(n *node, at int) bool {
	end := at
	for end < len(m.text) && !isBlank(m.text[end]) {
		end++
	}
	switch n.next.kind {
	case nodeBlanks, nodeBlank, nodeEnd:
		return end > at && m.take(n, at, end)
	case nodeText:
		first := n.next.text[0]
		for to := at + 1; to < end; to++ {
			i := strings.IndexByte(m.text[to:end], first)
			if i < 0 {
				return false
			}
			to += i
			if m.take(n, at, to) {
				return true
			}
		}
		return false
	}
	for to := at + 1; to <= end; to++ {
		if m.take(n, at, to) {
			return true
		}
	}
	return false
}

// rest tries all ends of a capture with blanks, the shortest first.
func (m *schemaMatch) rest(n *node, at int) bool {
	switch n.next.kind {
	case nodeEnd:
		return m.take(n, at, len(strings.TrimRight(m.text[at:], " \t\r\n"))+at)
	case nodeText:
		for to := at; to <= len(m.text); to++ {
			i := strings.Index(m.text[to:], n.next.text)
			if i < 0 {
				return false
			}
			to += i
			if m.take(n, at, to) {
				return true
			}
		}
		return false
	}
	for to := at; to <= len(m.text); to++ {
		if n.next.kind == nodeBlanks && (to == len(m.text) || !isBlank(m.text[to])) {
			continue
		}
		if m.take(n, at, to) {
			return true
		}
	}
	return false
}

// take captures a value, if it is of its type and all behind it matches. It notes
// the place last, so that attempts that failed leave nothing.
func (m *schemaMatch) take(n *node, from, to int) bool {
	if m.steps > maxSchemaSteps || !n.typ.accepts(m.text[from:to]) || !m.from(n.next, to) {
		return false
	}
	if n.capture >= 0 {
		m.spans[n.capture].from, m.spans[n.capture].to = int32(from), int32(to)
	}
	return true
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
	case typeAddress:
	case typeURL:
		applyURL(w, value)
		return
	default:
		value, kind := c.typ.convert(value)
		w.set(c.name, value, kind)
		return
	}
	w.set(c.address, value, llama.String)
	if isIP(value) {
		w.set(c.ip, value, llama.String)
	} else {
		w.set(c.domain, value, llama.String)
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
