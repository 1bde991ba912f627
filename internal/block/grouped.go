package block

import (
	"errors"
	"sync"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// Who counts or adds up does not ask in which order events came. Which of them has which
// template is then not read at all: the rows are taken to lie template by template, the
// loose ones first, as their values do in the slots.

// errGrouped says that somebody asked for what goes by the order of the rows.
var errGrouped = errors.New("block: rows that lie template by template have no order of arrival")

// inGroups returns the block b, of fields of such names, with its rows in that order.
func (d *decoder) inGroups(b *column.Block, names []string) *column.Block {
	g := &decoder{Source: d.Source, count: d.count, grouped: true}
	out := &column.Block{
		Collection: b.Collection, Len: b.Len, Names: names, Read: b.Read,
		Times: func() ([]llama.Time, error) { return nil, errGrouped },
		Seqs:  func() ([]uint64, error) { return nil, errGrouped },
	}
	g.open(out)
	return out
}

// key is under which a Keep remembers what goes by the order of the rows.
func (d *decoder) key(name string) string {
	if d.grouped {
		return "grouped " + name
	}
	return name
}

// everyRow returns the numbers of as many rows as a block may have.
var everyRow = sync.OnceValue(func() []uint16 {
	all := make([]uint16, column.MaxRows)
	for i := range all {
		all[i] = uint16(i)
	}
	return all
})

// groupedRows returns which rows each template has. It knows no units of times.
func (d *decoder) groupedRows() (*rowsOf, error) {
	l, err := d.layout()
	if err != nil {
		return nil, err
	}
	o := &rowsOf{rows: make([][]uint16, len(l.templates)+1)}
	next := everyRow()[:d.count]
	o.rows[0], next = next[:l.loose:l.loose], next[l.loose:]
	for t := range l.templates {
		n := l.templates[t].rows
		o.rows[t+1], next = next[:n:n], next[n:]
	}
	return o, nil
}
