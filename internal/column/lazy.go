package column

import (
	"maps"
	"slices"
	"sync"

	"github.com/llama-logs/llama"
)

// A LazyBuilder gathers events into a block of which most columns may never be asked for:
// it remembers which there are, and fills those that somebody has asked for. Its methods
// may be called by many at once.
type LazyBuilder struct {
	mu     sync.Mutex
	b      *Builder
	replay func(do func(*Row) bool) error
	fills  int // columns that were filled later
	asked  *Asked
	grown  func(bytes int)
}

// lazyColumns is how many columns are filled one by one. To fill one is to read all events
// again, which for several takes longer than to fill all at once.
const lazyColumns = 4

// Asked are the columns of a block that somebody has asked for. The zero value has none.
type Asked struct {
	mu    sync.Mutex
	names map[string]bool
}

// Names returns those that were asked for so far; of nil, none.
func (a *Asked) Names() []string {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.names))
}

func (a *Asked) add(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.names == nil {
		a.names = map[string]bool{}
	}
	a.names[name] = true
}

// NewLazyBuilder returns an empty builder of a collection that fills some columns from the
// beginning, and notes in asked which are asked for. Replay calls do with the events that
// were added, in their order, until it returns false or none is left. Grown is told of memory
// that is taken when a column is filled. Neither may call the builder.
func NewLazyBuilder(collection string, fill []string, asked *Asked, replay func(do func(*Row) bool) error, grown func(bytes int)) *LazyBuilder {
	l := &LazyBuilder{b: NewBuilder(collection), replay: replay, asked: asked, grown: grown}
	l.b.lazy = true
	for _, name := range fill {
		l.b.Cells(name).idle = false
	}
	return l
}

// Add adds events by what is given to it, and returns how much memory that took.
func (l *LazyBuilder) Add(add func(to *Builder) error) (bytes int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.b.bytes
	err = add(l.b)
	return l.b.bytes - before, err
}

// Block returns the first rows events as a block.
func (l *LazyBuilder) Block(rows int) *Block {
	l.mu.Lock()
	defer l.mu.Unlock()
	block := l.b.Block(rows)
	var idle []string
	for _, c := range l.b.columns {
		if c.idle && c.first >= 0 && c.first < rows {
			idle = append(idle, c.name)
		}
	}
	if rows > 0 {
		block.Names = append(block.Names, idle...)
		slices.Sort(block.Names)
	}
	block.Load = Once(func(name string) (*Column, error) { return l.load(name, rows) })
	return block
}

// load returns the column called name of the first rows events.
func (l *LazyBuilder) load(name string, rows int) (*Column, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if name == llama.NameIngested {
		return TimeColumn(name, l.b.ingested[:rows:rows]), nil
	}
	c := l.b.byName[name]
	if c == nil {
		return nil, nil
	}
	l.asked.add(name)
	if c.idle {
		before := l.b.bytes
		err := l.fill(c)
		l.grown(l.b.bytes - before)
		if err != nil {
			return nil, err
		}
	}
	v := c.view(rows)
	if len(v.codes) == 0 {
		return nil, nil
	}
	return v.column(rows), nil
}

// fill fills a column, and when that was done for some already, all others. One that cannot be
// filled stays idle.
func (l *LazyBuilder) fill(c *Cells) error {
	wanted := []*Cells{c}
	if l.fills+1 > lazyColumns {
		wanted = wanted[:0]
		for _, other := range l.b.columns {
			if other.idle {
				wanted = append(wanted, other)
			}
		}
	}
	to := newFiller(wanted)
	row, rows := 0, len(l.b.times)
	if rows > 0 {
		err := l.replay(func(r *Row) bool {
			to.set(row, r)
			row++
			return row < rows
		})
		if err != nil {
			return err
		}
	}
	for _, c := range wanted {
		first := c.first
		*c = *to.columns[c.name]
		c.first = first
	}
	l.fills += len(wanted)
	l.b.fills += len(wanted)
	l.b.bytes += to.bytes
	return nil
}

// A filler makes some columns of events.
type filler struct {
	columns map[string]*Cells
	message *Cells // nil when it is not among them
	source  *Cells // likewise
	fields  bool   // there are others
	bytes   int
	targets map[*Shape]*fillTarget
	shape   *Shape // of the newest row
	last    *fillTarget
}

// A fillTarget is which values of a shape have columns.
type fillTarget struct {
	places []int
	cells  []*Cells
}

func newFiller(wanted []*Cells) *filler {
	f := &filler{columns: map[string]*Cells{}, targets: map[*Shape]*fillTarget{}}
	for _, c := range wanted {
		f.columns[c.name] = &Cells{name: c.name}
	}
	f.message, f.source = f.columns[llama.NameMessage], f.columns[llama.NameSource]
	for name := range f.columns {
		f.fields = f.fields || name != llama.NameMessage && name != llama.NameSource
	}
	return f
}

// set takes the columns' values of an event with the number row.
func (f *filler) set(row int, r *Row) {
	if f.message != nil && r.Message != "" {
		f.bytes += f.message.set(row, r.Message, llama.String)
	}
	if f.source != nil && r.Shape.Source != "" {
		f.bytes += f.source.set(row, r.Shape.Source, llama.String)
	}
	if !f.fields {
		return
	}
	if f.last == nil || f.shape != r.Shape || r.Shape.Passing() {
		f.shape, f.last = r.Shape, f.target(r.Shape)
	}
	for i, at := range f.last.places {
		f.bytes += f.last.cells[i].set(row, r.Values[at], r.Shape.Kinds[at])
	}
}

func (f *filler) target(s *Shape) *fillTarget {
	if t := f.targets[s]; t != nil && !s.Passing() {
		return t
	}
	t := &fillTarget{}
	for i, name := range s.Names {
		if c := f.columns[name]; c != nil {
			t.places, t.cells = append(t.places, i), append(t.cells, c)
		}
	}
	if !s.Passing() {
		if len(f.targets) >= maxTargets {
			clear(f.targets)
		}
		f.targets[s] = t
	}
	return t
}

// addLazy is AddRow of a lazy builder: it sets the columns that are filled.
func (b *Builder) addLazy(t *target, r *Row) {
	row := len(b.times) - 1
	if r.Message != "" {
		b.bytes += t.message.lazy(row, r.Message, llama.String)
	}
	if r.Shape.Source != "" {
		b.bytes += t.source.lazy(row, r.Shape.Source, llama.String)
	}
	if t.shape == nil || t.shape != r.Shape || t.fills != b.fills+1 { // passing, or columns were filled since
		t.filled = t.filled[:0]
		for i, c := range t.fields {
			if c.first < 0 {
				c.first = row
			}
			if !c.idle {
				t.filled = append(t.filled, i)
			}
		}
		t.fills = b.fills + 1
	}
	for _, i := range t.filled {
		b.bytes += t.fields[i].set(row, r.Values[i], r.Shape.Kinds[i])
	}
}

// lazy is set, where the column is filled.
func (c *Cells) lazy(row int, value string, kind llama.Kind) int {
	if c.first < 0 {
		c.first = row
	}
	if c.idle {
		return 0
	}
	return c.set(row, value, kind)
}
