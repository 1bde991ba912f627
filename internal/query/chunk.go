package query

import (
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A chunk is rows on their way through the pipes: columns, which all have the
// same rows, and the numbers of the rows that are still in.
//
// Of a block it begins with all fields and decodes a column when it is asked
// for. At the merger it is made of rows and has neither times nor block.
type chunk struct {
	rows int
	sel  []uint32 // growing
	// What a block has of each row beside its fields, once somebody asked for it.
	times    []llama.Time
	seqs     []uint64
	ingested []llama.Time
	few      *column.Moments // or of the few rows that are left; see fewLeft
	// items number the rows that one event became, from 0; nil when each is one.
	items  []uint32
	stands []uint64 // how many rows of the block each stands for; nil: for itself
	fields []field  // those a row shows, in order
	block  *column.Block
	node   string
	work   *scratch
	err    error // the first error of decoding a column
}

// A field is a name and its column. The column is decoded when col is nil and
// base names one of the block's.
type field struct {
	name   string
	col    *column.Column
	base   string
	remade func() *column.Column // makes col; nil where base or col does
	hidden bool                  // shown only when it is asked for by its name: `_seq`
}

// chunkOf makes a chunk of all rows of a block.
func chunkOf(b *column.Block, node string, work *scratch) *chunk {
	c := &chunk{rows: b.Rows(), block: b, node: node, work: work}
	c.sel = work.all(c.rows)
	c.fields = make([]field, 0, len(b.Names)+4)
	add := func(name string) { c.fields = append(c.fields, field{name: name, base: name}) }
	add(llama.NameTime)
	add(llama.NameMessage)
	add(llama.NameCollection)
	for _, name := range b.Names {
		switch name {
		case llama.NameTime, llama.NameMessage, llama.NameCollection, llama.NameID, llama.NameSeq, llama.NameSource, llama.NameIngested:
		default:
			add(name)
		}
	}
	add(llama.NameIngested)
	add(llama.NameSource)
	add(llama.NameID)
	c.fields = append(c.fields, field{name: llama.NameSeq, base: llama.NameSeq, hidden: true})
	return c
}

func (c *chunk) find(name string) *field {
	for i := range c.fields {
		if c.fields[i].name == name {
			return &c.fields[i]
		}
	}
	return nil
}

// column returns the column called name, or nil when no row has it.
func (c *chunk) column(name string) *column.Column {
	if f := c.find(name); f != nil {
		return c.load(f)
	}
	return nil
}

func (c *chunk) load(f *field) *column.Column {
	if f.col == nil && f.remade != nil && c.err == nil {
		f.col, f.remade = f.remade(), nil
	}
	if f.col == nil && f.base != "" && c.err == nil {
		if c.isMade(f.base) {
			f.col = c.made(f.base)
		} else {
			c.work.pool.yield()
			f.col, c.err = c.block.Load(f.base)
			if c.stopped(0) {
				return nil
			}
		}
		if f.col == nil {
			f.base = "" // no row has it
		}
	}
	return f.col
}

// set gives the rows a column, in the place of the one of its name or at the end.
func (c *chunk) set(name string, col *column.Column) { c.setField(field{name: name, col: col}) }

func (c *chunk) setField(f field) {
	if old := c.find(f.name); old != nil {
		*old = f
		return
	}
	c.fields = append(c.fields, f)
}

func (c *chunk) drop(name string) {
	for i := range c.fields {
		if c.fields[i].name == name {
			c.fields = append(c.fields[:i], c.fields[i+1:]...)
			return
		}
	}
}

// matching returns the columns that are meant by patterns: those named, which
// are nil where no row has them, and those of the chunk that begin with a
// prefix. No pattern means all.
func (c *chunk) matching(patterns []string) []*column.Column {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	var out []*column.Column
	for _, p := range patterns {
		if !strings.HasSuffix(p, "*") {
			out = append(out, c.column(p))
			continue
		}
		for i := range c.fields {
			if f := &c.fields[i]; !f.hidden && matchField(p, f.name) {
				if col := c.load(f); col != nil {
					out = append(out, col)
				}
			}
		}
	}
	return out
}

// hiddenMark begins the names of hidden fields in rows between two pipes.
const hiddenMark = "\x00"

// row returns the fields of row r that it has: all, or those that patterns mean.
// Hidden ones are among them, marked, when hidden is true.
func (c *chunk) row(r uint32, patterns []string, hidden bool) Row {
	out := make(Row, 0, len(c.fields))
	for i := range c.fields {
		f := &c.fields[i]
		name := f.name
		if f.hidden {
			name = hiddenMark + name
		}
		if f.hidden && !hidden || patterns != nil && !matchAnyField(patterns, f.name) {
			continue
		}
		if f.col == nil && f.base != "" && c.isMade(f.base) { // not worth a column for a row
			value, kind := c.make(f.base, r)
			out = append(out, llama.Field{Name: name, Value: value, Kind: kind})
			continue
		}
		if col := c.load(f); col != nil {
			if value, kind, ok := col.Value(int(r)); ok {
				out = append(out, llama.Field{Name: name, Value: value, Kind: kind})
			}
		}
	}
	return out
}

// standsFor returns how many rows of the block a row stands for.
func (c *chunk) standsFor(r uint32) uint64 {
	if c.stands == nil {
		return 1
	}
	return c.stands[r]
}

// order returns what sorts rows where nothing else does: the newest first.
func (c *chunk) order(r uint32) (llama.Time, uint64) {
	if c.block == nil {
		return 0, ^uint64(r) // the first first
	}
	return c.timeOf(r), c.seqOf(r)
}

// A builder makes a column value by value.
type builder struct {
	codes  []uint32
	values []string
	kinds  []llama.Kind
}

func (b *builder) init(rows, values int) {
	b.codes = make([]uint32, rows)
	b.values = make([]string, 0, values)
}

// add puts a value in the dictionary and returns its code.
func (b *builder) add(value string, kind llama.Kind) uint32 {
	if kind != llama.String && b.kinds == nil {
		b.kinds = make([]llama.Kind, len(b.values), cap(b.values))
	}
	b.values = append(b.values, value)
	if b.kinds != nil {
		b.kinds = append(b.kinds, kind)
	}
	return uint32(len(b.values))
}

func (b *builder) put(row uint32, value string, kind llama.Kind) { b.codes[row] = b.add(value, kind) }

// share gives all the rows one value.
func (b *builder) share(rows []uint32, value string) {
	code := b.add(value, llama.String)
	for _, r := range rows {
		b.codes[r] = code
	}
}

func (b *builder) column(name string) *column.Column {
	return &column.Column{Name: name, Codes: b.codes, Values: b.values, Kinds: b.kinds}
}

// A Row is one row of an answer: fields in the order they are to be shown.
// Fields that an event does not have are left out.
type Row = []llama.Field

// rowChunk makes a chunk of rows.
func rowChunk(rows []Row, work *scratch) *chunk {
	c := &chunk{rows: len(rows), sel: work.all(len(rows)), work: work}
	builders := map[string]*builder{}
	for r, row := range rows {
		for _, f := range row {
			b := builders[f.Name]
			if b == nil {
				b = &builder{}
				b.init(len(rows), len(rows))
				builders[f.Name] = b
				c.fields = append(c.fields, field{name: f.Name})
			}
			if n := len(b.values); n > 0 && b.values[n-1] == f.Value && (b.kinds == nil && f.Kind == llama.String || b.kinds != nil && b.kinds[n-1] == f.Kind) {
				b.codes[r] = uint32(n)
				continue
			}
			b.put(uint32(r), f.Value, f.Kind)
		}
	}
	for i := range c.fields {
		f := &c.fields[i]
		f.col = builders[f.name].column(f.name)
		if f.name == hiddenMark+llama.NameSeq {
			f.name, f.hidden = llama.NameSeq, true
		}
	}
	return c
}

// cloneRow copies the texts of a row, which share memory with their block.
func cloneRow(row Row) Row {
	n := 0
	for _, f := range row {
		n += len(f.Value)
	}
	var b strings.Builder
	b.Grow(n)
	for _, f := range row {
		b.WriteString(f.Value)
	}
	text := b.String()
	for i := range row {
		n := len(row[i].Value)
		row[i].Value, text = text[:n], text[n:]
		row[i].Name = strings.Clone(row[i].Name)
	}
	return row
}
