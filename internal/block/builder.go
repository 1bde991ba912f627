package block

import (
	"slices"
	"strings"
	"unsafe"

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
	// Passing shapes seldom come again when, of at least passedToTell events of a block, one in
	// passedAgain has a shape that was there before: then no more of them are looked up, and
	// only fewTried are tried in the next block. To try 512 of 10,000 took half the time of
	// gathering them all.
	passedToTell, passedAgain, fewTried = 1024, 16, 32
	// maxPending bounds the values for which templates have memory from block to block.
	maxPending = 1 << 16
)

// A Builder gathers the events of a block. It is not safe for concurrent use.
type Builder struct {
	collection string
	times      []llama.Time
	ingested   []llama.Time
	seqs       []uint64
	of         []*template // the template of each row; nil when it is loose

	walk      *walk
	room      *column.Room
	templates []*template
	table     map[uint64]*template
	loose     *looseEvents
	shapes    map[*column.Shape]*shape
	near      [nearShapes]nearShape // the last ones of shapes
	byHash    map[uint64][]*shape
	passing   map[uint64]*shape // by a hash of names and kinds
	lone      int               // shapes none of whose templates is worthy
	tried     int               // up to how many such shapes passing ones are tried
	passed    int               // events of passing shapes
	again     int               // of these, those whose shape was known
	arena     []string
	message   bool  // at least one event has one
	bytes     int64 // of all messages
	spare     int   // bytes of memory for the next block
}

// NewBuilder returns an empty Builder for events of a collection.
func NewBuilder(collection string) *Builder { return NewBuilderIn(&column.Room{}, collection) }

// NewBuilderIn returns an empty Builder that shares a room with others. One of them has
// events at a time: who has written a block resets its Builder before another is used.
func NewBuilderIn(room *column.Room, collection string) *Builder {
	return &Builder{
		collection: collection, walk: newWalk(), room: room, loose: newLooseEvents(), table: map[uint64]*template{},
		shapes: map[*column.Shape]*shape{}, byHash: map[uint64][]*shape{}, passing: map[uint64]*shape{}, tried: maxRare,
	}
}

// Rows returns the number of events.
func (b *Builder) Rows() int { return len(b.times) }

// MessageBytes returns how long all messages are together.
func (b *Builder) MessageBytes() int64 { return b.bytes }

// Add adds an event. Its seq is greater than that of the one before. The strings of
// the row are kept.
func (b *Builder) Add(row *column.Row) {
	n := len(b.times)
	b.times = append(b.times, row.Time)
	b.ingested = append(b.ingested, row.Ingested)
	b.seqs = append(b.seqs, row.Seq)
	b.message = b.message || row.Message != ""
	b.bytes += int64(len(row.Message))
	s := b.shape(row.Shape)
	if s == nil {
		b.of = append(b.of, nil)
		b.loose.addPassing(n, row)
		return
	}
	t := b.template(row, s)
	b.of = append(b.of, t)
	if t == nil {
		b.loose.add(n, row.Message, s, row.Values)
		return
	}
	t.unit = unitOf(row.Time, t.unit)
	t.rows++
	if t.rows > worthy {
		t.add(b.walk, row.Values, b.room)
		return
	}
	t.early = append(t.early, earlyEvent{n, s, row.Message, b.keep(row.Values)})
	if t.rows == worthy {
		b.accept(t)
	}
}

// accept gives a template its slots, now that it is worthy of them.
func (b *Builder) accept(t *template) {
	if s := t.shape; !t.known {
		if s.worthy == 0 {
			b.lone--
		}
		s.worthy++
	}
	if t.slots == nil {
		t.makeSlots()
	}
	for _, l := range t.early {
		b.walk.take(&column.Row{Message: l.message, Shape: l.shape.Shape, Values: l.values})
		t.add(b.walk, l.values, b.room)
	}
	clear(t.early)
	t.early = t.early[:0]
}

// Spare returns about how many bytes an empty builder keeps for the next block.
func (b *Builder) Spare() int { return b.spare }

