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

// Open returns a block whose columns are decoded when they are asked for. Names are
// those of its fields, sorted.
func Open(collection string, rows int, names []string, read Source) (*column.Block, error) {
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
	pieces  map[place][]byte
	mu      sync.Mutex
	values  map[place]*column.Values
}

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
		c = &chunk{pieces: map[place][]byte{}, values: map[place]*column.Values{}}
		d.chunks[name] = c
	}
	d.mu.Unlock()
	c.once.Do(func() {
		var data []byte
		if data, c.err = d.read(kind, name); c.err == nil {
			c.err = c.split(data, places)
		}
	})
	return c, c.err
}

// split finds the pieces of a chunk.
func (c *chunk) split(data []byte, places []place) error {
	if len(data) == 0 && len(places) == 0 {
		return nil
	}
	r := reader{data: data}
	generic := r.count()
	lengths := make([]int, len(places))
	for i := range lengths {
		lengths[i] = r.count()
	}
	c.generic = r.bytes(generic)
	for i, p := range places {
		c.pieces[p] = r.bytes(lengths[i])
	}
	if r.failed || len(r.data) != 0 {
		return fmt.Errorf("%w: a chunk's pieces", ErrDamaged)
	}
	return nil
}

// slot returns the values of a slot, for the rows of its template.
func (d *decoder) slot(c *chunk, p place) (*column.Values, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.values[p]; v != nil {
		return v, nil
	}
	v, err := column.DecodeValues(len(d.rows.rows[p.template+1]), c.pieces[p])
	if err != nil {
		return nil, err
	}
	c.values[p] = v
	return v, nil
}

// part returns the values of a slot of a template's message.
func (d *decoder) part(l *layout, p place) (*column.Values, error) {
	kind, name, places := Variables, "", l.variables
	if home := l.home(p); home >= 0 {
		kind, name, places = Field, l.names[home], l.fields[home]
	}
	c, err := d.chunk(name, kind, places)
	if err != nil {
		return nil, err
	}
	return d.slot(c, p)
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
	g := &gather{column: &column.Column{Name: name, Codes: make([]uint32, len(d.rows.numbers))}}
	number, known := slices.BinarySearch(l.names, name)
	c, err := d.field(l, name)
	if err != nil {
		return nil, err
	}
	if err := g.loose(c.generic, d.rows.rows[0]); err != nil {
		return nil, err
	}
	for t := range l.templates {
		f := &l.templates[t]
		rows := d.rows.rows[t+1]
		if name == llama.NameMessage {
			if len(f.parts) > 0 {
				err = d.span(g, l, t, span{0, int32(len(f.parts))}, llama.String)
			}
		} else if known {
			i := slices.IndexFunc(f.fields, func(x formField) bool { return int(x.name) == number })
			if i < 0 {
				continue
			}
			x := &f.fields[i]
			switch {
			case x.span.inside():
				err = d.span(g, l, t, x.span, x.kind)
			case x.slot >= 0:
				var v *column.Values
				if v, err = d.slot(c, place{int32(t), x.slot}); err == nil {
					g.values(rows, v, x.kind)
				}
			default:
				g.constant(rows, x.text, x.kind)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if len(g.column.Values) == 0 {
		return nil, nil
	}
	return g.column, nil
}

// span adds the text of some parts of a template's messages.
func (d *decoder) span(g *gather, l *layout, t int, s span, kind llama.Kind) error {
	rows := d.rows.rows[t+1]
	parts, values, err := d.parts(l, t, s)
	if err != nil {
		return err
	}
	if len(parts) == 1 {
		if values[0] == nil {
			g.constant(rows, parts[0].text, kind)
		} else {
			g.values(rows, values[0], kind)
		}
		return nil
	}
	fixed := true
	for _, v := range values {
		fixed = fixed && v == nil
	}
	n := len(rows)
	if fixed {
		n = 1
	}
	ends := make([]int, n)
	var buffer []byte
	for i := range n {
		buffer = appendParts(buffer, parts, values, i)
		ends[i] = len(buffer)
	}
	all := unsafe.String(unsafe.SliceData(buffer), len(buffer))
	if fixed {
		g.constant(rows, all, kind)
		return nil
	}
	texts := make([]string, n)
	start := 0
	for i, end := range ends {
		texts[i] = all[start:end]
		start = end
	}
	g.values(rows, &column.Values{Texts: texts}, kind)
	return nil
}

// parts returns the parts of a span, and their values: nil for fixed text.
func (d *decoder) parts(l *layout, t int, s span) ([]formPart, []*column.Values, error) {
	parts := l.templates[t].parts[s.first:s.end]
	values := make([]*column.Values, len(parts))
	for i, p := range parts {
		if p.slot < 0 {
			continue
		}
		var err error
		if values[i], err = d.part(l, place{int32(t), p.slot}); err != nil {
			return nil, nil, err
		}
	}
	return parts, values, nil
}

// appendParts writes the text of the i-th event of a template.
func appendParts(dst []byte, parts []formPart, values []*column.Values, i int) []byte {
	for p, v := range values {
		if v == nil {
			dst = append(dst, parts[p].text...)
		} else {
			dst = append(dst, v.At(i)...)
		}
	}
	return dst
}

// A gather puts a column together.
type gather struct {
	column *column.Column
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

func (g *gather) values(rows []int32, v *column.Values, kind llama.Kind) {
	if v.Same {
		g.constant(rows, v.Texts[0], kind)
		return
	}
	base := uint32(len(g.column.Values)) + 1
	for _, text := range v.Texts {
		g.add(text, kind)
	}
	for i, row := range rows {
		code := uint32(i)
		if v.Codes != nil {
			code = v.Codes[i]
		}
		g.column.Codes[row] = base + code
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
