package block

import (
	"hash/maphash"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

const (
	// worthy is how many events of a block make a template worth its place.
	worthy = 12
	// maxTemplates bounds the templates of a block.
	maxTemplates = 8192
	// maxRare is how many templates of one shape may be tried without one of them
	// being found worthy; and how many shapes.
	maxRare = 512
)

// A Builder gathers the events of a block. It is not safe for concurrent use.
type Builder struct {
	collection string
	times      []llama.Time
	ingested   []llama.Time
	seqs       []uint64
	of         []*template // the template of each row; nil when it is loose

	walk      *walk
	templates []*template
	table     map[uint64]*template
	loose     []loose
	shapes    map[*column.Shape]*shape
	byHash    map[uint64][]*shape
	lone      int // shapes none of whose templates is worthy
	arena     []string
	message   bool // at least one event has one
}

// NewBuilder returns an empty Builder for events of a collection.
func NewBuilder(collection string) *Builder {
	return &Builder{
		collection: collection, walk: newWalk(),
		table: map[uint64]*template{}, shapes: map[*column.Shape]*shape{}, byHash: map[uint64][]*shape{},
	}
}

// Rows returns the number of events.
func (b *Builder) Rows() int { return len(b.times) }

// Add adds an event. Its seq is greater than that of the one before. The strings of
// the row are kept.
func (b *Builder) Add(row *column.Row) {
	n := len(b.times)
	b.times = append(b.times, row.Time)
	b.ingested = append(b.ingested, row.Ingested)
	b.seqs = append(b.seqs, row.Seq)
	b.message = b.message || row.Message != ""
	s := b.shape(row.Shape)
	t := b.template(row, s)
	b.of = append(b.of, t)
	if t == nil {
		b.loose = append(b.loose, loose{n, s, row.Message, b.keep(row.Values)})
		return
	}
	t.unit = unitOf(row.Time, t.unit)
	t.rows++
	switch {
	case t.rows > worthy:
		t.add(b.walk, row.Values)
	case t.rows < worthy:
		t.early = append(t.early, loose{n, s, row.Message, b.keep(row.Values)})
	default:
		b.accept(t, row)
	}
}

// accept gives a template its slots, now that it is worthy of them.
func (b *Builder) accept(t *template, row *column.Row) {
	if s := t.shape; s.worthy == 0 {
		b.lone--
	}
	t.shape.worthy++
	t.makeSlots()
	t.add(b.walk, row.Values)
	// The walk is of the newest event; those before are walked again.
	newest := t.slots
	t.makeSlots()
	for _, l := range t.early {
		b.walk.take(&column.Row{Message: l.message, Shape: l.shape.Shape, Values: l.values})
		t.add(b.walk, l.values)
	}
	for i := range t.slots {
		t.slots[i].add(newest[i].first)
	}
	t.early = nil
}

// template returns the template of a row, or nil when it has none. The row's
// message has then been taken apart.
func (b *Builder) template(row *column.Row, s *shape) *template {
	if s.worthy == 0 && (s.templates >= maxRare || s.templates == 0 && b.lone >= maxRare) {
		return nil
	}
	if !b.walk.take(row) {
		return nil
	}
	h := b.walk.hash
	for t := b.table[h]; t != nil; t = t.next {
		if t.fits(b.walk, s) {
			return t
		}
	}
	if len(b.templates) == maxTemplates || s.templates-s.worthy >= maxRare {
		return nil
	}
	t := &template{
		shape: s, parts: slices.Clone(b.walk.parts), spans: slices.Clone(b.walk.spans),
		unit: len(units) - 1, hash: h, next: b.table[h],
	}
	if s.templates == 0 {
		b.lone++
	}
	s.templates++
	b.table[h] = t
	b.templates = append(b.templates, t)
	return t
}

// keep copies values, which are the caller's.
func (b *Builder) keep(values []string) []string {
	if len(values) > len(b.arena) {
		b.arena = make([]string, max(4096, len(values)))
	}
	kept := b.arena[:len(values):len(values)]
	b.arena = b.arena[len(values):]
	copy(kept, values)
	return kept
}

var shapeSeed = maphash.MakeSeed()

// shape returns what the block knows of a shape.
func (b *Builder) shape(c *column.Shape) *shape {
	if s := b.shapes[c]; s != nil {
		return s
	}
	var h maphash.Hash
	h.SetSeed(shapeSeed)
	h.WriteString(c.Source)
	for i, name := range c.Names {
		h.WriteByte(byte(c.Kinds[i]))
		h.WriteString(name)
	}
	sum := h.Sum64()
	for _, s := range b.byHash[sum] {
		if s.Source == c.Source && slices.Equal(s.Names, c.Names) && slices.Equal(s.Kinds, c.Kinds) {
			b.shapes[c] = s
			return s
		}
	}
	s := &shape{Shape: c}
	b.shapes[c] = s
	b.byHash[sum] = append(b.byHash[sum], s)
	return s
}
