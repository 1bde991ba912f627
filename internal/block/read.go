package block

import (
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A Source is where the chunks of a block come from. Its functions may be called by
// many at once.
type Source struct {
	// Read reads a chunk, unpacked. What it returns must not change any more. A chunk
	// without data, or that is not there, is nil.
	Read func(kind Kind, name string) ([]byte, error)
	// Keep keeps what was decoded. Nil: the block has a memory of its own.
	Keep Keep
	// Explain returns what the reader of the block is told instead of an error. It is
	// given nil too. Nil: the error.
	Explain func(error) error
}

// maxCells bounds rows times fields. Writers keep to column.MaxCells, `_msg` and
// `_source` not counted.
const maxCells = column.MaxCells + 2*column.MaxRows

// A Keep gives what was made before under a key, or makes it. It is what remembers
// decoded chunks, of one block, and may be called by many at once. bytes is about
// how much memory the value takes.
type Keep func(key string, make func() (value any, bytes int, err error)) (any, error)

// keepAll returns a Keep that forgets nothing.
func keepAll() Keep {
	type kept struct {
		once  sync.Once
		value any
		err   error
	}
	var mu sync.Mutex
	all := map[string]*kept{}
	return func(key string, make func() (any, int, error)) (any, error) {
		mu.Lock()
		k := all[key]
		if k == nil {
			k = &kept{}
			all[key] = k
		}
		mu.Unlock()
		k.once.Do(func() { k.value, _, k.err = make() })
		return k.value, k.err
	}
}

// kept is Keep with a type.
func kept[T any](keep Keep, key string, make func() (T, int, error)) (T, error) {
	v, err := keep(key, func() (any, int, error) { return make() })
	if err != nil {
		var none T
		return none, err
	}
	return v.(T), nil
}

// Open returns a block that is decoded as far as it is asked for. Names are those of
// its fields, sorted.
func Open(collection string, rows int, names []string, s Source) (*column.Block, error) {
	if rows > column.MaxRows || rows > 1 && rows*len(names) > maxCells {
		return nil, fmt.Errorf("%w: %d rows of %d fields", ErrDamaged, rows, len(names))
	}
	if s.Keep == nil {
		s.Keep = keepAll()
	}
	if s.Explain == nil {
		s.Explain = func(err error) error { return err }
	}
	d := &decoder{Source: s, count: rows}
	at, _ := slices.BinarySearch(names, llama.NameIngested)
	b := &column.Block{
		Collection: collection, Len: rows,
		Names: slices.Insert(slices.Clone(names), at, llama.NameIngested),
		Times: explained(d, d.times), Seqs: explained(d, d.seqs),
		Ingested: explained(d, d.ingested),
	}
	d.open(b)
	b.At = func(rows []uint32) (*column.Moments, error) {
		m, err := d.at(rows)
		return m, d.Explain(err)
	}
	b.Counts = func(name string) (*column.Counts, error) {
		c, err := d.counts(name)
		return c, d.Explain(err)
	}
	b.TimeCounts = func(first llama.Time, length int64) ([]column.TimeCount, error) {
		c, err := d.timeCounts(first, length)
		return c, d.Explain(err)
	}
	b.Grouped = func() *column.Block { return d.inGroups(b, names) }
	b.Each = func(do func(*column.Row) error) error { return d.Explain(d.each(b, do)) }
	return b, nil
}

// open gives a block what it has in whatever order its rows are.
func (d *decoder) open(b *column.Block) {
	b.Families = explained(d, d.families)
	b.Values = func(s column.Slot) (*column.Values, int, error) {
		v, err := d.slot(s)
		return v.Values, v.first, d.Explain(err)
	}
	b.Facts = func(s column.Slot) (*column.Facts, error) {
		f, err := d.facts(s)
		return f, d.Explain(err)
	}
	b.Loose = func(name string) (*column.Column, error) {
		return explained(d, func() (*column.Column, error) {
			return kept(d.Keep, "loose "+name, func() (*column.Column, int, error) {
				c, err := d.looseColumn(name)
				if c == nil || err != nil {
					return nil, 0, err
				}
				// The chunk that it is in has much else, and is not to be kept for this.
				return c, 100 + 4*len(c.Codes) + 16*len(c.Values) + len(c.Kinds) + c.Own(), nil
			})
		})()
	}
	b.Load = func(name string) (*column.Column, error) {
		return explained(d, func() (*column.Column, error) {
			return kept(d.Keep, d.key("column "+name), func() (*column.Column, int, error) {
				c, err := d.named(name)
				return c, c.Bytes(), err
			})
		})()
	}
}

// explained returns a function of which errors are explained.
func explained[T any](d *decoder, read func() (T, error)) func() (T, error) {
	return func() (T, error) {
		v, err := read()
		if err = d.Explain(err); err != nil {
			var none T
			return none, err
		}
		return v, nil
	}
}

// ReadIngested reads when the events of a block arrived.
func ReadIngested(rows int, read func(kind Kind, name string) ([]byte, error)) ([]llama.Time, error) {
	data, err := read(Ingested, "")
	if err != nil {
		return nil, err
	}
	return decodeInts[llama.Time](rows, data)
}

func decodeInts[N ~int64 | ~uint64](rows int, data []byte) ([]N, error) {
	numbers, rest, err := column.DecodeInts(rows, data)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes behind numbers", ErrDamaged, len(rest))
	}
	return *(*[]N)(unsafe.Pointer(&numbers)), nil // of one size and representation
}

