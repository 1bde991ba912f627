package query

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// Rows are written as lines of JSON many at once: first what differs is fetched for all of
// them, column by column, so that the processor waits for many places in memory at the same
// time, and then each line is put together.

// A lineForm is how the rows of one family are written as lines.
type lineForm struct {
	steps []lineStep
	slots []lineSlot
	rest  []byte   // behind the last step
	at    []uint32 // the places in the family of the rows that are fetched, in their order
	next  int      // which of these is written next
}

// A lineSlot is a slot, and what the fetched rows have there: numbers themselves, and of
// what is no number its code.
type lineSlot struct {
	slotValues
	typing   column.Typing
	numbers  bool
	got      []int64
	from, to int // where the line that is being written has it
}

// A lineStep is one value that differs, and what is written before it.
type lineStep struct {
	before []byte
	is     stepForm
	slot   int // in the form's slots
	place  *rowPlace
	memo   [][]byte // values by code
	member []byte   // comma, name and colon, where a row may not have it
}

type stepForm uint8

const (
	stepNumber stepForm = iota // as its typing writes it
	stepText                   // a part of a string
	stepPlain                  // one that needs no escape
	stepMemo                   // a part of a string that rows share
	stepAgain                  // what the line has already
	stepValue                  // a value by its kind
	stepSpan                   // the same, of several parts
	stepMade
	stepColumn
	stepLoose
)

// A lineBatch is what was fetched of rows beside their families.
type lineBatch struct {
	places   []uint64 // family and place in it
	forms    []*rowForm
	times    []llama.Time
	seqs     []uint64
	ingested []llama.Time
	clocks   [2]dayClock // of times, and of those of arrival, which may be of other days
}

// maxMemo bounds the values whose JSON is remembered.
const maxMemo = 1 << 10

// appendRow appends row r as llama.AppendFlat writes it, of a chunk without families.
func (m *rowMaker) appendRow(dst []byte, r uint32) []byte {
	row := m.c.row(r, m.patterns, m.hidden)
	if m.names != nil {
		for i := range row {
			m.names.add(row[i].Name)
		}
	}
	return llama.AppendFlat(dst, row)
}

// fetch makes ready to write some rows, the last first.
func (m *rowMaker) fetch(sel []uint32) {
	b := &m.batch
	for _, f := range b.forms {
		f.lines.at, f.lines.next = f.lines.at[:0], 0
	}
	b.places, b.forms = b.places[:0], b.forms[:0]
	for i := len(sel) - 1; i >= 0; i-- {
		family, at := m.find(sel[i])
		f := m.form(family)
		if f.lines == nil {
			f.lines = m.lineForm(f)
		}
		if len(f.lines.at) == 0 {
			b.forms = append(b.forms, f)
		}
		f.lines.at = append(f.lines.at, uint32(at))
		b.places = append(b.places, uint64(family)<<32|uint64(at))
	}
	for _, f := range b.forms {
		f.lines.fetch()
	}
	m.fetchMade(sel)
}

// fetch gets what slots have for the rows.
func (f *lineForm) fetch() {
	for i := range f.slots {
		s := &f.slots[i]
		s.got = slices.Grow(s.got[:0], len(f.at))[:len(f.at)]
		s.Pick(s.got, s.first, f.at)
	}
}

// fetchMade gets those of times and numbers that lines show.
func (m *rowMaker) fetchMade(sel []uint32) {
	var times, seqs, ingested bool
	for i := range m.c.fields {
		switch f := &m.c.fields[i]; {
		case f.hidden && !m.hidden:
		case f.base == llama.NameTime:
			times = true
		case f.base == llama.NameSeq, f.base == llama.NameID:
			seqs = true
		case f.base == llama.NameIngested:
			ingested = m.c.isMade(f.base)
		}
	}
	b := &m.batch
	b.times, b.seqs, b.ingested = b.times[:0], b.seqs[:0], b.ingested[:0]
	if times {
		b.times = fetchRows(b.times, sel, m.c, m.c.happened, m.c.timeOf)
	}
	if seqs {
		b.seqs = fetchRows(b.seqs, sel, m.c, m.c.numbered, m.c.seqOf)
	}
	if ingested {
		b.ingested = fetchRows(b.ingested, sel, m.c, m.c.arrivals, m.c.arrivalOf)
	}
}

