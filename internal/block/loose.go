package block

import (
	"strings"
	"unsafe"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// maxLooseSpare bounds the bytes that loose columns keep from block to block.
const maxLooseSpare = 32 << 20

// looseEvents gathers the events of a block that have no template, column by column.
type looseEvents struct {
	byName   map[string]*looseColumn
	of       *column.Names
	byNumber []*looseColumn // of the names of passing shapes
	message  *looseColumn
	source   *looseColumn
}

// A looseColumn is a field of loose events. Their values lie end to end, without a
// pointer for each, of which a block of ever-changing names has a million.
type looseColumn struct {
	name  string
	rows  []uint16     // of the block, that have it
	ends  []uint32     // of their values
	data  []byte       // values
	kinds []llama.Kind // of all if they differ, else of the first
	early int          // values from here on are of events that were early, if there are some
}

func newLooseEvents() *looseEvents { return &looseEvents{byName: map[string]*looseColumn{}} }

// column returns the column called name.
func (l *looseEvents) column(name string) *looseColumn {
	c := l.byName[name]
	if c == nil {
		c = &looseColumn{name: strings.Clone(name)}
		l.byName[c.name] = c
	}
	return c
}

// add adds an event.
func (l *looseEvents) add(row int, message string, s *shape, values []string) {
	l.parts(row, message, s.Source)
	if s.columns == nil {
		s.columns = make([]*looseColumn, len(s.Names))
		for i, name := range s.Names {
			s.columns[i] = l.column(name)
		}
	}
	for i, value := range values {
		s.columns[i].set(row, value, s.Kinds[i])
	}
}

// addPassing adds an event of a passing shape.
func (l *looseEvents) addPassing(row int, r *column.Row) {
	s := r.Shape
	l.parts(row, r.Message, s.Source)
	if l.of != s.Of {
		clear(l.byNumber)
		l.of = s.Of
	}
	for i, n := range s.Numbers {
		if int(n) >= len(l.byNumber) {
			l.byNumber = append(l.byNumber, make([]*looseColumn, int(n)+1-len(l.byNumber))...)
		}
		c := l.byNumber[n]
		if c == nil {
			c = l.column(s.Names[i])
			l.byNumber[n] = c
		}
		c.set(row, r.Values[i], s.Kinds[i])
	}
}

// parts adds what is not a field. Empty ones are not stored: without them they come
// back as empty.
func (l *looseEvents) parts(row int, message, source string) {
	if l.message == nil {
		l.message, l.source = l.column(llama.NameMessage), l.column(llama.NameSource)
	}
	if message != "" {
		l.message.set(row, message, llama.String)
	}
	if source != "" {
		l.source.set(row, source, llama.String)
	}
}

// set gives a row a value. Of a name that an event has twice, the last counts.
func (c *looseColumn) set(row int, value string, kind llama.Kind) {
	n := len(c.rows)
	if n > 0 && len(c.kinds) == 1 && c.kinds[0] == kind && int(c.rows[n-1]) < row { // the usual
		c.append(row, value)
		return
	}
	if n > 0 && int(c.rows[n-1]) >= row {
		if int(c.rows[n-1]) == row {
			n--
			c.rows, c.ends, c.data = c.rows[:n], c.ends[:n], c.data[:c.start(n)]
			if len(c.kinds) > 1 || n == 0 {
				c.kinds = c.kinds[:n]
			}
		} else if c.early == 0 {
			c.early = n
		}
	}
	c.append(row, value)
	if len(c.kinds) == 1 && n > 0 {
		if c.kinds[0] == kind {
			return
		}
		for len(c.kinds) < n {
			c.kinds = append(c.kinds, c.kinds[0])
		}
	}
	c.kinds = append(c.kinds, kind)
}

func (c *looseColumn) append(row int, value string) {
	c.rows = append(c.rows, uint16(row))
	c.data = append(c.data, value...)
	c.ends = append(c.ends, uint32(len(c.data)))
}

// start returns where the n-th value begins.
func (c *looseColumn) start(n int) uint32 {
	if n == 0 {
		return 0
	}
	return c.ends[n-1]
}

// names returns the names of the columns that events have.
func (l *looseEvents) names() []string {
	names := make([]string, 0, len(l.byName))
	for name, c := range l.byName {
		if len(c.rows) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// reset empties all columns, and keeps the memory of those that had events. It returns
// how many bytes that is.
func (l *looseEvents) reset() (kept int) {
	clear(l.byNumber)
	l.of, l.message, l.source = nil, nil, nil
	for name, c := range l.byName {
		size := cap(c.data) + 8*cap(c.rows)
		if len(c.rows) == 0 || kept+size > maxLooseSpare || cap(c.data) > 4*len(c.data) {
			delete(l.byName, name)
			continue
		}
		kept += size
		c.rows, c.ends, c.data, c.kinds, c.early = c.rows[:0], c.ends[:0], c.data[:0], c.kinds[:0], 0
	}
	return kept
}

// looseColumn fills loose with the column called name of the loose events, or with nothing
// if none has it. order has the number of each row among them, of which there are so many.
func (e *Encoder) looseColumn(l *looseEvents, name string, order []uint16, events int) (values int, err error) {
	e.loose = e.loose[:0]
	c := l.byName[name]
	if c == nil || len(c.rows) == 0 {
		return 0, nil
	}
	e.texts, e.rows, e.kinds = e.texts[:0], e.rows[:0], e.kinds[:0]
	e.gatherLoose(c, order)
	e.loose = column.AppendLoose(e.loose, events, e.rows, e.kinds)
	start := len(e.loose)
	e.loose = e.values.Append(e.loose, e.texts)
	e.words.in(name == llama.NameMessage)
	if texts := e.values.Texts(); texts != nil {
		e.words.texts(texts)
	} else if _, short := e.values.Short(e.words.to); !short && !e.words.full {
		_, err = e.words.values(len(e.texts), e.loose[start:])
	}
	return e.values.Distinct(), err
}

// gatherLoose gathers a column in the order of its rows. These are two runs that grow: those
// that were loose at once, and those that turned out to be.
func (e *Encoder) gatherLoose(c *looseColumn, order []uint16) {
	n, early, at := len(c.rows), c.early, 0
	if early == 0 {
		early = n
	}
	for next := early; next < n; next++ {
		from := at
		for at < early && c.rows[at] < c.rows[next] {
			at++
		}
		e.gatherRun(c, order, from, at)
		e.gatherRun(c, order, next, next+1)
	}
	e.gatherRun(c, order, at, early)
	if len(c.kinds) == 1 {
		e.kinds = append(e.kinds, c.kinds[0])
	}
}

// gatherRun gathers some values of a column.
func (e *Encoder) gatherRun(c *looseColumn, order []uint16, from, to int) {
	if from == to {
		return
	}
	data, start := unsafe.String(unsafe.SliceData(c.data), len(c.data)), c.start(from)
	for i := from; i < to; i++ {
		end := c.ends[i]
		e.texts = append(e.texts, data[start:end])
		e.rows = append(e.rows, order[c.rows[i]])
		start = end
	}
	if len(c.kinds) > 1 {
		e.kinds = append(e.kinds, c.kinds[from:to]...)
	}
}