// A decoder decodes one block.
type decoder struct {
	Source
	count int // of rows
	// grouped says that the rows are in the order of their templates; see inGroups.
	grouped bool

	mu    sync.Mutex
	homes []*chunk // of variables, and of fields by number
	known *facts   // nil: not asked for yet
}

func (d *decoder) rows() (*rowsOf, error) {
	if d.grouped {
		return d.groupedRows()
	}
	return kept(d.Keep, "rows", func() (*rowsOf, int, error) {
		l, err := d.layout()
		if err != nil {
			return nil, 0, err
		}
		data, err := d.Read(Rows, "")
		if err != nil {
			return nil, 0, err
		}
		o, err := decodeRows(d.count, l, data)
		if err != nil {
			return nil, 0, err
		}
		return o, 2*d.count + 25*len(o.rows), nil
	})
}

func (d *decoder) times() ([]llama.Time, error) {
	return kept(d.Keep, "times", func() ([]llama.Time, int, error) {
		o, err := d.rows()
		if err != nil {
			return nil, 0, err
		}
		data, err := d.Read(Times, "")
		if err != nil {
			return nil, 0, err
		}
		times, err := o.decodeTimes(d.count, data)
		return times, 8 * len(times), err
	})
}

func (d *decoder) seqs() ([]uint64, error) {
	return kept(d.Keep, "seqs", func() ([]uint64, int, error) {
		data, err := d.Read(Seqs, "")
		if err != nil {
			return nil, 0, err
		}
		seqs, err := decodeInts[uint64](d.count, data)
		return seqs, 8 * len(seqs), err
	})
}

func (d *decoder) ingested() ([]llama.Time, error) {
	return kept(d.Keep, "ingested", func() ([]llama.Time, int, error) {
		times, err := ReadIngested(d.count, d.Read)
		return times, 8 * len(times), err
	})
}

// layout returns the templates.
func (d *decoder) layout() (*layout, error) {
	return kept(d.Keep, "templates", func() (*layout, int, error) {
		data, err := d.Read(Templates, "")
		if err != nil {
			return nil, 0, err
		}
		l, err := decodeTemplates(d.count, data)
		return l, 8 * len(data), err
	})
}

// A chunk is one of slots, taken apart.
type chunk struct {
	generic []byte
	groups  []groupOf
	slots   []slotOf
}

// A groupOf is slots that were written as one column.
type groupOf struct {
	data   []byte
	rows   int
	once   sync.Once
	values *column.Values
	err    error
}

// A slotOf says where a slot is in its group.
type slotOf struct{ group, first int }

// values are those of a slot: of its group, from a row on.
type values struct {
	*column.Values
	first int
}

func (v values) at(i int) string { return v.At(v.first + i) }

