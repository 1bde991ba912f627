package query

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// uniqAgg keeps distinct values: of count_uniq the combinations of its fields,
// of uniq_values each text of each field. What is empty does not count.
type uniqAgg struct {
	fields []string
	tuples bool
	limit  int // 0: none
	budget *budget
	sets   []map[string]struct{}
}

func (a *uniqAgg) grow(n int) { a.sets = grown(a.sets, n) }

func (a *uniqAgg) update(c *chunk, sel, of []uint32) error {
	if a.tuples && len(a.fields) > 1 {
		return a.updateTuples(c, sel, of)
	}
	for _, col := range c.matching(a.fields) {
		if col == nil {
			continue
		}
		if err := a.updateColumn(c, col, sel, of); err != nil {
			return err
		}
	}
	return c.err
}

// updateColumn skips what the chunk has shown before, group by group, where a
// table of that is small.
func (a *uniqAgg) updateColumn(c *chunk, col *column.Column, sel, of []uint32) error {
	var seen []uint8
	if size := len(a.sets) * (len(col.Values) + 1); size <= 1<<20 {
		seen = c.work.zeroes(size)
	}
	for i, r := range sel {
		if c.stopped(i) {
			return c.err
		}
		code := col.Codes[r]
		if code == 0 {
			continue
		}
		if seen != nil {
			at := int(of[i])*(len(col.Values)+1) + int(code)
			if seen[at] != 0 {
				continue
			}
			seen[at] = 1
		}
		if text := col.Values[code-1]; text != "" {
			if err := a.insert(int(of[i]), text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *uniqAgg) updateTuples(c *chunk, sel, of []uint32) error {
	values := make([]func(uint32) string, len(a.fields))
	for i, name := range a.fields {
		values[i] = c.values(name)
	}
	var key wire
	for i, r := range sel {
		if c.stopped(i) {
			return c.err
		}
		key.b = key.b[:0]
		some := false
		for _, value := range values {
			text := value(r)
			some = some || text != ""
			key.text(text)
		}
		if _, known := a.sets[of[i]][string(key.b)]; known || !some {
			continue
		}
		if err := a.insert(int(of[i]), string(key.b)); err != nil {
			return err
		}
	}
	return c.err
}

func (a *uniqAgg) insert(group int, text string) error {
	if _, known := a.sets[group][text]; known || a.full(group) {
		return nil
	}
	return a.put(group, strings.Clone(text))
}

// full reports whether more values of a group would not show.
func (a *uniqAgg) full(group int) bool {
	return a.tuples && a.limit > 0 && len(a.sets[group]) >= a.limit
}

// put adds a value that a group does not have, and keeps it.
func (a *uniqAgg) put(group int, text string) error {
	if a.sets[group] == nil {
		a.sets[group] = make(map[string]struct{})
	}
	a.sets[group][text] = struct{}{}
	return a.budget.grow(costEntry + len(text))
}

func (a *uniqAgg) merge(from aggregate, to []uint32) error {
	for i, set := range from.(*uniqAgg).sets {
		into := int(to[i])
		if a.sets[into] == nil {
			a.sets[into] = set
			continue
		}
		for text := range set {
			if err := a.insert(into, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxUniqRoom bounds the room that is made at once for values which are said to come: to fill a
// set without takes twice as long.
const maxUniqRoom = 1 << 15

// The wire form: count and texts.
func (a *uniqAgg) write(w *wire, group int) bool {
	var part wire
	n := uint64(0)
	for text := range a.sets[group] {
		if n > 0 && len(w.b)+len(part.b) >= frameBytes {
			break
		}
		part.text(text)
		delete(a.sets[group], text)
		n++
	}
	w.uint(n)
	w.b = append(w.b, part.b...)
	return len(a.sets[group]) > 0
}

func (a *uniqAgg) read(r *reader, group int, _ string) error {
	n := r.count(1)
	if a.sets[group] == nil && n > 0 {
		a.sets[group] = make(map[string]struct{}, min(n, maxUniqRoom))
	}
	for ; n > 0 && r.err == nil; n-- {
		text := r.bytes()
		_, known := a.sets[group][string(text)] // as most are that many segments have
		if known || r.err != nil || a.full(group) {
			continue
		}
		if err := a.put(group, string(text)); err != nil {
			return err
		}
	}
	return r.err
}

func (a *uniqAgg) result(group int) (string, llama.Kind) {
	set := a.sets[group]
	if a.tuples {
		n := len(set)
		if a.limit > 0 {
			n = min(n, a.limit)
		}
		return strconv.Itoa(n), llama.Number
	}
	list := slices.SortedFunc(maps.Keys(set), compareTexts)
	if a.limit > 0 && len(list) > a.limit {
		list = list[:a.limit]
	}
	return jsonArray(list), llama.Array
}
