package query

import (
	"slices"

	"github.com/llama-logs/llama"
)

// filter keeps the rows that f lets in.
func (c *chunk) filter(f filter) { c.sel = c.eval(f, c.sel) }

// eval returns the rows of sel that f lets in. It may return sel itself, and
// changes none of its numbers.
func (c *chunk) eval(f filter, sel []uint32) []uint32 {
	if len(sel) == 0 || c.err != nil {
		return nil
	}
	switch f := f.(type) {
	case *andFilter:
		for _, g := range f.list {
			sel = c.eval(g, sel)
		}
		return sel
	case *orFilter:
		return c.evalOr(f, sel)
	case *notFilter:
		return c.without(sel, c.eval(f.f, sel))
	case *fieldFilter:
		return c.evalField(f, sel)
	case *pairFilter:
		return c.evalPair(f, sel)
	case *timeFilter:
		return c.evalTime(sel, func(t llama.Time) bool { return f.from <= t && t <= f.to })
	case *clockFilter:
		return c.evalTime(sel, f.match)
	case *wideFilter:
		return c.evalWide(f, sel)
	case *kindFilter:
		return c.evalKind(f, sel)
	case *queryFilter:
		c.err = errUnanswered
		return nil
	}
	return sel // allFilter
}

func (c *chunk) evalOr(f *orFilter, sel []uint32) []uint32 {
	var in []uint32
	rest := sel
	for _, g := range f.list {
		if cost(g) <= cheap { // asking all rows is less than finding out which are left
			in = c.union(in, c.eval(g, sel))
			continue
		}
		if len(rest) == len(sel) && len(in) > 0 {
			rest = c.without(sel, in)
		}
		more := c.eval(g, rest)
		if len(more) == 0 {
			continue
		}
		rest = c.without(rest, more)
		in = c.union(in, more)
	}
	return in
}

// without returns the numbers of a that are not in b, a part of a.
func (c *chunk) without(a, b []uint32) []uint32 {
	if len(b) == 0 {
		return a
	}
	out := c.work.numbers(len(a) - len(b))
	for _, r := range a {
		if len(b) > 0 && b[0] == r {
			b = b[1:]
			continue
		}
		out = append(out, r)
	}
	return out
}

// union merges two lists. Numbers that are in both come once.
func (c *chunk) union(a, b []uint32) []uint32 {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	out := c.work.numbers(len(a) + len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			a = a[1:]
		}
	}
	return append(append(out, a...), b...)
}

// evalField asks once for each value of the dictionary that a row of sel has.
func (c *chunk) evalField(f *fieldFilter, sel []uint32) []uint32 {
	if f.field == llama.NameCollection && c.block != nil {
		if own := c.find(f.field); own != nil && own.base == f.field {
			return keepIf(sel, f.match(c.block.Collection))
		}
	}
	if list := c.keptAsTemplates(f.field); list != nil {
		return c.evalMessage(f, list, sel)
	}
	col := c.column(f.field)
	if col == nil {
		return keepIf(sel, f.match(""))
	}
	memo := c.work.zeroes(len(col.Values) + 1)
	memo[0] = memoNo
	if f.match("") {
		memo[0] = memoYes
	}
	// Where values repeat, all are asked first: mostly none is in.
	if len(col.Values) <= len(sel)/2 {
		none := memo[0] == memoNo
		for i, value := range col.Values {
			if c.ended(i) {
				return nil
			}
			memo[i+1] = memoNo
			if f.match(value) {
				memo[i+1] = memoYes
				none = false
			}
		}
		if none {
			return nil
		}
		return c.pickCodes(col.Codes, memo, sel)
	}
	out := c.work.numbers(len(sel))
	for i, r := range sel {
		if c.ended(i) {
			return nil
		}
		code := col.Codes[r]
		m := memo[code]
		if m == 0 {
			m = memoNo
			if f.match(col.Values[code-1]) {
				m = memoYes
			}
			memo[code] = m
		}
		if m == memoYes {
			out = append(out, r)
		}
	}
	return out
}

// What is remembered of a value; 0 is nothing.
const memoYes, memoNo = 1, 2

// pickCodes returns the rows of sel whose code has memoYes.
func (c *chunk) pickCodes(codes []uint32, memo []uint8, sel []uint32) []uint32 {
	out := c.work.numbers(len(sel))
	if len(sel) < len(codes) {
		for _, r := range sel {
			if memo[codes[r]] == memoYes {
				out = append(out, r)
			}
		}
		return out
	}
	for r, code := range codes {
		if memo[code] == memoYes {
			out = append(out, uint32(r))
		}
	}
	return out
}