// chunk returns the chunk of a field, or of variables.
func (d *decoder) chunk(name string, kind Kind, templates []int32) (*chunk, error) {
	key := "variables"
	if kind == Field {
		key = "field " + name
	}
	return kept(d.Keep, key, func() (*chunk, int, error) {
		l, err := d.layout()
		if err != nil {
			return nil, 0, err
		}
		data, err := d.Read(kind, name)
		if err != nil {
			return nil, 0, err
		}
		c := &chunk{}
		// What its groups become takes about as much again.
		return c, 2*len(data) + 16*len(templates), c.split(l, data, templates)
	})
}

// maxValues bounds the values of a group: each event has at most a slot for each part
// of its message and one for the field.
const maxValues = column.MaxRows * (maxParts + 1)

// split finds the pieces of a chunk.
func (c *chunk) split(l *layout, data []byte, templates []int32) error {
	if len(data) == 0 && len(templates) == 0 {
		return nil
	}
	r := column.Reader{Data: data}
	generic := r.Count(1)
	c.groups = make([]groupOf, r.Count(1))
	for _, t := range templates {
		g := uint64(0)
		if len(c.groups) > 1 {
			g = r.Uvarint()
		}
		if g >= uint64(len(c.groups)) {
			return fmt.Errorf("%w: group %d of %d", ErrDamaged, g, len(c.groups))
		}
		c.slots = append(c.slots, slotOf{int(g), c.groups[g].rows})
		if c.groups[g].rows += l.templates[t].rows; c.groups[g].rows > maxValues {
			return fmt.Errorf("%w: a group of more than %d values", ErrDamaged, maxValues)
		}
	}
	lengths := make([]int, len(c.groups))
	for i := range lengths {
		lengths[i] = r.Count(1)
	}
	c.generic = r.Bytes(generic)
	for i, length := range lengths {
		c.groups[i].data = r.Bytes(length)
	}
	if r.Failed || len(r.Data) != 0 {
		return fmt.Errorf("%w: a chunk's pieces", ErrDamaged)
	}
	return nil
}

// slot returns the values of a slot, for the rows of its template.
func (c *chunk) slot(number int32) (values, error) {
	if int(number) >= len(c.slots) {
		return values{}, fmt.Errorf("%w: a slot is missing", ErrDamaged)
	}
	s := c.slots[number]
	g := &c.groups[s.group]
	g.once.Do(func() { g.values, g.err = column.DecodeValues(g.rows, g.data) })
	return values{g.values, s.first}, g.err
}

// slot returns the values of a slot.
func (d *decoder) slot(s column.Slot) (values, error) {
	c, err := d.home(s.Home)
	if err != nil {
		return values{}, err
	}
	return c.slot(s.Number)
}

// home returns the chunk of the field with a number; -1: of variables. Who opened the
// block looks it up once.
func (d *decoder) home(number int32) (*chunk, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if int(number)+1 < len(d.homes) && d.homes[number+1] != nil {
		return d.homes[number+1], nil
	}
	l, err := d.layout()
	if err != nil {
		return nil, err
	}
	if d.homes == nil {
		d.homes = make([]*chunk, len(l.names)+1)
	}
	kind, name, templates := Variables, "", l.variables
	if number >= 0 {
		kind, name, templates = Field, l.names[number], l.fields[number]
	}
	c, err := d.chunk(name, kind, templates)
	d.homes[number+1] = c
	return c, err
}

// looseColumn decodes the column called name of the loose events, or nil.
func (d *decoder) looseColumn(name string) (*column.Column, error) {
	l, err := d.layout()
	if err != nil {
		return nil, err
	}
	few, err := d.fewLoose()
	if err != nil {
		return nil, err
	}
	generic := few.of(name)
	if len(few) == 0 {
		c, err := d.field(l, name)
		if err != nil {
			return nil, err
		}
		generic = c.generic
	}
	if len(generic) == 0 {
		return nil, nil
	}
	return column.DecodeLoose(name, l.loose, generic)
}

// field returns the chunk of a field.
func (d *decoder) field(l *layout, name string) (*chunk, error) {
	if number, ok := slices.BinarySearch(l.names, name); ok {
		return d.home(int32(number))
	}
	return d.chunk(name, Field, nil)
}
