package query

import (
	"math/bits"
	"strings"
	"unsafe"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A textScan finds the messages of a block that a filter lets in. It looks at the
// fixed text of each template once, then at the distinct values of slots; messages are
// put together and asked only where that leaves it open: where the filter's needle may
// go over the border of two parts, where the words beside it differ from event to
// event, and where the filter asks for more than its needle.
type textScan struct {
	c     *chunk
	f     *fieldFilter
	list  *column.Families
	asked rowSet // rows that are of interest
	found rowSet
	bytes [256]bool // those that the needle has
	looks map[lookKey]*looked
	text  []byte
}

// A rowSet is rows of a block, a bit each.
type rowSet []uint64

func (s rowSet) add(row uint16)      { s[row>>6] |= 1 << (row & 63) }
func (s rowSet) has(row uint16) bool { return s[row>>6]>>(row&63)&1 != 0 }

func (s rowSet) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// rows appends the numbers of the rows.
func (s rowSet) rows(dst []uint32) []uint32 {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			dst = append(dst, uint32(i<<6+bits.TrailingZeros64(w)))
		}
	}
	return dst
}

// lookKey names the values of many slots, and what stands beside them.
type lookKey struct {
	values *column.Values
	beside edge
}

// looked is the codes that may have the needle, growing, and what is known of each;
// of values that rows share, by code.
type looked struct {
	codes   []int
	answers []answer
	byCode  []answer // nil when there are none
}

// keptAsTemplates reports whether a field is the message of a block that has
// templates, and returns them.
func (c *chunk) keptAsTemplates(name string) *column.Families {
	if c.block == nil || c.block.Families == nil {
		return nil
	}
	f := c.find(name)
	if f == nil || f.base != llama.NameMessage || f.col != nil {
		return nil
	}
	list, err := c.block.Families()
	if err != nil {
		if c.err == nil {
			c.err = err
		}
		return nil
	}
	return list
}

// evalMessage returns the rows of sel with messages that f lets in.
func (c *chunk) evalMessage(f *fieldFilter, list *column.Families, sel []uint32) []uint32 {
	words := (c.rows + 63) / 64
	s := &textScan{c: c, f: f, list: list, found: make(rowSet, words), looks: map[lookKey]*looked{}}
	if len(sel) < c.rows {
		s.asked = make(rowSet, words)
		for _, r := range sel {
			s.asked.add(uint16(r))
		}
	}
	if f.needle != nil {
		for i := range len(f.needle.text) {
			s.bytes[f.needle.text[i]] = true
		}
	}
	if err := s.run(); err != nil && c.err == nil {
		c.err = err
	}
	if c.err != nil {
		return nil
	}
	n := s.found.count()
	switch n {
	case 0:
		return nil
	case len(sel):
		return sel
	}
	return s.found.rows(c.work.numbers(n))
}

func (s *textScan) run() error {
	for i := range s.list.List {
		f := &s.list.List[i]
		if s.asked != nil && !s.any(f.Rows) {
			continue
		}
		if i&15 == 0 && s.c.stopped(0) {
			return nil
		}
		if err := s.family(f); err != nil {
			return err
		}
	}
	return s.loose()
}

func (s *textScan) any(rows []uint16) bool {
	for _, r := range rows {
		if s.asked.has(r) {
			return true
		}
	}
	return false
}

// add adds a row if it is of interest.
func (s *textScan) add(row uint16) {
	if s.asked == nil || s.asked.has(row) {
		s.found.add(row)
	}
}

// loose looks through the events without template.
func (s *textScan) loose() error {
	if len(s.list.Loose) == 0 {
		return nil
	}
	col, err := s.c.block.Loose(llama.NameMessage)
	if err != nil {
		return err
	}
	if col == nil {
		if s.f.match("") {
			for _, r := range s.list.Loose {
				s.add(r)
			}
		}
		return nil
	}
	memo := make([]answer, len(col.Values)+1)
	for i, r := range s.list.Loose {
		if s.asked != nil && !s.asked.has(r) {
			continue
		}
		if s.c.stopped(i) {
			return nil
		}
		code := col.Codes[i]
		if memo[code] == no {
			text := ""
			if code > 0 {
				text = col.Values[code-1]
			}
			memo[code] = perhaps // asked, and out
			if s.f.match(text) {
				memo[code] = yes
			}
		}
		if memo[code] == yes {
			s.found.add(r)
		}
	}
	return nil
}