func keepIf(sel []uint32, in bool) []uint32 {
	if in {
		return sel
	}
	return nil
}

func (c *chunk) evalPair(f *pairFilter, sel []uint32) []uint32 {
	a, b := c.values(f.field), c.values(f.other)
	out := c.work.numbers(len(sel))
	for _, r := range sel {
		if f.match(a(r), b(r)) {
			out = append(out, r)
		}
	}
	return out
}

// values returns a function that gives a row's text of a field.
func (c *chunk) values(name string) func(r uint32) string {
	col := c.column(name)
	if col == nil {
		return func(uint32) string { return "" }
	}
	return func(r uint32) string {
		if code := col.Codes[r]; code != 0 {
			return col.Values[code-1]
		}
		return ""
	}
}

func (c *chunk) evalTime(sel []uint32, match func(llama.Time) bool) []uint32 {
	times := c.clock(llama.NameTime)
	if times == nil {
		return c.evalField(&fieldFilter{field: llama.NameTime, match: func(s string) bool {
			ns, ok := parseTimestamp(s)
			return ok && match(llama.Time(ns))
		}}, sel)
	}
	out := c.work.numbers(len(sel))
	for _, r := range sel {
		if match(times[r]) {
			out = append(out, r)
		}
	}
	return out
}

// ordered returns f with cheap filters before dear ones in each `and`. What is
// in does not depend on the order; the normal form keeps the author's.
func ordered(f filter) filter {
	switch f := f.(type) {
	case *andFilter:
		list := make([]filter, len(f.list))
		for i, g := range f.list {
			list[i] = ordered(g)
		}
		slices.SortStableFunc(list, func(a, b filter) int { return cost(a) - cost(b) })
		return &andFilter{list}
	case *orFilter:
		list := make([]filter, len(f.list))
		for i, g := range f.list {
			list[i] = ordered(g)
		}
		return &orFilter{list}
	case *notFilter:
		return &notFilter{ordered(f.f)}
	}
	return f
}

// cheap is what comparing the numbers and names in a field costs at most.
const cheap = 1 + costNumber

// cost guesses what a filter costs a block: what its dearest part does, and
// twice that on messages, whose dictionaries are as long as the block.
func cost(f filter) int {
	worst := 0
	switch f := f.(type) {
	case *andFilter:
		for _, g := range f.list {
			worst = max(worst, cost(g))
		}
	case *orFilter:
		for _, g := range f.list {
			worst = max(worst, cost(g))
		}
	case *notFilter:
		return cost(f.f)
	case *fieldFilter:
		if f.field == llama.NameMessage {
			return 10 + f.cost
		}
		return 1 + f.cost
	case *pairFilter:
		return 5
	case *wideFilter:
		return 20 + f.one.cost
	}
	return worst
}

// span returns the times outside of which f lets nothing in.
func span(f filter) (from, to llama.Time) {
	switch f := f.(type) {
	case *timeFilter:
		return f.from, f.to
	case *andFilter:
		from, to = minTime, maxTime
		for _, g := range f.list {
			a, b := span(g)
			from, to = max(from, a), min(to, b)
		}
		return from, to
	case *orFilter:
		from, to = maxTime, minTime
		for _, g := range f.list {
			a, b := span(g)
			from, to = min(from, a), max(to, b)
		}
		return from, to
	}
	return minTime, maxTime
}

// mayHold reports whether f can let in an event of the collection. sure is true
// when the collection alone decides.
func mayHold(f filter, collection string) (may, sure bool) {
	switch f := f.(type) {
	case allFilter:
		return true, true
	case *fieldFilter:
		if f.field == llama.NameCollection {
			return f.match(collection), true
		}
	case *notFilter:
		if may, sure := mayHold(f.f, collection); sure {
			return !may, true
		}
	case *andFilter:
		sure = true
		for _, g := range f.list {
			m, s := mayHold(g, collection)
			if !m {
				return false, true
			}
			sure = sure && s
		}
		return true, sure
	case *orFilter:
		sure = true
		for _, g := range f.list {
			m, s := mayHold(g, collection)
			may, sure = may || m, sure && s
		}
		return may, sure
	}
	return true, false
}