// fetchRows appends what all has of rows, or of few rows one, the last first.
func fetchRows[T any](dst []T, sel []uint32, c *chunk, all func() []T, one func(uint32) T) []T {
	dst = slices.Grow(dst, len(sel))
	if c.few != nil {
		for i := len(sel) - 1; i >= 0; i-- {
			dst = append(dst, one(sel[i]))
		}
		return dst
	}
	list := all()
	for i := len(sel) - 1; i >= 0; i-- {
		dst = append(dst, list[sel[i]])
	}
	return dst
}

// lineForm makes steps of places. Each member begins with a comma; of a row's first it is
// cut off.
func (m *rowMaker) lineForm(f *rowForm) *lineForm {
	out := &lineForm{}
	var text []byte
	step := func(s lineStep) {
		s.before = text
		out.steps = append(out.steps, s)
		text = text[len(text):]
	}
	for i := range f.places {
		p := &f.places[i]
		start := len(text)
		text = append(llama.AppendString(append(text, ','), strings.TrimPrefix(p.name, hiddenMark)), ':')
		switch {
		case p.is == placeFixed:
			text = llama.AppendValue(text, p.fixed, p.kind)
		case p.is == placeSlot && p.kind == llama.Number && p.slot.AreNumbers():
			step(m.slotStep(out, p.slot, p.at))
		case p.is == placeSlot && p.kind == llama.String:
			text = append(text, '"')
			step(m.slotStep(out, p.slot, p.at))
			text = append(text, '"')
		case p.is == placeSlot:
			step(lineStep{is: stepValue, place: p})
		case p.is == placeSpan && p.kind == llama.String && m.inPieces(&p.span):
			text = append(text, '"')
			for n := range p.span.parts {
				if s := p.span.slots[n]; s.Values != nil {
					step(m.slotStep(out, s, p.span.parts[n].Slot))
				} else {
					text = llama.AppendEscaped(text, p.span.parts[n].Text)
				}
			}
			text = append(text, '"')
		case p.is == placeSpan:
			step(lineStep{is: stepSpan, place: p})
		case p.is == placeMade:
			step(lineStep{is: stepMade, place: p})
		default: // not all rows have it, so it writes its name itself
			member := slices.Clone(text[start:])
			text = text[:start]
			is := stepColumn
			if p.is == placeLoose {
				is = stepLoose
			}
			step(lineStep{is: is, place: p, member: member})
		}
	}
	out.rest = append(text, '}')
	return out
}

// inPieces reports whether the parts of a message can be escaped each by itself: no
// character can begin in one and end in the next.
func (m *rowMaker) inPieces(x *messages) bool {
	open := false // the part before may end within a character
	for i := range x.parts {
		switch v := x.slots[i].Values; {
		case v == nil && !utf8.ValidString(x.parts[i].Text):
			return false
		case v == nil:
			open = open && x.parts[i].Text == ""
		case v.Typing().IsNumber():
			open = false
		case open && !m.facts(x.parts[i].Slot).AreASCII():
			return false
		default:
			open = true
		}
	}
	return true
}

// facts returns what is known of a slot's values; nil, which knows nothing, where few rows
// are wanted.
func (m *rowMaker) facts(s column.Slot) *column.Facts {
	if m.c.block.Facts == nil || len(m.c.sel) < manyLines {
		return nil
	}
	f, err := m.c.block.Facts(s)
	if err != nil {
		m.c.fail(err)
	}
	return f
}

// manyLines is of how many rows of a block it pays to look up what is known of its slots.
const manyLines = 64

// slot returns the number of a slot of the form.
func (f *lineForm) slot(s slotValues) int {
	for i := range f.slots {
		if f.slots[i].slotValues == s {
			return i
		}
	}
	t := s.Typing()
	f.slots = append(f.slots, lineSlot{slotValues: s, typing: t, numbers: t.IsNumber()})
	return len(f.slots) - 1
}

