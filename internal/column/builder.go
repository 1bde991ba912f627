package column

import (
	"slices"
	"strings"
	"sync"

	"github.com/llama-logs/llama"
)

// Bounds of a block. A block is full with the first of them that is reached.
const (
	// MaxRows is the most rows a block may have: Builder numbers them with 16 bits.
	MaxRows = 1 << 16
	// MaxCells bounds rows times columns, and so the memory for a block that is
	// decoded as a whole, when each event has names of its own.
	MaxCells = 16 << 20
)

// A Builder gathers events into a block. One goroutine adds at a time; the blocks
// it gives out may be read by many meanwhile.
//
// An event is added by Row, and then Set for each of its fields:
//
//	b.Row(time, ingested, seq)
//	b.Set(b.Cells("user.name"), "root", llama.String)
type Builder struct {
	collection string
	times      []llama.Time
	ingested   []llama.Time
	seqs       []uint64
	minTime    llama.Time
	maxTime    llama.Time
	columns    []*Cells
	byName     map[string]*Cells
	bytes      int
	targets    map[*Shape]*target
	last       *target // that of the newest row
	pass       target  // that of the newest passing shape
	passOf     *Names
	byNumber   []*Cells // of passOf

	lazy  bool // columns are made idle; see LazyBuilder
	fills int  // how many were filled since
}

// NewBuilder returns an empty Builder for events of a collection.
func NewBuilder(collection string) *Builder {
	return &Builder{collection: collection, byName: map[string]*Cells{}}
}

// Row begins the next event. Its seq is greater than the one before.
func (b *Builder) Row(time, ingested llama.Time, seq uint64) {
	if len(b.times) == 0 {
		b.minTime, b.maxTime = time, time
	}
	b.minTime, b.maxTime = min(b.minTime, time), max(b.maxTime, time)
	b.times = append(b.times, time)
	b.ingested = append(b.ingested, ingested)
	b.seqs = append(b.seqs, seq)
	b.bytes += 24
}

// Cells returns the column called name, to be used with Set of this Builder only.
func (b *Builder) Cells(name string) *Cells {
	c := b.byName[name]
	if c == nil {
		c = &Cells{name: name}
		if b.lazy {
			c.idle, c.first = true, -1
		}
		b.byName[name] = c
		b.columns = append(b.columns, c)
		b.bytes += 256 // the structure, its place in the map and first slices
	}
	return c
}

// Set gives the newest event the value of a field. It keeps the string.
func (b *Builder) Set(c *Cells, value string, kind llama.Kind) {
	b.bytes += c.set(len(b.times)-1, value, kind)
}

// Add adds a whole event, with its collection taken for granted. Empty messages and
// sources are not stored: without them they come back as empty.
func (b *Builder) Add(e *llama.Event) {
	b.Row(e.Time, e.Ingested, e.Seq)
	if e.Message != "" {
		b.Set(b.Cells(llama.NameMessage), e.Message, llama.String)
	}
	if e.Source != "" {
		b.Set(b.Cells(llama.NameSource), e.Source, llama.String)
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		b.Set(b.Cells(f.Name), f.Value, f.Kind)
	}
}

// Rows returns the number of events.
func (b *Builder) Rows() int { return len(b.times) }

// Bytes returns about how much memory the events take, without the bytes of their
// values, which belong to who made them.
func (b *Builder) Bytes() int { return b.bytes }

// Full reports whether the block should not grow.
func (b *Builder) Full() bool {
	return len(b.times) >= MaxRows || len(b.times)*len(b.columns) >= MaxCells
}

// Stat returns what is known of the first rows events.
func (b *Builder) Stat(rows int) Stat {
	s := Stat{Collection: b.collection, Rows: rows, MinTime: b.minTime, MaxTime: b.maxTime}
	if rows > 0 {
		s.FirstSeq, s.LastSeq = b.seqs[0], b.seqs[rows-1]
	}
	return s
}

// Block returns the first rows events as a block, which shares the Builder's memory.
// It must not run while events are added, but what it returns may be read then.
func (b *Builder) Block(rows int) *Block {
	views := make([]view, 0, len(b.columns)+1)
	for _, c := range b.columns {
		if v := c.view(rows); len(v.codes) > 0 {
			views = append(views, v)
		}
	}
	slices.SortFunc(views, func(x, y view) int { return strings.Compare(x.name, y.name) })
	times, seqs, ingested := b.times[:rows:rows], b.seqs[:rows:rows], b.ingested[:rows:rows]
	block := &Block{
		Collection: b.collection,
		Len:        rows,
		Times:      func() ([]llama.Time, error) { return times, nil },
		Seqs:       func() ([]uint64, error) { return seqs, nil },
		Ingested:   func() ([]llama.Time, error) { return ingested, nil },
	}
	for i := range views {
		block.Names = append(block.Names, views[i].name)
	}
	block.Load = Once(func(name string) (*Column, error) {
		if name == llama.NameIngested {
			return TimeColumn(name, ingested), nil
		}
		v := findView(views, name)
		if v == nil {
			return nil, nil
		}
		return v.column(rows), nil
	})
	if rows > 0 {
		at, _ := slices.BinarySearch(block.Names, llama.NameIngested)
		block.Names = slices.Insert(block.Names, at, llama.NameIngested)
	}
	return block
}

func findView(views []view, name string) *view {
	i, ok := slices.BinarySearchFunc(views, name, func(v view, name string) int { return strings.Compare(v.name, name) })
	if !ok {
		return nil
	}
	return &views[i]
}

// Once returns a Load that decodes each column once and keeps it. Callers that ask
// at the same time for different columns do not wait for each other.
func Once(decode func(name string) (*Column, error)) func(name string) (*Column, error) {
	type column struct {
		once sync.Once
		col  *Column
		err  error
	}
	var mu sync.Mutex
	columns := map[string]*column{}
	return func(name string) (*Column, error) {
		mu.Lock()
		c := columns[name]
		if c == nil {
			c = &column{}
			columns[name] = c
		}
		mu.Unlock()
		c.once.Do(func() { c.col, c.err = decode(name) })
		return c.col, c.err
	}
}

// TimeColumn returns times as the text that queries see.
func TimeColumn(name string, times []llama.Time) *Column {
	c := &Column{Name: name, Codes: make([]uint32, len(times))}
	for i, t := range times {
		if i == 0 || t != times[i-1] {
			c.Values = append(c.Values, t.String())
		}
		c.Codes[i] = uint32(len(c.Values))
	}
	return c
}
