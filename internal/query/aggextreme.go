package query

import (
	"strings"

	"github.com/llama-logs/llama"
)

// extremeAgg keeps the smallest or the largest text. A row without a field that
// is named counts with the empty text.
type extremeAgg struct {
	fields []string
	max    bool
	budget *budget
	best   []extreme
}

type extreme struct {
	has  bool
	key  orderKey
	text string
}

// better reports whether a value takes the place of e. Of equal values, such as
// 1 and 1.0, the text decides, so that the order of rows does not.
func (e *extreme) better(key *orderKey, text string, max bool) bool {
	if !e.has {
		return true
	}
	c := compareKeys(key, &e.key)
	if c == 0 {
		c = strings.Compare(text, e.text)
	}
	return max && c > 0 || !max && c < 0
}

func (a *extremeAgg) grow(n int) { a.best = grown(a.best, n) }

func (a *extremeAgg) update(c *chunk, sel, of []uint32) error {
	fields := a.fields
	if len(fields) == 0 {
		fields = []string{"*"}
	}
	for _, pattern := range fields {
		named := !strings.HasSuffix(pattern, "*")
		for i := range c.fields {
			name := c.fields[i].name
			if !named && !c.fields[i].hidden && matchField(pattern, name) {
				if err := a.updateField(c, name, sel, of, false); err != nil {
					return err
				}
			}
		}
		if named {
			if err := a.updateField(c, pattern, sel, of, true); err != nil {
				return err
			}
		}
	}
	return c.err
}

// updateField takes the texts of one field; missing says whether a row without
// it counts.
func (a *extremeAgg) updateField(c *chunk, name string, sel, of []uint32, missing bool) error {
	key := c.keyColumn(name)
	col := c.column(name)
	for i, r := range sel {
		if !missing && (col == nil || col.Codes[r] == 0) {
			continue
		}
		k, text := key(r)
		if e := &a.best[of[i]]; e.better(&k, text, a.max) {
			if err := a.take(e, k, keyText(k, text)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *extremeAgg) take(e *extreme, key orderKey, text string) error {
	err := a.budget.grow(len(text) - len(e.text))
	if key.class == classText {
		key.s = text
	}
	e.has, e.key, e.text = true, key, text
	return err
}

func (a *extremeAgg) merge(from aggregate, to []uint32) error {
	for i := range from.(*extremeAgg).best {
		o := &from.(*extremeAgg).best[i]
		if e := &a.best[to[i]]; o.has && e.better(&o.key, o.text, a.max) {
			*e = *o
		}
	}
	return nil
}

// The wire form: 0, or 1 and the text.
func (a *extremeAgg) write(w *wire, group int) bool {
	e := a.best[group]
	a.best[group] = extreme{}
	if !e.has {
		w.b = append(w.b, 0)
		return false
	}
	w.b = append(w.b, 1)
	w.text(e.text)
	return false
}

func (a *extremeAgg) read(r *reader, group int, _ string) error {
	if r.byte() == 0 || r.err != nil {
		return r.err
	}
	text := r.text()
	key := keyOf(text)
	if e := &a.best[group]; r.err == nil && e.better(&key, text, a.max) {
		return a.take(e, key, text)
	}
	return r.err
}

func (a *extremeAgg) result(group int) (string, llama.Kind) {
	return a.best[group].text, kindOf(a.best[group].text)
}
