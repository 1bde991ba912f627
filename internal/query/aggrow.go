package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// rowAgg keeps one row, as JSON: of row_any the newest, of row_min and row_max
// the one with the smallest or largest text of a field.
type rowAgg struct {
	key    string // the field of row_min and row_max
	fields []string
	max    bool
	budget *budget
	rows   []keptRow
}

type keptRow struct {
	has  bool
	key  orderKey
	text string
	at   origin
	json string
}

// An origin says where a row came from: the newest wins where nothing else
// decides.
type origin struct {
	time llama.Time
	seq  uint64
	node string
}

func (o origin) newer(p origin) bool {
	switch {
	case o.time != p.time:
		return o.time > p.time
	case o.node != p.node:
		return o.node < p.node
	}
	return o.seq > p.seq
}

func (a *rowAgg) grow(n int) { a.rows = grown(a.rows, n) }

func (a *rowAgg) better(e, by *keptRow) bool {
	if !e.has {
		return true
	}
	c := compareKeys(&by.key, &e.key)
	if c == 0 {
		c = strings.Compare(by.text, e.text)
	}
	if c == 0 {
		return by.at.newer(e.at)
	}
	return a.max == (c > 0)
}

func (a *rowAgg) update(c *chunk, sel, of []uint32) error {
	key := func(uint32) (orderKey, string) { return orderKey{}, "" }
	if a.key != "" {
		key = c.keyColumn(a.key)
	}
	for i, r := range sel {
		next := keptRow{has: true}
		next.at.time, next.at.seq = c.order(r)
		next.key, next.text = key(r)
		if e := &a.rows[of[i]]; (a.key == "" || next.key.class != classEmpty) && a.better(e, &next) {
			next.text = keyText(next.key, next.text)
			if next.key.class == classText {
				next.key.s = next.text
			}
			next.json = jsonObject(a.pick(c.row(r, nil, false)))
			if err := a.budget.grow(len(next.json) - len(e.json)); err != nil {
				return err
			}
			*e = next
		}
	}
	return c.err
}

// pick returns the fields that are asked for, in the row's order.
func (a *rowAgg) pick(row Row) Row {
	if len(a.fields) == 0 {
		return row
	}
	return slices.DeleteFunc(row, func(f llama.Field) bool { return !matchAnyField(a.fields, f.Name) })
}

func (a *rowAgg) merge(from aggregate, to []uint32) error {
	for i := range from.(*rowAgg).rows {
		o := &from.(*rowAgg).rows[i]
		if e := &a.rows[to[i]]; o.has && a.better(e, o) {
			*e = *o
		}
	}
	return nil
}

// The wire form: 0, or 1, time (signed), seq, text of the key, and the JSON.
func (a *rowAgg) write(w *wire, group int) bool {
	e := a.rows[group]
	a.rows[group] = keptRow{}
	if !e.has {
		w.b = append(w.b, 0)
		return false
	}
	w.b = append(w.b, 1)
	w.int(int64(e.at.time))
	w.uint(e.at.seq)
	w.text(e.text)
	w.text(e.json)
	return false
}

func (a *rowAgg) read(r *reader, group int, node string) error {
	if r.byte() == 0 || r.err != nil {
		return r.err
	}
	next := keptRow{has: true, at: origin{llama.Time(r.int()), r.uint(), node}, text: r.text(), json: r.text()}
	next.key = keyOf(next.text)
	if e := &a.rows[group]; r.err == nil && a.better(e, &next) {
		*e = next
		return a.budget.grow(len(next.json))
	}
	return r.err
}

func (a *rowAgg) result(group int) (string, llama.Kind) {
	if !a.rows[group].has {
		return "{}", llama.Object
	}
	if json := a.rows[group].json; json != "{}" {
		return json, llama.String
	}
	return "{}", llama.Object
}
