package query

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

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

// made builds one of the columns that a block does not keep as text, for the
// rows that are in.
func (c *chunk) made(name string) *column.Column {
	var b builder
	if name == llama.NameCollection {
		b.init(c.rows, 1)
		b.share(c.sel, c.block.Collection)
		return b.column(name)
	}
	b.init(c.rows, len(c.sel))
	for _, r := range c.sel {
		text, kind := c.make(name, r)
		b.put(r, text, kind)
	}
	return b.column(name)
}

// isMade reports whether a field's text is made of what a block keeps otherwise.
func (c *chunk) isMade(name string) bool {
	switch name {
	case llama.NameTime, llama.NameCollection, llama.NameID, llama.NameSeq:
		return true
	case llama.NameIngested:
		return c.few != nil || c.arrivals() != nil
	}
	return false
}

// fewShare is which part of a block's rows are few, when it comes to their times.
const fewShare = 32

// fewLeft reads of the rows that are left what there is of them beside their fields, if
// these are so few that it is not worth to do so of all.
func (c *chunk) fewLeft() {
	if c.block == nil || c.block.At == nil || c.err != nil || len(c.sel) > max(fewRows, c.rows/fewShare) || len(c.sel) == 0 || c.items != nil || c.times != nil {
		return
	}
	var err error
	if c.few, err = c.block.At(c.sel); err != nil {
		c.fail(err)
	}
}

// place returns where a row is among the few; ok is false where all are at hand.
func (c *chunk) place(r uint32) (i int, ok bool) {
	if c.few == nil {
		return 0, false
	}
	return slices.BinarySearch(c.few.Rows, r)
}

func (c *chunk) timeOf(r uint32) llama.Time {
	if i, ok := c.place(r); ok {
		return c.few.Times[i]
	}
	return c.happened()[r]
}

func (c *chunk) seqOf(r uint32) uint64 {
	if i, ok := c.place(r); ok {
		return c.few.Seqs[i]
	}
	return c.numbered()[r]
}

func (c *chunk) arrivalOf(r uint32) llama.Time {
	if i, ok := c.place(r); ok {
		return c.few.Ingested[i]
	}
	return c.arrivals()[r]
}

// happened returns `_time` of each row of a block.
func (c *chunk) happened() []llama.Time {
	if c.times == nil {
		c.times = decoded(c, c.block.Times)
	}
	return c.times
}

// numbered returns `_seq` of each row of a block.
func (c *chunk) numbered() []uint64 {
	if c.seqs == nil {
		c.seqs = decoded(c, c.block.Seqs)
	}
	return c.seqs
}

// decoded reads something that each row has. After an error, which c keeps, it is
// zeros.
func decoded[T any](c *chunk, read func() ([]T, error)) []T {
	list, err := read()
	if err == nil {
		return list
	}
	c.fail(err)
	return make([]T, c.rows)
}

// arrivals returns event.ingested as times, or nil when the block has them as
// text only.
func (c *chunk) arrivals() []llama.Time {
	if c.ingested == nil && c.block.Ingested != nil && c.err == nil {
		c.ingested, c.err = c.block.Ingested()
	}
	return c.ingested
}

func (c *chunk) make(name string, r uint32) (string, llama.Kind) {
	switch name {
	case llama.NameTime:
		return c.timeOf(r).String(), llama.String
	case llama.NameIngested:
		return c.arrivalOf(r).String(), llama.String
	case llama.NameCollection:
		return c.block.Collection, llama.String
	case llama.NameSeq:
		return strconv.FormatUint(c.seqOf(r), 10), llama.Number
	}
	text := append(make([]byte, 0, len(c.node)+21), c.node...)
	return string(strconv.AppendUint(append(text, '-'), c.seqOf(r), 10)), llama.String
}

// clock returns the times of the rows when name is a field whose values the block
// has as times: `_time` and event.ingested, under whatever name.
func (c *chunk) clock(name string) []llama.Time {
	if f := c.find(name); f != nil && c.block != nil {
		switch f.base {
		case llama.NameTime:
			return c.happened()
		case llama.NameIngested:
			return c.arrivals()
		}
	}
	return nil
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

// A scratch is memory that one worker uses again for each chunk. What it gives
// away is valid until the next reset.
type scratch struct {
	iota []uint32
	slab []uint32
	used int
	memo []uint8
	pool *Pool        // that yields to who comes first; nil for none
	stop *atomic.Bool // set when the run is over; nil where none can be

	budget        *budget // of the run, for what pipes make; nil for none
	made, pending int     // bytes of that: counted, and not yet
}

// errStopped ends the work on a chunk; the run answers with the context's error.
var errStopped = errors.New("query was stopped")

// stopped reports, every thousand rows, whether the run is over. It sets err.
func (c *chunk) stopped(row int) bool {
	if row&1023 != 0 || c.work.stop == nil {
		return false
	}
	c.work.pool.yield()
	if !c.work.stop.Load() {
		return false
	}
	c.err = errStopped
	return true
}

// ended is stopped where one row may take long: it asks at each, and yields as rarely.
func (c *chunk) ended(row int) bool {
	if row&1023 != 0 && (c.work.stop == nil || !c.work.stop.Load()) {
		return false
	}
	return c.stopped(row &^ 1023)
}

// all returns the numbers below n. They must not be changed.
func (s *scratch) all(n int) []uint32 {
	for len(s.iota) < n {
		s.iota = append(s.iota, uint32(len(s.iota)))
	}
	return s.iota[:n:n]
}

// numbers returns room for n numbers, of no length.
func (s *scratch) numbers(n int) []uint32 {
	if s.used+n > len(s.slab) {
		s.slab = make([]uint32, max(n, 2*len(s.slab), 64<<10))
		s.used = 0
	}
	out := s.slab[s.used : s.used : s.used+n]
	s.used += n
	return out
}

// zeroes returns n bytes, all zero. They are valid until the next call.
func (s *scratch) zeroes(n int) []uint8 {
	if cap(s.memo) < n {
		s.memo = make([]uint8, n+n/4)
	}
	out := s.memo[:n]
	clear(out)
	return out
}

// reset makes ready for the next chunk.
func (s *scratch) reset() {
	s.used = 0
	s.give()
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