// family looks through the events of a template.
func (s *textScan) family(f *column.Family) error {
	fixed := true
	for i := range f.Parts {
		fixed = fixed && f.Parts[i].Is == column.Fixed
	}
	if fixed {
		s.text = s.text[:0]
		for i := range f.Parts {
			s.text = append(s.text, f.Parts[i].Text...)
		}
		if s.f.match(view(s.text)) {
			for _, r := range f.Rows {
				s.add(r)
			}
		}
		return nil
	}
	if s.f.needle == nil {
		return s.ask(f, nil)
	}
	switch s.fixed(f) {
	case yes:
		if s.f.needle.exact {
			for _, r := range f.Rows {
				s.add(r)
			}
			return nil
		}
		return s.ask(f, nil)
	case perhaps:
		return s.ask(f, nil)
	}
	open := map[int]bool{}
	if s.crosses(f) {
		if err := s.crossing(f, open); err != nil {
			return err
		}
	}
	for i := range f.Parts {
		if f.Parts[i].Is == column.Slots {
			if err := s.slot(f, i, open); err != nil {
				return err
			}
		}
	}
	if len(open) == 0 {
		return nil
	}
	return s.ask(f, open)
}

// view is text as a string, for as long as it does not change.
func view(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }

// beside returns what stands beside part i.
func beside(f *column.Family, i int) edge {
	e := edge{yes, yes}
	if i > 0 {
		e.left = perhaps
		if p := &f.Parts[i-1]; p.Is == column.Fixed && p.Text != "" {
			e.left = endOf(p.Text)
		}
	}
	if i+1 < len(f.Parts) {
		e.right = perhaps
		if p := &f.Parts[i+1]; p.Is == column.Fixed && p.Text != "" {
			e.right = startOf(p.Text)
		}
	}
	return e
}

// fixed returns whether one of the fixed texts has the needle.
func (s *textScan) fixed(f *column.Family) answer {
	best := no
	for i := range f.Parts {
		if p := &f.Parts[i]; p.Is == column.Fixed && len(p.Text) >= len(s.f.needle.text) {
			best = max(best, s.f.needle.look(p.Text, beside(f, i)))
		}
	}
	return best
}

// slot looks for the needle in the values of a slot. Events of which it does not say
// enough are added to open, by their place in the family.
func (s *textScan) slot(f *column.Family, i int, open map[int]bool) error {
	v, first, err := s.c.block.Values(f.Parts[i].Slot)
	if err != nil {
		return err
	}
	l := s.look(v, beside(f, i))
	found := func(at int, a answer) {
		switch {
		case a == yes && s.f.needle.exact:
			s.add(f.Rows[at])
		case a != no:
			open[at] = true
		}
	}
	if l.byCode != nil {
		for at := range f.Rows {
			found(at, l.byCode[v.Code(first+at)])
		}
		return nil
	}
	for k, code := range l.codes {
		if at := code - first; !v.Coded() && at >= 0 && at < len(f.Rows) {
			found(at, l.answers[k])
		}
	}
	return nil
}

// look finds the values with the needle, once for all slots that share them.
func (s *textScan) look(v *column.Values, beside edge) *looked {
	key := lookKey{v, beside}
	if l := s.looks[key]; l != nil {
		return l
	}
	l := &looked{}
	s.looks[key] = l
	n := s.f.needle
	for _, code := range v.Find(n.text, n.whole()) {
		a := n.look(v.Value(code), beside)
		if a == no {
			continue
		}
		l.codes, l.answers = append(l.codes, code), append(l.answers, a)
	}
	if v.Coded() && len(l.codes) > 0 {
		l.byCode = make([]answer, v.Distinct())
		for k, code := range l.codes {
			l.byCode[code] = l.answers[k]
		}
	}
	return l
}

