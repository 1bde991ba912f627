package query

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A groupColumn is many groups by one field, of which all values are numbers, or addresses,
// and only counts are known, as they are kept beside a segment: two columns, so that no
// group need be put into a map. Where only the largest are asked for, they stay columns.
type groupColumn struct {
	kind   llama.Kind // of all values
	values *column.Values
	counts [][]int64 // by function
	bytes  int
}

// The kept form: 1 byte groupsVersion, 1 byte kind of all values, uvarint groups, uvarint
// bytes of the values, values as column.Encoder writes them, for each function ints.
const (
	groupsVersion = 0x82
	mostGroups    = 1 << 22 // of one column
)

// keptParts gives the state away in the form that is kept beside a segment: what can be a
// groupColumn as that, and the rest much as a frame has it.
func (g *groupGatherer) keptParts() (parts [][]byte, err error) {
	if err := g.settle(); err != nil {
		return nil, err
	}
	rest := func(int) bool { return true }
	if in, typing := g.numbered(); len(in) > 0 {
		parts = append(parts, g.writeColumn(in))
		rest = func(id int) bool {
			_, ok := typing.Parse(g.keys[id])
			return !ok || g.kinds[id] != g.kinds[in[0]]
		}
	}
	err = g.parts(rest, true, func(f Frame) error {
		parts = append(parts, f.Bytes)
		return nil
	})
	return parts, err
}

// numbered returns the groups that can be kept as a column, and the Typing of their values.
func (g *groupGatherer) numbered() (in []int, typing column.Typing) {
	if len(g.by) != 1 || g.groups() > mostGroups || g.counts() == nil {
		return nil, typing
	}
	kind := llama.String
	for id, text := range g.keys {
		if len(in) == 0 {
			typing, kind = column.Guess(text), g.kinds[id]
		}
		if _, ok := typing.Parse(text); ok && g.kinds[id] == kind {
			in = append(in, id)
		}
	}
	return in, typing
}

// counts returns the functions, if all are counts; otherwise nil.
func (g *groupGatherer) counts() (all []*countAgg) {
	for _, agg := range g.aggs {
		count, ok := agg.(*countAgg)
		if !ok {
			return nil
		}
		all = append(all, count)
	}
	return all
}

func (g *groupGatherer) writeColumn(in []int) []byte {
	texts, counts := make([]string, len(in)), make([]uint64, len(in))
	for i, id := range in {
		texts[i] = g.keys[id]
	}
	values := column.NewEncoder().Append(nil, texts)
	out := binary.AppendUvarint([]byte{groupsVersion, byte(g.kinds[in[0]])}, uint64(len(in)))
	out = append(binary.AppendUvarint(out, uint64(len(values))), values...)
	for _, count := range g.counts() {
		count.grow(g.groups())
		for i, id := range in {
			counts[i] = count.n[id]
		}
		out = column.AppendInts(out, counts)
	}
	return out
}

// readColumn takes in what writeColumn wrote. The column shares data.
func (g *groupGatherer) readColumn(data []byte, made *madeParts) error {
	r := reader{b: data[1:]}
	if c, ok := made.recall(&r); ok {
		return g.addColumn(c.(groupColumn))
	}
	c, err := g.decodeColumn(&r)
	if err != nil {
		return err
	}
	made.note(&r, len(data)-1, c, c.bytes-len(data))
	return g.addColumn(c)
}

func (g *groupGatherer) decodeColumn(r *reader) (groupColumn, error) {
	c := groupColumn{bytes: 1 + len(r.b), kind: r.kind()}
	n := r.uint()
	if len(g.by) != 1 || g.counts() == nil || n == 0 || n > mostGroups {
		r.fail()
	}
	size := r.count(1)
	if r.err != nil {
		return c, r.err
	}
	var err error
	if c.values, err = column.DecodeValues(int(n), r.b[:size]); err != nil {
		return c, fmt.Errorf("%w: %w", errFrame, err)
	}
	r.b = r.b[size:]
	for range g.aggs {
		var counts []int64
		if counts, r.b, err = column.DecodeInts(int(n), r.b); err != nil {
			return c, fmt.Errorf("%w: %w", errFrame, err)
		}
		c.counts = append(c.counts, counts)
		c.bytes += 8 * len(counts)
	}
	c.bytes += c.values.Bytes()
	return c, r.end()
}

func (g *groupGatherer) addColumn(c groupColumn) error {
	g.columns = append(g.columns, c)
	return g.env.budget.grow(c.bytes)
}

// settle makes groups like others of the columns.
func (g *groupGatherer) settle() error {
	columns := g.columns
	g.columns = nil
	return g.settleColumns(columns)
}

func (g *groupGatherer) settleColumns(columns []groupColumn) error {
	counts := g.counts()
	var key wire
	for i := range columns {
		c := &columns[i]
		rows := len(c.counts[0])
		for row := range rows {
			if err := g.env.over(row); err != nil {
				return err
			}
			id, err := g.id(&key, []string{c.values.At(row)}, []llama.Kind{c.kind})
			if err != nil {
				return err
			}
			for k, count := range counts {
				count.grow(g.groups())
				count.n[id] += uint64(c.counts[k][row])
			}
		}
		_ = g.env.budget.grow(-c.bytes) // giving never fails
	}
	return nil
}

// gathered makes the columns groups like others; where only the largest are asked for,
// those that may be among them.
func (g *groupGatherer) gathered() error {
	if len(g.columns) == 0 {
		return nil
	}
	l := g.largest()
	if l == nil {
		return g.settle()
	}
	columns, others := g.columns, []groupColumn(nil)
	g.columns = nil
	for _, c := range columns {
		if c.values.Typing() == l.typing {
			g.columns = append(g.columns, c)
		} else {
			others = append(others, c)
		}
	}
	if err := g.settleColumns(others); err != nil {
		return err
	}
	return l.gather(g)
}

// largest returns what finds the groups that the sort behind the pipe may keep; nil where
// it sorts by something else than counts.
func (g *groupGatherer) largest() *largestGroups {
	if g.first == nil || g.whole {
		return nil
	}
	l := &largestGroups{by: slices.Index(g.names, g.first.by[0].name), most: g.first.offset + g.first.limit, counts: g.counts()}
	l.small = g.first.by[0].desc == g.first.desc
	most := slices.MaxFunc(g.columns, func(a, b groupColumn) int { return len(a.counts[0]) - len(b.counts[0]) })
	l.typing = most.values.Typing()
	if l.by < 0 || l.counts == nil || !l.typing.IsNumber() {
		return nil
	}
	return l
}
