package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// valuesAgg keeps every text of its fields, empty ones too, the newest row's
// first.
type valuesAgg struct {
	fields []string
	limit  int // 0: none
	budget *budget
	lists  [][]origined
	base   uint64 // rows that came before, in chunks without times
}

type origined struct {
	at   origin
	n    int // the field's place in the rows that the event became
	text string
}

func (a *valuesAgg) grow(n int) { a.lists = grown(a.lists, n) }

func (a *valuesAgg) update(c *chunk, sel, of []uint32) error {
	columns := c.matching(a.fields)
	for n, col := range columns {
		for i, r := range sel {
			v := origined{n: n}
			if c.items != nil {
				v.n += int(c.items[r]) * len(columns)
			}
			v.at.time, v.at.seq = c.order(r)
			if c.times == nil {
				v.at.seq -= a.base
			}
			if col != nil && col.Codes[r] != 0 {
				v.text = strings.Clone(col.Values[col.Codes[r]-1])
			}
			if err := a.append(int(of[i]), v); err != nil {
				return err
			}
		}
	}
	a.base += uint64(c.rows)
	return c.err
}

func (a *valuesAgg) append(group int, v origined) error {
	a.lists[group] = append(a.lists[group], v)
	return a.budget.grow(costEntry + len(v.text))
}

func (a *valuesAgg) merge(from aggregate, to []uint32) error {
	for i, list := range from.(*valuesAgg).lists {
		a.lists[to[i]] = append(a.lists[to[i]], list...)
	}
	return nil
}

// The wire form: count, and of each time (signed), seq, place and text.
func (a *valuesAgg) write(w *wire, group int) bool {
	var part wire
	list, n := a.lists[group], 0
	for n < len(list) && (n == 0 || len(w.b)+len(part.b) < frameBytes) {
		v := &list[n]
		part.int(int64(v.at.time))
		part.uint(v.at.seq)
		part.uint(uint64(v.n))
		part.text(v.text)
		n++
	}
	w.uint(uint64(n))
	w.b = append(w.b, part.b...)
	a.lists[group] = list[n:]
	return n < len(list)
}

func (a *valuesAgg) read(r *reader, group int, node string) error {
	for n := r.count(4); n > 0 && r.err == nil; n-- {
		v := origined{at: origin{llama.Time(r.int()), r.uint(), node}, n: int(r.uint() & (1<<31 - 1)), text: r.text()}
		if r.err == nil {
			if err := a.append(group, v); err != nil {
				return err
			}
		}
	}
	return r.err
}

func (a *valuesAgg) result(group int) (string, llama.Kind) {
	list := a.lists[group]
	sortOrigined(list)
	if a.limit > 0 && len(list) > a.limit {
		list = list[:a.limit]
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = v.text
	}
	return jsonArray(texts), llama.Array
}

// sortOrigined puts the newest first.
func sortOrigined(list []origined) {
	slices.SortStableFunc(list, func(x, y origined) int {
		switch {
		case x.at.newer(y.at):
			return -1
		case y.at.newer(x.at):
			return 1
		}
		return x.n - y.n
	})
}
