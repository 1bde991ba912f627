package query

import (
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// unrollPipe makes a row of each item of the JSON arrays in its fields: the first
// items together, then the second, and so on. A row without items comes once, with
// empty fields.
type unrollPipe struct {
	condition filter
	by        []string
}

// maxUnrolled bounds the rows that those of one block may become.
const maxUnrolled = 2 << 20

func (p *parser) unroll() pipe {
	u := &unrollPipe{condition: p.condition()}
	p.accept("by")
	if p.is("(") {
		u.by = p.names(p.fieldName)
		if len(u.by) == 0 {
			p.fail("expected a field in the parentheses of unroll")
		}
	} else {
		u.by = append(u.by, p.fieldName())
		for p.accept(",") {
			u.by = append(u.by, p.fieldName())
		}
	}
	u.by = unique(u.by)
	return u
}

func (u *unrollPipe) write(b *strings.Builder) {
	b.WriteString("unroll" + conditionText(u.condition) + " by (" + quoteAll(u.by, quote, ", ") + ")")
}

func (u *unrollPipe) apply(c *chunk) error {
	unrolled, _ := c.updated(u.condition)
	in := make([]bool, c.rows)
	for _, r := range unrolled {
		in[r] = true
	}
	columns := make([]unrolling, len(u.by))
	for i, name := range u.by {
		columns[i].open(c.column(name))
	}
	if c.err != nil {
		return c.err
	}
	var rows []uint32 // the row of c that each new one is made of
	for i, r := range c.sel {
		if c.stopped(i) {
			return c.err
		}
		n := 1
		for k := range columns {
			if in[r] {
				n = max(n, len(columns[k].itemsOf(r)))
			}
		}
		if len(rows)+n > maxUnrolled {
			return llama.Errorf(llama.TooLarge, "unroll makes more than %d rows of those of one block; filter before it", maxUnrolled)
		}
		if !c.charge(n * 4 * (1 + len(columns))) {
			return c.err
		}
		for item := range n {
			if c.block != nil {
				item = n - 1 - item // rows of blocks are shown from the end on
			}
			rows = append(rows, r)
			for k := range columns {
				columns[k].put(r, item, in[r])
			}
		}
	}
	c.remake(rows)
	for i, name := range u.by {
		c.set(name, columns[i].b.column(name))
	}
	return c.err
}

// An unrolling is one of the fields that are unrolled.
type unrolling struct {
	source *column.Column
	items  map[uint32][]llama.Field // by the code of their text
	codes  map[uint32][]uint32      // of the items in b
	whole  map[uint32]uint32        // the codes in b of texts that are not unrolled
	b      builder
}

func (u *unrolling) open(source *column.Column) {
	u.source = source
	u.items, u.codes, u.whole = map[uint32][]llama.Field{}, map[uint32][]uint32{}, map[uint32]uint32{}
}

func (u *unrolling) itemsOf(r uint32) []llama.Field {
	if u.source == nil || u.source.Codes[r] == 0 {
		return nil
	}
	code := u.source.Codes[r]
	items, known := u.items[code]
	if !known {
		items = arrayItems(u.source.Values[code-1])
		u.items[code] = items
		for _, item := range items {
			n := uint32(0)
			if item.Value != "" {
				n = u.b.add(item.Value, item.Kind)
			}
			u.codes[code] = append(u.codes[code], n)
		}
	}
	return items
}

// put adds a row: the item of row r, or its text when it is not unrolled.
func (u *unrolling) put(r uint32, item int, unrolled bool) {
	n := uint32(0)
	switch {
	case u.source == nil || u.source.Codes[r] == 0:
	case unrolled:
		if codes := u.codes[u.source.Codes[r]]; item < len(codes) {
			n = codes[item]
		}
	default:
		code := u.source.Codes[r]
		if n = u.whole[code]; n == 0 {
			value, kind, _ := u.source.Value(int(r))
			n = u.b.add(value, kind)
			u.whole[code] = n
		}
	}
	u.b.codes = append(u.b.codes, n)
}

// remake makes c consist of the given of its rows, which may be repeated. Its
// columns are remade when they are asked for.
func (c *chunk) remake(rows []uint32) {
	old := *c
	old.fields = append([]field(nil), c.fields...)
	if c.block != nil {
		c.times, c.seqs = pickRows(old.happened(), rows), pickRows(old.numbered(), rows)
		if arrivals := old.arrivals(); arrivals != nil {
			c.ingested = pickRows(arrivals, rows)
		}
	}
	c.rows, c.sel = len(rows), c.work.all(len(rows))
	c.number()
	for i := range c.fields {
		if f := &c.fields[i]; f.col != nil || f.remade != nil || f.base != "" && !c.isMade(f.base) {
			from := &old.fields[i]
			f.col, f.base = nil, ""
			f.remade = func() *column.Column {
				col := old.load(from)
				if col == nil {
					c.err = old.err
					return nil
				}
				return &column.Column{Name: col.Name, Codes: pickRows(col.Codes, rows), Values: col.Values, Kinds: col.Kinds}
			}
		}
	}
	c.err = old.err
}

// number counts the rows of each event, the last of them first.
func (c *chunk) number() {
	if c.block == nil {
		return
	}
	c.items = make([]uint32, c.rows)
	for i := c.rows - 2; i >= 0; i-- {
		if c.seqs[i] == c.seqs[i+1] {
			c.items[i] = c.items[i+1] + 1
		}
	}
}

// setItem makes the number of an item the key behind the n that k is sorted by.
func (k *kept) setItem(n int, item uint32) {
	text := strconv.FormatUint(uint64(item), 10)
	k.keys, k.text = append(k.keys[:n], keyOf(text)), append(k.text[:n], text)
}

func pickRows[T any](list []T, rows []uint32) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = list[r]
	}
	return out
}
