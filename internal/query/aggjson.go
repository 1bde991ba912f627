package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// jsonAgg keeps rows as JSON objects, their names sorted, the newest first.
type jsonAgg struct{ valuesAgg }

func (a *jsonAgg) update(c *chunk, sel, of []uint32) error {
	for i, r := range sel {
		row := c.row(r, a.fields, false)
		slices.SortFunc(row, func(x, y llama.Field) int { return strings.Compare(x.Name, y.Name) })
		v := origined{text: jsonObject(row)}
		v.at.time, v.at.seq = c.order(r)
		if c.items != nil {
			v.n = int(c.items[r])
		}
		if c.block == nil {
			v.at.seq -= a.base
		}
		if err := a.keep(int(of[i]), v); err != nil {
			return err
		}
	}
	a.base += uint64(c.rows)
	return c.err
}

// keep adds a row, and drops the oldest when twice as many are there as will show.
func (a *jsonAgg) keep(group int, v origined) error {
	if err := a.append(group, v); err != nil || a.limit == 0 || len(a.lists[group]) < 2*a.limit+16 {
		return err
	}
	return a.trim(group)
}

func (a *jsonAgg) trim(group int) error {
	list := a.lists[group]
	if a.limit == 0 || len(list) <= a.limit {
		return nil
	}
	sortOrigined(list)
	size := 0
	for _, v := range list[a.limit:] {
		size += costEntry + len(v.text)
	}
	a.lists[group] = slices.Clip(list[:a.limit])
	return a.budget.grow(-size)
}

func (a *jsonAgg) merge(from aggregate, to []uint32) error {
	f := from.(*jsonAgg)
	if err := a.valuesAgg.merge(&f.valuesAgg, to); err != nil {
		return err
	}
	for _, group := range to {
		if err := a.trim(int(group)); err != nil {
			return err
		}
	}
	return nil
}

func (a *jsonAgg) write(w *wire, group int) bool {
	_ = a.trim(group) // gives memory back, which never fails
	return a.valuesAgg.write(w, group)
}

func (a *jsonAgg) read(r *reader, group int, node string) error {
	if err := a.valuesAgg.read(r, group, node); err != nil {
		return err
	}
	return a.trim(group)
}

func (a *jsonAgg) result(group int) (string, llama.Kind) {
	list := a.lists[group]
	sortOrigined(list)
	if a.limit > 0 && len(list) > a.limit {
		list = list[:a.limit]
	}
	dst := []byte{'['}
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, v.text...)
	}
	return string(append(dst, ']')), llama.Array
}
