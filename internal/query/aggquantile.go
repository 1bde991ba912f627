package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// quantileAgg counts each text, which gives exact quantiles. A row without a
// field that is named counts with the empty text.
type quantileAgg struct {
	fields []string
	phi    float64
	budget *budget
	groups []spread
}

// A spread is the texts of one group and how often each was there.
type spread struct {
	empty   uint64
	numbers numberCounts
	others  map[string]uint64
}

func (a *quantileAgg) grow(n int) { a.groups = grown(a.groups, n) }

func (a *quantileAgg) update(c *chunk, sel, of []uint32) error {
	named := len(a.fields) > 0
	for _, col := range c.matching(a.fields) {
		missing := named && !slices.ContainsFunc(a.fields, func(p string) bool { return strings.HasSuffix(p, "*") })
		if err := a.updateColumn(col, sel, of, missing); err != nil {
			return err
		}
	}
	return c.err
}

func (a *quantileAgg) updateColumn(col *column.Column, sel, of []uint32, missing bool) error {
	if col == nil {
		for _, group := range of {
			if err := a.count(int(group), "", 1); err != nil {
				return err
			}
		}
		return nil
	}
	// One group's rows are counted by code before the texts are looked up.
	if len(a.groups) == 1 {
		byCode := make([]uint64, len(col.Values)+1)
		for _, r := range sel {
			byCode[col.Codes[r]]++
		}
		for code, n := range byCode {
			text := ""
			if code > 0 {
				text = col.Values[code-1]
			}
			if n > 0 && (code > 0 || missing) {
				if err := a.count(0, text, n); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for i, r := range sel {
		text := ""
		if code := col.Codes[r]; code > 0 {
			text = col.Values[code-1]
		} else if !missing {
			continue
		}
		if err := a.count(int(of[i]), text, 1); err != nil {
			return err
		}
	}
	return nil
}

func (a *quantileAgg) count(group int, text string, n uint64) error {
	s := &a.groups[group]
	if text == "" {
		s.empty += n
		return nil
	}
	if p, ok := parsePlain(text); ok {
		return s.numbers.add(numberCount{p, n}, a.budget)
	}
	if s.others == nil {
		s.others = make(map[string]uint64)
	}
	if _, ok := s.others[text]; ok {
		s.others[text] += n
		return nil
	}
	s.others[strings.Clone(text)] = n
	return a.budget.grow(costEntry + len(text))
}

func (a *quantileAgg) merge(from aggregate, to []uint32) error {
	for i := range from.(*quantileAgg).groups {
		s, into := &from.(*quantileAgg).groups[i], &a.groups[to[i]]
		into.empty += s.empty
		for text, n := range s.others {
			if err := a.count(int(to[i]), text, n); err != nil {
				return err
			}
		}
		if err := into.numbers.merge(&s.numbers, a.budget); err != nil {
			return err
		}
	}
	return nil
}

// The wire form: count, and text and number of each.
func (a *quantileAgg) write(w *wire, group int) bool {
	var part wire
	s := &a.groups[group]
	if w.kept {
		s.writeKept(w)
		return false
	}
	n := uint64(0)
	full := func() bool { return n > 0 && len(w.b)+len(part.b) >= frameBytes }
	put := func(text string, times uint64) {
		part.text(text)
		part.uint(times)
		n++
	}
	if s.empty > 0 {
		put("", s.empty)
		s.empty = 0
	}
	for text, times := range s.others {
		if full() {
			break
		}
		put(text, times)
		delete(s.others, text)
	}
	for !full() {
		x, ok := s.numbers.take()
		if !ok {
			break
		}
		put(x.text(), x.n)
	}
	w.uint(n)
	w.b = append(w.b, part.b...)
	return len(s.others) > 0 || s.numbers.len() > 0
}

func (a *quantileAgg) read(r *reader, group int, _ string) error {
	if r.kept {
		return a.readKept(r, group)
	}
	for n := r.count(2); n > 0 && r.err == nil; n-- {
		text, times := r.text(), r.uint()
		if r.err == nil {
			if err := a.count(group, text, times); err != nil {
				return err
			}
		}
	}
	return r.err
}

func (a *quantileAgg) result(group int) (string, llama.Kind) {
	s := &a.groups[group]
	total := s.empty + s.numbers.total()
	for _, n := range s.others {
		total += n
	}
	if total == 0 {
		return "", llama.String
	}
	text := s.at(min(uint64(a.phi*float64(total)), total-1))
	return text, kindOf(text)
}

// at returns the text that has rank others before it.
func (s *spread) at(rank uint64) string {
	if rank < s.empty {
		return ""
	}
	rank -= s.empty
	if len(s.others) == 0 {
		x := s.numbers.at(rank)
		return x.text()
	}
	_ = s.numbers.flatten(nil) // without a budget it does not fail
	s.numbers.tidy()
	type counted struct {
		key  orderKey
		text string
		n    uint64
	}
	list := make([]counted, 0, len(s.others)+len(s.numbers.tidied))
	for text, n := range s.others {
		list = append(list, counted{keyOf(text), text, n})
	}
	for i := range s.numbers.tidied {
		text := s.numbers.tidied[i].text()
		list = append(list, counted{keyOf(text), text, s.numbers.tidied[i].n})
	}
	slices.SortFunc(list, func(x, y counted) int {
		if c := compareKeys(&x.key, &y.key); c != 0 {
			return c
		}
		return strings.Compare(x.text, y.text)
	})
	for i := range list {
		if rank < list[i].n {
			return list[i].text
		}
		rank -= list[i].n
	}
	return ""
}
