package block

import (
	"encoding/binary"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A Kind says what a chunk holds. Its numbers are on disk.
type Kind uint8

// The kinds of chunks of a block.
const (
	Field     Kind = iota // slots of fields with one name
	Times                 // `_time`
	Seqs                  // `_seq`
	Ingested              // event.ingested
	Templates             // the templates
	Variables             // slots of messages that are in no field
	Loose                 // the columns of loose events, where these are few
	Facts                 // what is known of slots without reading them
	Rows                  // which event has which template
)

// A Chunk is an encoded piece of a block. A field of which all events have the
// template's value has a chunk without data.
type Chunk struct {
	Kind   Kind
	Name   string // of a field; `_msg` and `_source` are fields here
	Values int    // at most so many distinct ones; of Templates, how many there are
	Data   []byte
}

// An Encoder encodes blocks one after the other.
type Encoder struct {
	values *column.Encoder
	words  keySet
	few    fewColumns
	facts  factList
	data   []byte
	order  []byte // which event has which template
	pieces []byte
	ints   []int64
	ofUnit [len(units)][]llama.Time // times, in that unit
	groups []group
	member []int
	texts  []string // of a loose column
	rows   []uint16 // that have it
	kinds  []llama.Kind
	loose  []byte
}

// NewEncoder returns an Encoder.
func NewEncoder() *Encoder { return &Encoder{values: column.NewEncoder()} }

// Stat is what is known of a block without its chunks.
func (b *Builder) Stat() column.Stat {
	return column.Stat{
		Collection: b.collection, Rows: len(b.times), MinTime: slices.Min(b.times), MaxTime: slices.Max(b.times),
		FirstSeq: b.seqs[0], LastSeq: b.seqs[len(b.seqs)-1],
	}
}

// Ingested returns when the events arrived.
func (b *Builder) Ingested() []llama.Time { return b.ingested }

// Encode hands the chunks of a block to put: those of the kinds from Times to
// Variables in this order, then those of fields by name, and then Loose, Facts and Rows. The data is good
// until put returns. The builder is good for Reset only then.
func (e *Encoder) Encode(b *Builder, put func(Chunk) error) error {
	templates, order, loose := b.settle()
	p := newPlan(templates, b.walk.hasher)
	e.words.reset(b.Rows())
	e.few.begin(loose, b.Rows())
	e.facts.reset()
	if err := put(Chunk{Kind: Times, Data: e.times(b, templates)}); err != nil {
		return err
	}
	if err := put(Chunk{Kind: Seqs, Data: column.AppendInts(e.data[:0], b.seqs)}); err != nil {
		return err
	}
	if err := put(Chunk{Kind: Ingested, Data: column.AppendInts(e.data[:0], b.ingested)}); err != nil {
		return err
	}
	e.data = p.append(e.data[:0])
	for i, text := range p.texts {
		e.words.in(p.message[i])
		e.words.text(text)
	}
	e.words.in(true)
	for _, t := range templates {
		e.words.template(t)
	}
	if err := put(Chunk{Kind: Templates, Data: e.data, Values: len(templates)}); err != nil {
		return err
	}
	values, err := e.slots(-1, p.variables, nil, false)
	if err != nil {
		return err
	}
	if err := put(Chunk{Kind: Variables, Data: e.data, Values: values}); err != nil {
		return err
	}
	names := append(b.loose.names(), p.names...)
	if b.message {
		names = append(names, llama.NameMessage)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if values, err = e.looseColumn(b.loose, name, order, loose); err != nil {
			return err
		}
		loose := e.few.take(name, e.loose)
		if slots := p.fields[name]; len(loose) == 0 && len(slots) == 0 {
			e.data, values = e.data[:0], max(values, 1)
		} else {
			more, err := e.slots(int32(p.name(name)), slots, loose, true)
			if err != nil {
				return err
			}
			values += more
		}
		if err := put(Chunk{Kind: Field, Name: name, Data: e.data, Values: values}); err != nil {
			return err
		}
	}
	e.values.Forget()
	clear(e.texts[:cap(e.texts)])
	clear(e.groups[:cap(e.groups)])
	if err := put(Chunk{Kind: Loose, Data: e.few.data}); err != nil {
		return err
	}
	if err := put(Chunk{Kind: Facts, Data: e.facts.data}); err != nil {
		return err
	}
	return put(Chunk{Kind: Rows, Data: e.order})
}

// settle numbers the templates that are worthy, and makes the events of the others loose.
// It returns the number of each row among those, and how many they are.
func (b *Builder) settle() (templates []*template, order []uint16, loose int) {
	var early []earlyEvent
	for _, t := range b.templates {
		if t.rows >= worthy {
			templates = append(templates, t)
			t.gather(b.room)
			t.number = len(templates)
			continue
		}
		early = append(early, t.early...)
	}
	slices.SortFunc(early, func(x, y earlyEvent) int { return x.row - y.row })
	for _, l := range early {
		b.loose.add(l.row, l.message, l.shape, l.values)
	}
	order = make([]uint16, len(b.of))
	for row, t := range b.of {
		order[row] = uint16(loose)
		if t == nil || t.number == 0 {
			loose++
		}
	}
	return templates, order, loose
}

// times writes the times: those of each unit together, as those of one second differ from
// those of one microsecond. Which event has which template, and the templates' units, it
// writes to order: most who ask for these ask for no time.
func (e *Encoder) times(b *Builder, templates []*template) []byte {
	looseUnit := len(units) - 1
	for row, t := range b.of {
		if t == nil || t.number == 0 {
			looseUnit = unitOf(b.times[row], looseUnit)
		}
	}
	e.order = append(binary.AppendUvarint(e.order[:0], uint64(len(templates))), byte(looseUnit))
	for _, t := range templates {
		e.order = append(e.order, byte(t.unit))
	}
	e.ints = e.ints[:0]
	times := &e.ofUnit
	for unit := range times {
		times[unit] = times[unit][:0]
	}
	for row, t := range b.of {
		number, unit := 0, looseUnit
		if t != nil && t.number > 0 {
			number, unit = t.number, t.unit
		}
		e.ints = append(e.ints, int64(number))
		time := b.times[row]
		if unit > 0 {
			time /= units[unit]
		}
		times[unit] = append(times[unit], time)
	}
	e.order = column.AppendInts(e.order, e.ints)
	dst := e.data[:0]
	for _, ts := range times {
		if len(ts) > 0 {
			dst = column.AppendInts(dst, ts)
		}
	}
	e.data = dst
	return dst
}

// A group is slots that are written as one column, and share its dictionary.
type group struct {
	kind    column.Typing
	values  []*column.Piece
	length  int
	message bool // one of them is in messages
}

// slots fills data with a chunk: the column of the loose events, and then the
// slots. Those of a field are joined when they look alike.
func (e *Encoder) slots(home int32, slots []*slot, generic []byte, join bool) (values int, err error) {
	e.data, e.pieces = e.data[:0], e.pieces[:0]
	if len(slots) == 0 && len(generic) == 0 {
		return 0, nil
	}
	e.group(slots, join)
	for i := range e.groups {
		g := &e.groups[i]
		start, rows := len(e.pieces), 0
		e.pieces = e.values.AppendPieces(e.pieces, g.values...)
		g.length = len(e.pieces) - start
		for _, piece := range g.values {
			rows += piece.Len()
		}
		values += rows
		e.words.in(g.message)
		facts, err := e.known(rows, e.pieces[start:])
		if err != nil {
			return 0, err
		}
		e.facts.group = append(e.facts.group, facts)
	}
	if len(slots) > 0 {
		e.facts.add(home, e.member)
	}
	e.data = binary.AppendUvarint(e.data, uint64(len(generic)))
	e.data = binary.AppendUvarint(e.data, uint64(len(e.groups)))
	if len(e.groups) > 1 {
		for _, g := range e.member {
			e.data = binary.AppendUvarint(e.data, uint64(g))
		}
	}
	for i := range e.groups {
		e.data = binary.AppendUvarint(e.data, uint64(e.groups[i].length))
	}
	e.data = append(e.data, generic...)
	e.data = append(e.data, e.pieces...)
	return min(values, column.MaxRows), nil
}

// known adds the words of the column that was encoded last, as data of so many rows, and returns
// what is known of its values.
func (e *Encoder) known(rows int, data []byte) (column.Facts, error) {
	if facts, short := e.values.Short(e.words.to); short {
		return facts, nil
	}
	if texts := e.values.Texts(); texts != nil {
		e.words.texts(texts)
		return column.TextFacts(texts), nil
	}
	v, err := e.words.values(rows, data)
	if err != nil {
		return column.Facts{}, err
	}
	return v.Facts(), nil
}

// group puts each slot into a group, or all that look alike into one.
func (e *Encoder) group(slots []*slot, join bool) {
	e.groups, e.member = e.groups[:0], e.member[:0]
	for _, s := range slots {
		kind := column.Guess(s.first)
		g := -1
		if join {
			g = slices.IndexFunc(e.groups, func(g group) bool { return g.kind == kind })
		}
		if g < 0 {
			g = len(e.groups)
			e.groups = append(e.groups, group{kind: kind})
		}
		e.groups[g].values = append(e.groups[g].values, &s.values)
		e.groups[g].message = e.groups[g].message || !s.own
		e.member = append(e.member, g)
	}
}