// slotStep returns the step that writes a slot as it stands within a string, or a number as it is.
func (m *rowMaker) slotStep(f *lineForm, s slotValues, at column.Slot) lineStep {
	step := lineStep{slot: f.slot(s)}
	for i := range f.steps {
		if before := &f.steps[i]; before.slot == step.slot && before.is <= stepMemo {
			step.is = stepAgain
			return step
		}
	}
	distinct, rows := s.Distinct(), len(m.c.sel)
	memo := s.Coded() && distinct <= min(maxMemo, rows)
	switch {
	case f.slots[step.slot].numbers:
		step.is = stepNumber
	case !(memo && 8*distinct <= rows) && m.facts(at).ArePlain():
		step.is = stepPlain
	case memo:
		step.is, step.memo = stepMemo, make([][]byte, distinct)
	default:
		step.is = stepText
	}
	return step
}

// appendLine appends the n-th of the rows that were fetched, which is row r, as
// llama.AppendFlat writes it.
func (m *rowMaker) appendLine(dst []byte, n int, r uint32) []byte {
	place := m.batch.places[n]
	at := int(uint32(place))
	form := m.forms[place>>32]
	if m.names != nil {
		form.see(m.names, int(r), at)
	}
	f := form.lines
	k := f.next
	f.next++
	start := len(dst)
	for i := range f.steps {
		step := &f.steps[i]
		dst = append(dst, step.before...)
		switch step.is {
		case stepNumber:
			s := &f.slots[step.slot]
			s.from = len(dst)
			dst = s.typing.Append(dst, s.got[k])
			s.to = len(dst)
		case stepMemo:
			s := &f.slots[step.slot]
			code := s.got[k]
			if step.memo[code] == nil {
				step.memo[code] = llama.AppendEscaped(nil, s.Text(int(code), &m.text))
			}
			s.from = len(dst)
			dst = append(dst, step.memo[code]...)
			s.to = len(dst)
		case stepText:
			s := &f.slots[step.slot]
			s.from = len(dst)
			dst = llama.AppendEscaped(dst, s.Text(int(s.got[k]), &m.text))
			s.to = len(dst)
		case stepPlain:
			s := &f.slots[step.slot]
			s.from = len(dst)
			dst = s.Append(dst, int(s.got[k]))
			s.to = len(dst)
		case stepAgain:
			s := &f.slots[step.slot]
			dst = append(dst, dst[s.from:s.to]...)
		case stepMade:
			dst = m.appendMade(dst, step.place.base, n, r)
		default:
			dst = m.appendRare(dst, step, r, at)
		}
	}
	dst = append(dst, f.rest...)
	if dst[start] == ',' {
		dst[start] = '{'
		return dst
	}
	return append(dst[:start], '{', '}')
}

// appendRare appends a value that few events have in a form of its own, if the row has it.
func (m *rowMaker) appendRare(dst []byte, step *lineStep, r uint32, at int) []byte {
	p := step.place
	switch step.is {
	case stepValue:
		return llama.AppendValue(dst, p.slot.Text(p.slot.Code(p.slot.first+at), &m.text), p.kind)
	case stepSpan:
		m.text = p.span.append(m.text[:0], at)
		return llama.AppendValue(dst, view(m.text), p.kind)
	}
	row := at
	if step.is == stepColumn {
		row = int(r)
	}
	value, kind, ok := p.col.Value(row)
	if !ok {
		return dst
	}
	return llama.AppendValue(append(dst, step.member...), value, kind)
}

// appendMade appends what make returns of the n-th row that was fetched, as JSON.
func (m *rowMaker) appendMade(dst []byte, base string, n int, r uint32) []byte {
	b := &m.batch
	switch base {
	case llama.NameTime:
		return append(b.clocks[0].append(append(dst, '"'), b.times[n]), '"')
	case llama.NameIngested:
		return append(b.clocks[1].append(append(dst, '"'), b.ingested[n]), '"')
	case llama.NameSeq:
		return strconv.AppendUint(dst, b.seqs[n], 10)
	case llama.NameID:
		dst = append(llama.AppendEscaped(append(dst, '"'), m.c.node), '-')
		return append(strconv.AppendUint(dst, b.seqs[n], 10), '"')
	}
	value, kind := m.c.make(base, r)
	return llama.AppendValue(dst, value, kind)
}