// Reset empties the builder for the next block of its collection. The templates
// that were worthy are known then, and have the memory for their slots.
func (b *Builder) Reset() {
	clear(b.of)
	b.spare = b.loose.reset() + 32*cap(b.times)
	b.room.Reset()
	b.times, b.ingested, b.seqs, b.of = b.times[:0], b.ingested[:0], b.seqs[:0], b.of[:0]
	b.arena, b.message, b.bytes, b.lone = nil, false, 0, 0
	clear(b.table)
	clear(b.shapes)
	clear(b.near[:])
	clear(b.byHash)
	clear(b.passing)
	if b.tried = maxRare; b.inVain() {
		b.tried = fewTried
	}
	b.passed, b.again = 0, 0
	kept := b.templates[:0]
	for _, t := range b.templates {
		if t.number > 0 {
			if t.shape.templates > 0 && t.shape.recent != nil {
				t.shape.recent.forget()
			}
			t.shape.templates, t.shape.worthy, t.shape.columns = 0, 0, nil
			kept = append(kept, t)
		}
	}
	clear(b.templates[len(kept):])
	b.templates = kept
	room := maxPending
	for _, t := range kept {
		if t.shape.templates == 0 {
			b.know(t.shape)
		}
		t.shape.templates++
		t.shape.worthy++
		for i := range t.slots {
			t.slots[i] = slot{before: t.slots[i].values.Len()}
		}
		if room -= cap(t.pending); room >= 0 {
			clear(t.pending[:cap(t.pending)])
		} else {
			t.pending = nil
		}
		b.spare += 16 * cap(t.pending)
		t.rows, t.gathered, t.unit, t.number, t.known = 0, 0, len(units)-1, 0, true
		t.next, b.table[t.hash] = b.table[t.hash], t
	}
}

// template returns the template of a row, or nil when it has none. The row's
// message has then been taken apart.
func (b *Builder) template(row *column.Row, s *shape) *template {
	if s.worthy == 0 && (s.templates >= maxRare || s.templates == 0 && b.lone >= maxRare) {
		return nil
	}
	if t := s.match(b.walk, row); t != nil {
		return t
	}
	if !s.looked {
		s.looked, s.twice = true, repeats(s.Names)
	}
	if s.twice {
		return nil
	}
	if !b.walk.take(row) {
		return nil
	}
	h := b.walk.hash
	for t := b.table[h]; t != nil; t = t.next {
		if t.fits(b.walk, s) {
			if t.slots != nil {
				s.remember(t, row.Message)
			}
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
	for i := range t.parts {
		p := &t.parts[i]
		p.text = strings.Clone(p.text) // it outlives the event
		if p.slot {
			p.text = ""
		}
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

// shape returns what the block knows of a shape. It is nil for a passing one that is new
// where too many are: its event is loose.
func (b *Builder) shape(c *column.Shape) *shape {
	if c.Passing() {
		return b.shapeOfPassing(c)
	}
	near := &b.near[uintptr(unsafe.Pointer(c))/unsafe.Sizeof(*c)%nearShapes]
	if near.of != c {
		*near = nearShape{c, b.shapeThatStays(c)}
	}
	return near.shape
}

// nearShapes is how many shapes are found without a map; it is a power of two.
const nearShapes = 64

// A nearShape is what is known of a shape.
type nearShape struct {
	of *column.Shape
	*shape
}

func (b *Builder) shapeThatStays(c *column.Shape) *shape {
	if s := b.shapes[c]; s != nil {
		return s
	}
	s := &shape{Shape: c, hash: b.hashShape(c)}
	for _, known := range b.byHash[s.hash] {
		if known.is(c) {
			b.shapes[c] = known
			return known
		}
	}
	b.know(s)
	return s
}

// shapeOfPassing looks a passing shape up by its names and kinds.
func (b *Builder) shapeOfPassing(c *column.Shape) *shape {
	if b.passed++; b.inVain() {
		return nil
	}
	h := b.walk.hasher.Hash(c.Source)
	for i, n := range c.Numbers {
		h = b.walk.hasher.Mix(h, uint64(n)<<8|uint64(c.Kinds[i]))
	}
	s := b.passing[h]
	if s != nil && s.is(c) {
		b.again++
		return s
	}
	if b.lone >= b.tried {
		return nil
	}
	s = b.shape(c.Kept())
	b.passing[h] = s
	return s
}

// inVain reports whether passing shapes seldom come again.
func (b *Builder) inVain() bool { return b.passed > passedToTell && passedAgain*b.again < b.passed }

// repeats reports whether a name is there more than once, as can be when a reserved
// name became a label that there was already.
func repeats(names []string) bool {
	sorted := slices.Sorted(slices.Values(names))
	return len(slices.Compact(sorted)) < len(names)
}

func (b *Builder) know(s *shape) {
	b.shapes[s.Shape] = s
	b.byHash[s.hash] = append(b.byHash[s.hash], s)
}

func (b *Builder) hashShape(c *column.Shape) uint64 {
	h := b.walk.hasher.Hash(c.Source)
	for i, name := range c.Names {
		h = b.walk.hasher.Mix(h, b.walk.hasher.Hash(name)+uint64(c.Kinds[i]))
	}
	return h
}
