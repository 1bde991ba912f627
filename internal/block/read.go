package block

import (
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A Source reads the chunks of a block, unpacked. It may be called by many at once.
// What it returns must not change any more. A chunk without data, or that is not
// there, is nil.
type Source func(kind Kind, name string) ([]byte, error)

// maxCells bounds rows times fields. Writers keep to column.MaxCells, `_msg` and
// `_source` not counted.
const maxCells = column.MaxCells + 2*column.MaxRows

// Open returns a block whose columns are decoded when they are asked for. Names are
// those of its fields, sorted.
func Open(collection string, rows int, names []string, read Source) (*column.Block, error) {
	if rows > column.MaxRows || rows > 1 && rows*len(names) > maxCells {
		return nil, fmt.Errorf("%w: %d rows of %d fields", ErrDamaged, rows, len(names))
	}
	d := &decoder{read: read, chunks: map[string]*chunk{}}
	data, err := read(Times, "")
	if err != nil {
		return nil, err
	}
	if d.rows, err = decodeTimes(rows, data); err != nil {
		return nil, err
	}
	if data, err = read(Seqs, ""); err != nil {
		return nil, err
	}
	seqs, err := decodeInts[uint64](rows, data)
	if err != nil {
		return nil, err
	}
	at, _ := slices.BinarySearch(names, llama.NameIngested)
	b := &column.Block{
		Collection: collection, Times: d.rows.times, Seqs: seqs,
		Names:    slices.Insert(slices.Clone(names), at, llama.NameIngested),
		Ingested: func() ([]llama.Time, error) { return ReadIngested(rows, read) },
	}
	b.Load = column.Once(func(name string) (*column.Column, error) {
		if name == llama.NameIngested {
			times, err := b.Ingested()
			if err != nil {
				return nil, err
			}
			return column.TimeColumn(name, times), nil
		}
		return d.column(name)
	})
	b.Each = func(do func(*column.Row) error) error { return d.each(b, do) }
	return b, nil
}

// ReadIngested reads when the events of a block arrived.
func ReadIngested(rows int, read Source) ([]llama.Time, error) {
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
	read Source
	rows *rowsOf

	templates struct {
		once sync.Once
		*layout
		err error
	}
	mu     sync.Mutex
	chunks map[string]*chunk // by name of the field; "" for Variables
}

// A chunk is one of slots, taken apart.
type chunk struct {
	once    sync.Once
	err     error
	generic []byte
	groups  []groupOf
	slots   map[place]slotOf
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

// layout returns the templates, which are read once.
func (d *decoder) layout() (*layout, error) {
	t := &d.templates
	t.once.Do(func() {
		var data []byte
		if data, t.err = d.read(Templates, ""); t.err == nil {
			t.layout, t.err = decodeTemplates(data)
		}
		if t.err == nil && len(t.layout.templates) != len(d.rows.rows)-1 {
			t.err = fmt.Errorf("%w: %d templates, %d are used", ErrDamaged, len(t.layout.templates), len(d.rows.rows)-1)
		}
	})
	return t.layout, t.err
}

// chunk returns the chunk of a field, or of variables.
func (d *decoder) chunk(name string, kind Kind, places []place) (*chunk, error) {
	d.mu.Lock()
	c := d.chunks[name]
	if c == nil {
		c = &chunk{slots: map[place]slotOf{}}
		d.chunks[name] = c
	}
	d.mu.Unlock()
	c.once.Do(func() {
		var data []byte
		if data, c.err = d.read(kind, name); c.err == nil {
			c.err = d.split(c, data, places)
		}
	})
	return c, c.err
}

// maxValues bounds the values of a group: each event has at most a slot for each part
// of its message and one for the field.
const maxValues = column.MaxRows * (maxParts + 1)

// split finds the pieces of a chunk.
func (d *decoder) split(c *chunk, data []byte, places []place) error {
	if len(data) == 0 && len(places) == 0 {
		return nil
	}
	r := reader{data: data}
	generic := r.count()
	c.groups = make([]groupOf, r.count())
	for _, p := range places {
		g := uint64(0)
		if len(c.groups) > 1 {
			g = r.uvarint()
		}
		if g >= uint64(len(c.groups)) {
			return fmt.Errorf("%w: group %d of %d", ErrDamaged, g, len(c.groups))
		}
		c.slots[p] = slotOf{int(g), c.groups[g].rows}
		if c.groups[g].rows += len(d.rows.rows[p.template+1]); c.groups[g].rows > maxValues {
			return fmt.Errorf("%w: a group of more than %d values", ErrDamaged, maxValues)
		}
	}
	lengths := make([]int, len(c.groups))
	for i := range lengths {
		lengths[i] = r.count()
	}
	c.generic = r.bytes(generic)
	for i, length := range lengths {
		c.groups[i].data = r.bytes(length)
	}
	if r.failed || len(r.data) != 0 {
		return fmt.Errorf("%w: a chunk's pieces", ErrDamaged)
	}
	return nil
}

// slot returns the values of a slot, for the rows of its template.
func (c *chunk) slot(p place) (values, error) {
	s, ok := c.slots[p]
	if !ok {
		return values{}, fmt.Errorf("%w: a slot is missing", ErrDamaged)
	}
	g := &c.groups[s.group]
	g.once.Do(func() { g.values, g.err = column.DecodeValues(g.rows, g.data) })
	return values{g.values, s.first}, g.err
}

// part returns the values of a slot of a template's message.
func (d *decoder) part(l *layout, p place) (values, error) {
	kind, name, places := Variables, "", l.variables
	if home := l.home(p); home >= 0 {
		kind, name, places = Field, l.names[home], l.fields[home]
	}
	c, err := d.chunk(name, kind, places)
	if err != nil {
		return values{}, err
	}
	return c.slot(p)
}

// home returns the number of the name a slot is kept with, or -1.
func (l *layout) home(p place) int { return int(l.templates[p.template].homes[p.slot]) }

// looseColumn decodes the column called name of the loose events, or nil.
func (d *decoder) looseColumn(l *layout, name string) (*column.Column, error) {
	c, err := d.field(l, name)
	if err != nil || len(c.generic) == 0 {
		return nil, err
	}
	return column.Decode(name, len(d.rows.rows[0]), c.generic)
}

// field returns the chunk of a field.
func (d *decoder) field(l *layout, name string) (*chunk, error) {
	var places []place
	if number, ok := slices.BinarySearch(l.names, name); ok {
		places = l.fields[number]
	}
	return d.chunk(name, Field, places)
}

// column decodes a field, `_msg` or `_source`.
func (d *decoder) column(name string) (*column.Column, error) {
	l, err := d.layout()
	if err != nil {
		return nil, err
	}
	g := &gather{column: &column.Column{Name: name, Codes: make([]uint32, len(d.rows.numbers))}, bases: map[base]uint32{}}
	number, known := slices.BinarySearch(l.names, name)
	c, err := d.field(l, name)
	if err != nil {
		return nil, err
	}
	if err := g.loose(c.generic, d.rows.rows[0]); err != nil {
		return nil, err
	}
	switch {
	case name == llama.NameMessage:
		for t := range l.templates {
			if parts := len(l.templates[t].parts); parts > 0 {
				if err := d.span(g, l, t, span{0, int32(parts)}, llama.String); err != nil {
					return nil, err
				}
			}
		}
	case known:
		for _, u := range l.uses[number] {
			if err := d.use(g, l, u); err != nil {
				return nil, err
			}
		}
	}
	if len(g.column.Values) == 0 {
		return nil, nil
	}
	return g.column, nil
}

// use adds a field of a template's events.
func (d *decoder) use(g *gather, l *layout, u use) error {
	rows, x := d.rows.rows[u.template+1], &l.templates[u.template].fields[u.field]
	switch {
	case x.span.inside():
		return d.span(g, l, int(u.template), x.span, x.kind)
	case x.slot >= 0:
		v, err := d.part(l, place{u.template, x.slot})
		if err != nil {
			return err
		}
		g.values(rows, v, x.kind)
	default:
		g.constant(rows, x.text, x.kind)
	}
	return nil
}

// span adds the text of some parts of a template's messages.
func (d *decoder) span(g *gather, l *layout, t int, s span, kind llama.Kind) error {
	rows := d.rows.rows[t+1]
	parts, texts, err := d.parts(l, t, s)
	if err != nil {
		return err
	}
	if len(parts) == 1 && texts[0].Values != nil {
		g.values(rows, texts[0], kind)
		return nil
	}
	n := 1 // one for all, if no part is a slot
	if slices.ContainsFunc(texts, func(v values) bool { return v.Values != nil }) {
		n = len(rows)
	}
	ends := make([]int, n)
	var buffer []byte
	for i := range n {
		buffer = appendParts(buffer, parts, texts, i)
		ends[i] = len(buffer)
	}
	v := &column.Values{Texts: column.Split(buffer, ends), Same: n == 1}
	g.values(rows, values{v, 0}, kind)
	return nil
}

// parts returns the parts of a span, and their values, none for fixed text.
func (d *decoder) parts(l *layout, t int, s span) ([]formPart, []values, error) {
	parts := l.templates[t].parts[s.first:s.end]
	texts := make([]values, len(parts))
	for i, p := range parts {
		if p.slot < 0 {
			continue
		}
		var err error
		if texts[i], err = d.part(l, place{int32(t), p.slot}); err != nil {
			return nil, nil, err
		}
	}
	return parts, texts, nil
}

// appendParts writes the text of the i-th event of a template.
func appendParts(dst []byte, parts []formPart, texts []values, i int) []byte {
	for p, v := range texts {
		if v.Values == nil {
			dst = append(dst, parts[p].text...)
		} else {
			dst = append(dst, v.at(i)...)
		}
	}
	return dst
}

// A gather puts a column together.
type gather struct {
	column *column.Column
	bases  map[base]uint32
}

// A base is values whose codes are known already.
type base struct {
	values *column.Values
	kind   llama.Kind
}

// add adds a value to the dictionary, and returns its code.
func (g *gather) add(value string, kind llama.Kind) uint32 {
	c := g.column
	if c.Kinds == nil && kind != llama.String {
		c.Kinds = make([]llama.Kind, len(c.Values))
	}
	c.Values = append(c.Values, value)
	if c.Kinds != nil {
		c.Kinds = append(c.Kinds, kind)
	}
	return uint32(len(c.Values))
}

func (g *gather) constant(rows []int32, value string, kind llama.Kind) {
	code := uint32(0)
	// Templates often share a value. The last few are looked through.
	for i := len(g.column.Values) - 1; i >= max(0, len(g.column.Values)-8); i-- {
		if g.column.Values[i] == value && (g.column.Kinds == nil && kind == llama.String || g.column.Kinds != nil && g.column.Kinds[i] == kind) {
			code = uint32(i + 1)
		}
	}
	if code == 0 {
		code = g.add(value, kind)
	}
	for _, row := range rows {
		g.column.Codes[row] = code
	}
}

// values gives rows the values of a slot. A group's dictionary is added once.
func (g *gather) values(rows []int32, v values, kind llama.Kind) {
	if v.Same {
		g.constant(rows, v.Texts[0], kind)
		return
	}
	first, known := g.bases[base{v.Values, kind}]
	if !known {
		first = uint32(len(g.column.Values)) + 1
		g.bases[base{v.Values, kind}] = first
		for _, text := range v.Texts {
			g.add(text, kind)
		}
	}
	for i, row := range rows {
		code := uint32(v.first + i)
		if v.Codes != nil {
			code = v.Codes[code]
		}
		g.column.Codes[row] = first + code
	}
}

// loose adds the column of the loose events.
func (g *gather) loose(data []byte, rows []int32) error {
	if len(data) == 0 {
		return nil
	}
	c, err := column.Decode(g.column.Name, len(rows), data)
	if err != nil {
		return err
	}
	g.column.Values, g.column.Kinds = c.Values, c.Kinds
	for i, row := range rows {
		g.column.Codes[row] = c.Codes[i]
	}
	return nil
}
