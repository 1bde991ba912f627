package query

import (
	"strconv"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// An aggregate is the state of one function for all groups. It is mergeable:
// the result does not depend on how rows were split and in what order the parts
// came together.
type aggregate interface {
	// grow makes room for n groups in all.
	grow(n int)
	// update adds the rows of sel; the row sel[i] belongs to the group of[i].
	update(c *chunk, sel, of []uint32) error
	// merge adds the group i of another to the group to[i].
	merge(from aggregate, to []uint32) error
	// write gives the state of a group away, or as much as belongs in one frame,
	// and reports whether something is left. read takes what write gave away.
	write(w *wire, group int) (more bool)
	read(r *reader, group int, node string) error
	result(group int) (string, llama.Kind)
}

func newAggregate(f *statsFunc, b *budget) aggregate {
	switch f.name {
	case "count":
		return &countAgg{fields: f.fields}
	case "count_empty":
		return &countAgg{fields: f.fields, empty: true}
	case "sum_len":
		return &countAgg{fields: f.fields, length: true}
	case "sum":
		return &sumAgg{fields: f.fields}
	case "avg":
		return &sumAgg{fields: f.fields, avg: true}
	case "min", "max":
		return &extremeAgg{fields: f.fields, max: f.name == "max", budget: b}
	case "count_uniq":
		return &uniqAgg{fields: f.fields, tuples: true, limit: f.limit, budget: b}
	case "uniq_values":
		return &uniqAgg{fields: f.fields, limit: f.limit, budget: b}
	case "median":
		return &quantileAgg{fields: f.fields, phi: 0.5, budget: b}
	case "quantile":
		return &quantileAgg{fields: f.fields, phi: f.phi, budget: b}
	case "values":
		return &valuesAgg{fields: f.fields, limit: f.limit, budget: b}
	case "count_uniq_hash":
		return &hashAgg{fields: f.fields, limit: f.limit, budget: b}
	case "histogram":
		return &histogramAgg{field: f.fields[0], budget: b}
	case "json_values":
		return &jsonAgg{valuesAgg{fields: f.fields, limit: f.limit, budget: b}}
	case "rate":
		return &rateAgg{aggregate: &countAgg{}, seconds: f.seconds}
	case "rate_sum":
		return &rateAgg{aggregate: &sumAgg{fields: f.fields}, seconds: f.seconds}
	case "row_any":
		return &rowAgg{fields: f.fields, budget: b}
	case "row_min", "row_max":
		return &rowAgg{key: f.fields[0], fields: f.fields[1:], max: f.name == "row_max", budget: b}
	}
	panic("query: function " + f.name + " is named and not made")
}

func grown[T any](list []T, n int) []T {
	for len(list) < n {
		var zero T
		list = append(list, zero)
	}
	return list
}

// countAgg counts rows: all, those with a text in one of the fields, or those
// without; or it sums the bytes of the texts.
type countAgg struct {
	fields []string
	empty  bool
	length bool
	n      []uint64
}

func (a *countAgg) grow(n int) { a.n = grown(a.n, n) }

func (a *countAgg) update(c *chunk, sel, of []uint32) error {
	switch {
	case a.length:
		a.addLengths(c, sel, of)
	case len(a.fields) == 0 && !a.empty && c.stands == nil:
		for _, id := range of {
			a.n[id]++
		}
	case len(a.fields) == 0 && !a.empty:
		for i, id := range of {
			a.n[id] += c.standsFor(sel[i])
		}
	default:
		full := a.full(c, sel)
		for i, id := range of {
			if full[i] != a.empty {
				a.n[id] += c.standsFor(sel[i])
			}
		}
	}
	return c.err
}

// full reports for each row of sel whether one of the fields has a text.
func (a *countAgg) full(c *chunk, sel []uint32) []bool {
	full := make([]bool, len(sel))
	for _, col := range c.matching(a.fields) {
		if col == nil {
			continue
		}
		for i, r := range sel {
			if code := col.Codes[r]; code != 0 && len(col.Values[code-1]) > 0 {
				full[i] = true
			}
		}
	}
	return full
}

func (a *countAgg) addLengths(c *chunk, sel, of []uint32) {
	for _, col := range c.matching(a.fields) {
		if col == nil {
			continue
		}
		for i, r := range sel {
			if code := col.Codes[r]; code != 0 {
				a.n[of[i]] += uint64(len(col.Values[code-1])) * c.standsFor(r)
			}
		}
	}
}

func (a *countAgg) merge(from aggregate, to []uint32) error {
	for i, n := range from.(*countAgg).n {
		a.n[to[i]] += n
	}
	return nil
}

func (a *countAgg) write(w *wire, group int) bool {
	w.uint(a.n[group])
	a.n[group] = 0
	return false
}

func (a *countAgg) read(r *reader, group int, _ string) error {
	a.n[group] += r.uint()
	return r.err
}

func (a *countAgg) result(group int) (string, llama.Kind) {
	return strconv.FormatUint(a.n[group], 10), llama.Number
}

// numbers returns a function that gives the number of a row's text. Where texts
// repeat, each is read once.
func numbers(col *column.Column, rows int) func(r uint32) (float64, bool) {
	if len(col.Values) > rows/2 {
		return func(r uint32) (float64, bool) {
			if code := col.Codes[r]; code != 0 {
				return parseNumber(col.Values[code-1])
			}
			return 0, false
		}
	}
	const no, yes = 1, 2
	known := make([]uint8, len(col.Values)+1)
	known[0] = no
	values := make([]float64, len(col.Values)+1)
	return func(r uint32) (float64, bool) {
		code := col.Codes[r]
		if known[code] == 0 {
			known[code] = no
			if f, ok := parseNumber(col.Values[code-1]); ok {
				known[code], values[code] = yes, f
			}
		}
		return values[code], known[code] == yes
	}
}