// ask puts messages together and asks the filter: those of open, or all if it is nil.
func (s *textScan) ask(f *column.Family, open map[int]bool) error {
	m := messages{block: s.c.block}
	if err := m.open(f, 0, len(f.Parts)); err != nil {
		return err
	}
	for at, row := range f.Rows {
		if open != nil && !open[at] || s.found.has(row) || s.asked != nil && !s.asked.has(row) {
			continue
		}
		if s.c.stopped(at) {
			return nil
		}
		s.text = m.append(s.text[:0], at)
		if s.f.match(view(s.text)) {
			s.found.add(row)
		}
	}
	return nil
}

// messages puts messages of a family together, or a span of their parts.
type messages struct {
	block *column.Block
	parts []column.Part
	slots []slotValues
}

type slotValues struct {
	*column.Values
	first int
}

func (m *messages) open(f *column.Family, from, to int) error {
	m.parts = f.Parts[from:to]
	m.slots = make([]slotValues, len(m.parts))
	for i := range m.parts {
		if m.parts[i].Is == column.Fixed {
			continue
		}
		var err error
		if m.slots[i].Values, m.slots[i].first, err = m.block.Values(m.parts[i].Slot); err != nil {
			return err
		}
	}
	return nil
}

// append appends the text of the event at a place of the family.
func (m *messages) append(dst []byte, at int) []byte {
	for i := range m.parts {
		if v := &m.slots[i]; v.Values != nil {
			dst = v.Append(dst, v.Code(v.first+at))
		} else {
			dst = append(dst, m.parts[i].Text...)
		}
	}
	return dst
}

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

// crossing adds the events to open in which the needle goes over borders of parts.
func (s *textScan) crossing(f *column.Family, open map[int]bool) error {
	n := s.f.needle.text
	for i := range len(f.Parts) - 1 {
		if !s.border(f, i) {
			continue
		}
		p := &f.Parts[i]
		for k := 1; k < len(n); k++ {
			var way []leg
			if p.Is == column.Fixed {
				if !strings.HasSuffix(p.Text, n[:k]) {
					continue
				}
			} else {
				way = append(way, leg{p.Slot, n[:k], suffix})
			}
			if err := s.follow(f, i+1, n[k:], way, open); err != nil {
				return err
			}
		}
	}
	return nil
}

// A leg is what a slot must have for the needle to lie there.
type leg struct {
	slot column.Slot
	text string
	how  how
}

type how uint8

const (
	whole how = iota
	prefix
	suffix
)

// follow adds the events to open of which part i and those behind it begin with rest,
// if they meet the legs of the way there.
func (s *textScan) follow(f *column.Family, i int, rest string, way []leg, open map[int]bool) error {
	if i == len(f.Parts) {
		return nil
	}
	p := &f.Parts[i]
	if p.Is == column.Fixed {
		switch {
		case strings.HasPrefix(p.Text, rest):
			return s.walk(f, way, open)
		case strings.HasPrefix(rest, p.Text):
			return s.follow(f, i+1, rest[len(p.Text):], way, open)
		}
		return nil
	}
	way = way[:len(way):len(way)]
	if err := s.walk(f, append(way, leg{p.Slot, rest, prefix}), open); err != nil {
		return err
	}
	for k := range len(rest) {
		if i+1 == len(f.Parts) {
			break
		}
		if next := &f.Parts[i+1]; next.Is == column.Fixed && next.Text != "" && next.Text[0] != rest[k] {
			continue
		}
		if err := s.follow(f, i+1, rest[k:], append(way, leg{p.Slot, rest[:k], whole}), open); err != nil {
			return err
		}
	}
	return nil
}

// walk adds the events to open that meet all legs of a way.
func (s *textScan) walk(f *column.Family, way []leg, open map[int]bool) error {
	values := make([]slotValues, len(way))
	for i := range way {
		var err error
		if values[i].Values, values[i].first, err = s.c.block.Values(way[i].slot); err != nil {
			return err
		}
		if !values[i].May(way[i].text) {
			return nil
		}
	}
	for at := range f.Rows {
		met := true
		for i := range way {
			v := &values[i]
			s.text = v.Append(s.text[:0], v.Code(v.first+at))
			if met = way[i].met(view(s.text)); !met {
				break
			}
		}
		if met {
			open[at] = true
		}
	}
	return nil
}

func (w *leg) met(text string) bool {
	switch w.how {
	case whole:
		return text == w.text
	case prefix:
		return strings.HasPrefix(text, w.text)
	}
	return strings.HasSuffix(text, w.text)
}
