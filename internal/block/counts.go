package block

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// Values are counted by template and by code, without giving each row its value. That
// pays where rows share values.

// fewCounted is how many values are counted in any case; beyond that at most one for so
// many rows.
const (
	fewCounted  = 64
	rowsCounted = 4
)

// counts returns how many rows have each value of a field; nil where these are too many,
// as they are of messages.
func (d *decoder) counts(name string) (*column.Counts, error) {
	if name == llama.NameMessage || name == llama.NameIngested {
		return nil, nil
	}
	return kept(d.Keep, "counts "+name, func() (*column.Counts, int, error) {
		c := &counter{slots: map[base][]uint64{}, most: max(fewCounted, d.count/rowsCounted)}
		ok, err := d.countField(c, name)
		if err != nil || !ok || len(c.Values) > c.most {
			return nil, 0, err
		}
		c.Without = uint64(d.count)
		for _, n := range c.Rows {
			c.Without -= n
		}
		return &c.Counts, c.Bytes(), nil
	})
}

// countField counts the values of a field. It reports whether they can be counted.
func (d *decoder) countField(c *counter, name string) (bool, error) {
	l, err := d.layout()
	if err != nil {
		return false, err
	}
	if number, ok := slices.BinarySearch(l.names, name); ok {
		uses := l.uses[number]
		for i, u := range uses {
			if i+1 < len(uses) && uses[i+1].template == u.template {
				continue // of a name that is there twice, the last counts
			}
			if ok, err := d.countUse(c, l, u, l.templates[u.template].rows); !ok || err != nil {
				return false, err
			}
		}
	}
	c.takeSlots()
	loose, err := d.looseColumn(name)
	if err != nil || loose == nil {
		return true, err
	}
	counts := make([]uint64, len(loose.Values)+1)
	for _, code := range loose.Codes {
		counts[code]++
	}
	for i, value := range loose.Values {
		kind := llama.String
		if loose.Kinds != nil {
			kind = loose.Kinds[i]
		}
		c.add(value, kind, counts[i+1])
	}
	return true, nil
}

// countUse counts a field of a template that so many events have.
func (d *decoder) countUse(c *counter, l *layout, u use, rows int) (bool, error) {
	f := &l.templates[u.template]
	x := &f.fields[u.field]
	slot := x.slot
	if x.span.inside() {
		if x.span.end-x.span.first != 1 {
			return false, nil // each is put together of several texts
		}
		part := f.parts[x.span.first]
		if slot = part.slot; slot < 0 {
			c.add(part.text, x.kind, uint64(rows))
			return true, nil
		}
	}
	if slot < 0 {
		c.add(x.text, x.kind, uint64(rows))
		return true, nil
	}
	v, err := d.slot(f.slots[slot])
	if err != nil {
		return false, err
	}
	if !v.Coded() {
		if rows > c.most {
			return false, nil
		}
		for i := range rows {
			c.add(v.at(i), x.kind, 1)
		}
		return len(c.Values) <= c.most, nil
	}
	if v.Distinct() > c.most {
		return false, nil
	}
	b := base{v.Values, x.kind}
	if c.slots[b] == nil {
		c.slots[b] = make([]uint64, v.Distinct())
		c.bases = append(c.bases, b)
	}
	v.Count(v.first, rows, c.slots[b])
	return true, nil
}

// A counter counts values.
type counter struct {
	column.Counts
	codes map[valueKey]int  // of values; nil until somebody asks
	slots map[base][]uint64 // by code, of values that several templates share
	bases []base            // of slots, in the order in which they came
	most  int
}

type valueKey struct {
	text string
	kind llama.Kind
}

func (c *counter) add(text string, kind llama.Kind, rows uint64) {
	if rows == 0 {
		return
	}
	c.index()
	key := valueKey{text, kind}
	at, known := c.codes[key]
	if !known {
		key.text = strings.Clone(text) // not to keep the chunk that it is in
		at = len(c.Values)
		c.codes[key] = at
		c.Values, c.Rows = append(c.Values, key.text), append(c.Rows, 0)
		if c.Kinds == nil && kind != llama.String {
			c.Kinds = make([]llama.Kind, at)
		}
		if c.Kinds != nil {
			c.Kinds = append(c.Kinds, kind)
		}
	}
	c.Rows[at] += rows
}

// index makes codes.
func (c *counter) index() {
	if c.codes != nil {
		return
	}
	c.codes = make(map[valueKey]int, len(c.Values))
	for i, text := range c.Values {
		kind := llama.String
		if c.Kinds != nil {
			kind = c.Kinds[i]
		}
		c.codes[valueKey{text, kind}] = i
	}
}

// takeFirst takes what was counted by code, where nothing else was counted: a dictionary has
// each value once.
func (c *counter) takeFirst(b base) {
	var text []byte
	var ends []int
	for code, n := range c.slots[b] {
		if n > 0 {
			text = b.values.Append(text, code)
			ends, c.Rows = append(ends, len(text)), append(c.Rows, n)
		}
	}
	c.Values = column.Split(text, ends)
	if b.kind != llama.String {
		c.Kinds = slices.Repeat([]llama.Kind{b.kind}, len(ends))
	}
}

// takeSlots adds what was counted by code.
func (c *counter) takeSlots() {
	if len(c.bases) == 1 && len(c.Values) == 0 {
		c.takeFirst(c.bases[0])
		return
	}
	for _, b := range c.bases {
		for code, n := range c.slots[b] {
			if n > 0 {
				c.add(b.values.Value(code), b.kind, n)
			}
		}
	}
}
