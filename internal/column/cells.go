package column

import (
	"hash/maphash"
	"slices"
	"sort"

	"github.com/llama-logs/llama"
)

// Cells is a column while it grows. What was added is never changed, except the
// newest row, so a view of the rows before stays good while more are added.
type Cells struct {
	name string
	// idle is of a column that is not filled yet, and first the first row that has it; see
	// LazyBuilder.
	idle  bool
	first int

	rows   []uint16 // the rows that have it; nil while all have had it
	codes  []uint32 // one for each row that has it
	values []string
	kinds  []llama.Kind // nil while all are strings

	// The dictionary is a hash table with linear probing: the upper half of the
	// hash and the code, 0 when free. It is dropped when most values are new.
	table    []uint64
	seed     maphash.Seed
	distinct bool
}

const (
	// fewValues are looked through without a table, which most columns of events
	// with ever new names would have for nothing.
	fewValues = 8
	minTable  = 32
	// judgeAt is the number of values after which a column may be found to be
	// of mostly distinct values, and no longer be looked up.
	judgeAt = 512
)

// Name returns the column's name.
func (c *Cells) Name() string { return c.name }

// set gives row, the newest one, a value. It returns how many bytes of memory
// that took, without the bytes of the value.
func (c *Cells) set(row int, value string, kind llama.Kind) int {
	code, taken := c.code(value, kind)
	return taken + c.put(row, code)
}

// put gives row, the newest one, a code, and returns how many bytes that took.
func (c *Cells) put(row int, code uint32) int {
	n := len(c.codes)
	taken := 6
	switch {
	case c.rows == nil && n == row:
		c.codes = append(c.codes, code)
		return 4
	case c.last() == row:
		c.codes[n-1] = code // named twice in one event: the last counts
		return 0
	case c.rows == nil:
		c.rows = make([]uint16, n, n+4)
		for i := range c.rows {
			c.rows[i] = uint16(i)
		}
		taken += 2 * n
	}
	c.rows = append(c.rows, uint16(row))
	c.codes = append(c.codes, code)
	return taken
}

// last returns the newest row that has the column, or -1.
func (c *Cells) last() int {
	if c.rows == nil {
		return len(c.codes) - 1
	}
	return int(c.rows[len(c.rows)-1])
}

// code returns the code of a value.
func (c *Cells) code(value string, kind llama.Kind) (code uint32, taken int) {
	if c.distinct {
		return c.add(value, kind), 16
	}
	if n := len(c.values); n > 0 && c.is(n-1, value, kind) {
		return uint32(n), 0 // the same as the newest: no hash is needed
	}
	if len(c.values) < fewValues {
		for i := range c.values {
			if c.is(i, value, kind) {
				return uint32(i + 1), 0
			}
		}
		return c.add(value, kind), 16
	}
	if 2*len(c.values) >= len(c.table) {
		taken = c.grow()
		if c.distinct {
			return c.add(value, kind), 16
		}
	}
	hash := maphash.String(c.seed, value)
	mask := uint64(len(c.table) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		slot := c.table[at]
		if slot == 0 {
			code = c.add(value, kind)
			c.table[at] = hash&^0xffffffff | uint64(code)
			return code, taken + 16
		}
		if slot>>32 == hash>>32 && c.is(int(uint32(slot))-1, value, kind) {
			return uint32(slot), taken
		}
	}
}

// is reports whether the i-th value is value of kind.
func (c *Cells) is(i int, value string, kind llama.Kind) bool {
	if c.values[i] != value {
		return false
	}
	return c.kinds == nil && kind == llama.String || c.kinds != nil && c.kinds[i] == kind
}

// add puts a value at the end of the dictionary.
func (c *Cells) add(value string, kind llama.Kind) uint32 {
	if c.kinds == nil && kind != llama.String {
		c.kinds = make([]llama.Kind, len(c.values), len(c.values)+fewValues)
	}
	c.values = append(c.values, value)
	if c.kinds != nil {
		c.kinds = append(c.kinds, kind)
	}
	return uint32(len(c.values))
}

// grow doubles the table, or drops it when looking up has been of little use.
func (c *Cells) grow() (taken int) {
	if len(c.values) >= judgeAt && 10*len(c.values) > 9*len(c.codes) {
		taken = -8 * len(c.table)
		c.distinct, c.table = true, nil
		return taken
	}
	if c.table == nil {
		c.seed = maphash.MakeSeed()
	}
	old := c.table
	c.table = make([]uint64, max(minTable, 2*len(old)))
	mask := uint64(len(c.table) - 1)
	for i, value := range c.values {
		hash := maphash.String(c.seed, value)
		at := hash & mask
		for c.table[at] != 0 {
			at = (at + 1) & mask
		}
		c.table[at] = hash&^0xffffffff | uint64(i+1)
	}
	return 8 * (len(c.table) - len(old))
}

// view is the state of Cells at some row. It shares their memory.
type view struct {
	name   string
	rows   []uint16
	codes  []uint32
	values []string // those of later rows may be among them
	kinds  []llama.Kind
	cut    bool
}

// view returns c as it was with rows rows.
func (c *Cells) view(rows int) view {
	n := len(c.codes)
	if c.rows == nil {
		n = min(n, rows)
	} else if c.last() >= rows {
		n = sort.Search(len(c.rows), func(i int) bool { return int(c.rows[i]) >= rows })
	}
	v := view{name: c.name, codes: c.codes[:n:n], values: slices.Clip(c.values), kinds: slices.Clip(c.kinds)}
	if c.rows != nil {
		v.rows = c.rows[:n:n]
	}
	v.cut = n < len(c.codes)
	return v
}

// trim returns v without the values that only later rows have.
func (v *view) trim() *view {
	if !v.cut {
		return v
	}
	t := *v
	t.cut = false
	used := slices.Max(t.codes)
	t.values = t.values[:used]
	if t.kinds != nil {
		t.kinds = t.kinds[:used]
	}
	return &t
}

// row returns the row that has the i-th code.
func (v *view) row(i int) int {
	if v.rows == nil {
		return i
	}
	return int(v.rows[i])
}

// column returns v as a Column of rows rows.
func (v *view) column(rows int) *Column {
	v = v.trim()
	c := &Column{Name: v.name, Codes: v.codes, Values: v.values, Kinds: v.kinds}
	if v.rows == nil && len(v.codes) == rows {
		return c
	}
	c.Codes = make([]uint32, rows)
	for i, code := range v.codes {
		c.Codes[v.row(i)] = code
	}
	return c
}
