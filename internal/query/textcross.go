package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama/internal/column"
)

// crosses reports whether the needle may go over the border of two parts.
func (s *textScan) crosses(f *column.Family) bool {
	if len(s.f.needle.text) < 2 {
		return false
	}
	for i := range len(f.Parts) - 1 {
		if s.border(f, i) {
			return true
		}
	}
	return false
}

// border reports whether the needle may go over the border behind part i.
func (s *textScan) border(f *column.Family, i int) bool {
	a, b := &f.Parts[i], &f.Parts[i+1]
	if a.Is == column.Fixed && (a.Text == "" || !s.bytes[a.Text[len(a.Text)-1]]) {
		return a.Text == ""
	}
	return b.Is != column.Fixed || b.Text == "" || s.bytes[b.Text[0]]
}

// A way is how the needle may lie over several parts: what the slots that it touches
// must have. ends is the least that is known of its two ends, as far as they are in
// fixed text.
type way struct {
	legs []leg
	ends answer
}

// A leg is what a slot must have on a way.
type leg struct {
	slot   column.Slot
	text   string
	how    how
	beside answer // what stands beside the slot, where the needle ends in it
}

type how uint8

const (
	whole how = iota
	prefix
	suffix
)

// with returns w with one leg more. w stays as it is.
func (w way) with(l leg) way {
	w.legs = append(w.legs[:len(w.legs):len(w.legs)], l)
	return w
}

// crossing finds the events in which the needle goes over borders of parts.
func (s *textScan) crossing(f *column.Family) error {
	n := s.f.needle.text
	for i := range len(f.Parts) - 1 {
		if !s.border(f, i) {
			continue
		}
		p := &f.Parts[i]
		for k := 1; k < len(n); k++ {
			if !mayBegin(&f.Parts[i+1], n[k:]) {
				continue
			}
			w := way{ends: yes}
			if p.Is != column.Fixed {
				if may, err := s.may(p, n[:k]); err != nil {
					return err
				} else if !may {
					break // nor does it have what is longer
				}
				w = w.with(leg{p.Slot, n[:k], suffix, beside(f, i).left})
			} else if strings.HasSuffix(p.Text, n[:k]) {
				w.ends = s.f.needle.startsAt(p.Text, len(p.Text)-k, beside(f, i).left)
			} else {
				continue
			}
			if err := s.follow(f, i+1, n[k:], w); err != nil {
				return err
			}
		}
	}
	return nil
}

// may reports whether a slot may hold a text.
func (s *textScan) may(p *column.Part, text string) (bool, error) {
	if may, err := s.known(p.Slot, text, false); err != nil || !may {
		return false, err
	}
	v, _, err := s.c.block.Values(p.Slot)
	return err == nil && v.May(text), err
}

// mayBegin reports whether the part and those behind it may begin with rest.
func mayBegin(p *column.Part, rest string) bool {
	return p.Is != column.Fixed || strings.HasPrefix(rest, p.Text) || strings.HasPrefix(p.Text, rest)
}

// follow finds the events of which part i and those behind it begin with rest, if
// they have what the way there asks for.
func (s *textScan) follow(f *column.Family, i int, rest string, w way) error {
	if s.ways++; i == len(f.Parts) || s.ways > maxWays {
		return nil
	}
	p := &f.Parts[i]
	if p.Is == column.Fixed {
		switch {
		case strings.HasPrefix(p.Text, rest):
			w.ends = min(w.ends, s.f.needle.endsAt(p.Text, len(rest), beside(f, i).right))
			return s.walk(f, w)
		case strings.HasPrefix(rest, p.Text):
			return s.follow(f, i+1, rest[len(p.Text):], w)
		}
		return nil
	}
	if err := s.walk(f, w.with(leg{p.Slot, rest, prefix, beside(f, i).right})); err != nil || i+1 == len(f.Parts) {
		return err
	}
	for k := range len(rest) {
		if !mayBegin(&f.Parts[i+1], rest[k:]) {
			continue
		}
		if err := s.follow(f, i+1, rest[k:], w.with(leg{p.Slot, rest[:k], whole, yes})); err != nil {
			return err
		}
	}
	return nil
}

// walk finds the events that have what a way asks for. The first slot says which
// events are worth looking at.
func (s *textScan) walk(f *column.Family, w way) error {
	if w.ends == no {
		return nil
	}
	for i := range w.legs {
		if may, err := s.known(w.legs[i].slot, w.legs[i].text, false); err != nil || !may {
			return err
		}
	}
	slots := make([]slotValues, len(w.legs))
	for i := range w.legs {
		v, first, err := s.c.block.Values(w.legs[i].slot)
		if err != nil {
			return err
		}
		if len(s.holding(v, w.legs[i].text)) == 0 {
			return nil
		}
		slots[i] = slotValues{v, first}
	}
	try := func(at int) {
		a := w.ends
		for i := 0; i < len(slots) && a != no; i++ {
			v := &slots[i]
			a = min(a, w.legs[i].look(v.Text(v.Code(v.first+at), &s.text), s.f.needle))
		}
		s.answer(f, at, a)
	}
	if len(slots) == 0 { // all of it is fixed
		for at := range f.Rows {
			s.answer(f, at, w.ends)
		}
		return nil
	}
	v := &slots[0]
	codes := s.holding(v.Values, w.legs[0].text)
	if !v.Coded() {
		start, _ := slices.BinarySearch(codes, v.first)
		for k := start; k < len(codes) && codes[k] < v.first+len(f.Rows); k++ {
			try(codes[k] - v.first)
		}
		return nil
	}
	worth := make([]bool, v.Distinct())
	some := false
	for _, code := range codes {
		worth[code] = w.legs[0].look(v.Text(code, &s.text), s.f.needle) != no
		some = some || worth[code]
	}
	if !some {
		return nil
	}
	for at := range f.Rows {
		if worth[v.Code(v.first+at)] {
			try(at)
		}
	}
	return nil
}

// heldKey names a search for a text in values.
type heldKey struct {
	values *column.Values
	text   string
}

// holding returns the codes of the values that hold a text, which is looked for once.
func (s *textScan) holding(v *column.Values, text string) []int {
	key := heldKey{v, text}
	if !v.May(text) {
		return nil
	}
	codes, ok := s.held[key]
	if !ok {
		codes = v.Find(text, false)
		s.held[key] = codes
	}
	return codes
}

// look reports whether a value has what the leg asks for.
func (l *leg) look(text string, n *needle) answer {
	switch {
	case l.how == whole && text == l.text:
		return yes
	case l.how == prefix && strings.HasPrefix(text, l.text):
		return n.endsAt(text, len(l.text), l.beside)
	case l.how == suffix && strings.HasSuffix(text, l.text):
		return n.startsAt(text, len(text)-len(l.text), l.beside)
	}
	return no
}
