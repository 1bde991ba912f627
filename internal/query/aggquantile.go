package query

import (
	"maps"
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
	counts []map[string]uint64
}

func (a *quantileAgg) grow(n int) { a.counts = grown(a.counts, n) }

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
	if len(a.counts) == 1 {
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
	counts := a.counts[group]
	if counts == nil {
		counts = make(map[string]uint64)
		a.counts[group] = counts
	}
	if _, ok := counts[text]; ok {
		counts[text] += n
		return nil
	}
	counts[strings.Clone(text)] = n
	return a.budget.grow(costEntry + len(text))
}

func (a *quantileAgg) merge(from aggregate, to []uint32) error {
	for i, counts := range from.(*quantileAgg).counts {
		for text, n := range counts {
			if err := a.count(int(to[i]), text, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// The wire form: count, and text and number of each.
func (a *quantileAgg) write(w *wire, group int) bool {
	var part wire
	n := uint64(0)
	for text, times := range a.counts[group] {
		if n > 0 && len(w.b)+len(part.b) >= frameBytes {
			break
		}
		part.text(text)
		part.uint(times)
		delete(a.counts[group], text)
		n++
	}
	w.uint(n)
	w.b = append(w.b, part.b...)
	return len(a.counts[group]) > 0
}

func (a *quantileAgg) read(r *reader, group int, _ string) error {
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
	counts := a.counts[group]
	if len(counts) == 0 {
		return "", llama.String
	}
	var total uint64
	for _, n := range counts {
		total += n
	}
	list := slices.SortedFunc(maps.Keys(counts), compareTexts)
	rank := uint64(a.phi * float64(total))
	for _, text := range list {
		if rank < counts[text] {
			return text, kindOf(text)
		}
		rank -= counts[text]
	}
	last := list[len(list)-1]
	return last, kindOf(last)
}
