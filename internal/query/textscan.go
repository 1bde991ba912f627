package query

import (
	"slices"
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
	held  map[heldKey][]int
	text  []byte
	open  rowSet      // events of a family, by their place in it, that are to be asked
	some  bool        // there are such
	sets  column.Sets // of the needle
	ways  int         // that were tried for the needle to lie in a family
}

// maxWays bounds in how many ways a needle is laid over slots that stand side by side.
// Beyond that all messages of the family are asked.
const maxWays = 1 << 12

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
		c.fail(err)
		return nil
	}
	return list
}

// evalMessage returns the rows of sel with messages that f lets in.
func (c *chunk) evalMessage(f *fieldFilter, list *column.Families, sel []uint32) []uint32 {
	words := (c.rows + 63) / 64
	s := &textScan{c: c, f: f, list: list, found: make(rowSet, words), open: make(rowSet, words), looks: map[lookKey]*looked{}, held: map[heldKey][]int{}}
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
		s.sets = column.SetsOf(f.needle.text)
	}
	if err := s.run(); err != nil {
		c.fail(err)
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
		if s.f.needle != nil && !s.list.MayHave(i, s.sets) || s.asked != nil && !s.any(f.Rows) {
			continue
		}
		if i&15 == 0 && s.c.stopped(0) {
			return nil
		}
		if err := s.family(f, i); err != nil {
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
	memo := make([]answer, len(col.Values)+1) // perhaps is to be asked
	if s.f.needle != nil {                    // only values that have it are asked
		holding := col.Holding(s.f.needle.text)
		if len(holding) == 0 {
			return nil
		}
		for _, code := range holding {
			memo[code] = perhaps
		}
	} else {
		for i := range memo {
			memo[i] = perhaps
		}
	}
	for i, r := range s.list.Loose {
		code := col.Codes[i]
		if i&1023 == 0 && s.c.stopped(i) {
			return nil
		}
		if memo[code] == no || s.asked != nil && !s.asked.has(r) {
			continue
		}
		if memo[code] == perhaps {
			text := ""
			if code > 0 {
				text = col.Values[code-1]
			}
			memo[code] = no
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

// family looks through the events of a template, the i-th.
func (s *textScan) family(f *column.Family, i int) error {
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
	if s.f.begin != "" {
		switch s.begins(f) {
		case yes:
			for _, r := range f.Rows {
				s.add(r)
			}
			return nil
		case no:
			return nil
		}
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
	if s.c.block.Facts != nil {
		if err := s.list.Learn(s.c.block.Facts); err != nil {
			return err
		}
		if !s.list.MayHave(i, s.sets) {
			return nil
		}
	}
	if s.some {
		clear(s.open)
	}
	s.some, s.ways = false, 0
	if s.crosses(f) {
		if err := s.crossing(f); err != nil {
			return err
		}
		if s.ways > maxWays {
			return s.ask(f, nil)
		}
	}
	for i := range f.Parts {
		if f.Parts[i].Is == column.Slots {
			if err := s.slot(f, i); err != nil {
				return err
			}
		}
	}
	if !s.some {
		return nil
	}
	return s.ask(f, s.open)
}

// answer says of the event at a place of the family whether it has the needle. If that
// does not say enough, it is asked later.
func (s *textScan) answer(f *column.Family, at int, a answer) {
	switch {
	case a == yes && s.f.needle.exact:
		s.add(f.Rows[at])
	case a != no:
		s.open.add(uint16(at))
		s.some = true
	}
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

// begins returns whether the messages of a family begin as the filter says, as far as the
// fixed text tells with which they begin.
func (s *textScan) begins(f *column.Family) answer {
	s.text = s.text[:0]
	for i := 0; i < len(f.Parts) && f.Parts[i].Is == column.Fixed; i++ {
		s.text = append(s.text, f.Parts[i].Text...)
	}
	switch head := view(s.text); {
	case strings.HasPrefix(head, s.f.begin):
		return yes
	case !strings.HasPrefix(s.f.begin, head):
		return no
	}
	return perhaps
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

// slot looks for the needle in the values of a slot.
func (s *textScan) slot(f *column.Family, i int) error {
	if may, err := s.known(f.Parts[i].Slot, s.f.needle.text, s.f.needle.whole()); err != nil || !may {
		return err
	}
	v, first, err := s.c.block.Values(f.Parts[i].Slot)
	if err != nil {
		return err
	}
	l := s.look(v, beside(f, i))
	if l.byCode != nil {
		for at := range f.Rows {
			s.answer(f, at, l.byCode[v.Code(first+at)])
		}
		return nil
	}
	if v.Coded() {
		return nil
	}
	start, _ := slices.BinarySearch(l.codes, first)
	for k := start; k < len(l.codes) && l.codes[k] < first+len(f.Rows); k++ {
		s.answer(f, l.codes[k]-first, l.answers[k])
	}
	return nil
}

// known reports whether a slot may hold a text, as far as that is known without reading
// its values.
func (s *textScan) known(slot column.Slot, text string, whole bool) (may bool, err error) {
	if s.c.block.Facts == nil {
		return true, nil
	}
	facts, err := s.c.block.Facts(slot)
	return err == nil && (facts == nil || facts.May(text, whole)), err
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
		a := n.look(v.Text(code, &s.text), beside)
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
func (s *textScan) ask(f *column.Family, open rowSet) error {
	m := messages{block: s.c.block}
	if err := m.open(f, 0, len(f.Parts)); err != nil {
		return err
	}
	for at, row := range f.Rows {
		if open != nil && !open.has(uint16(at)) || s.found.has(row) || s.asked != nil && !s.asked.has(row) {
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
