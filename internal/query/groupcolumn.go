package query

import (
	"container/heap"
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

// largestGroups adds groups up by the numbers that their values are, without their texts.
type largestGroups struct {
	hasher column.Hasher
	typing column.Typing
	by     int  // the function that is sorted by
	small  bool // the smallest come first
	most   int
	counts []*countAgg

	table []uint32 // hash table of places in keys, from 1
	keys  []int64
	kinds []llama.Kind
	sums  [][]uint64 // by function
}

// gather leaves g with the groups that may be among those that are asked for.
func (l *largestGroups) gather(g *groupGatherer) error {
	rows := g.groups()
	for i := range g.columns {
		rows += len(g.columns[i].counts[0])
	}
	size := 64
	for size < 2*rows {
		size *= 2
	}
	held := 4*size + (9+8*len(l.counts))*rows
	if err := g.env.budget.grow(held); err != nil {
		return err
	}
	l.hasher = column.NewHasher() // senders choose the numbers
	l.table, l.sums = make([]uint32, size), make([][]uint64, len(l.counts))
	l.keys, l.kinds = make([]int64, 0, rows), make([]llama.Kind, 0, rows)
	for k := range l.sums {
		l.sums[k] = make([]uint64, 0, rows)
	}
	for i := range g.columns {
		c := &g.columns[i]
		for row := range c.counts[0] {
			if err := g.env.over(row); err != nil {
				return err
			}
			at := l.place(c.values.Int(c.values.Code(row)), c.kind)
			for k := range l.sums {
				l.sums[k][at] += uint64(c.counts[k][row])
			}
		}
		_ = g.env.budget.grow(-c.bytes) // giving never fails
	}
	g.columns = nil
	if err := l.regroup(g); err != nil {
		return err
	}
	return g.env.budget.grow(-held)
}

// place returns the place of a number's group.
func (l *largestGroups) place(n int64, kind llama.Kind) int {
	mask := uint64(len(l.table) - 1)
	at := l.hasher.Mix(uint64(n), 0) & mask
	for l.table[at] != 0 && l.keys[l.table[at]-1] != n {
		at = (at + 1) & mask
	}
	if l.table[at] == 0 {
		l.keys, l.kinds = append(l.keys, n), append(l.kinds, kind)
		for k := range l.sums {
			l.sums[k] = append(l.sums[k], 0)
		}
		l.table[at] = uint32(len(l.keys))
	}
	place := int(l.table[at] - 1)
	l.kinds[place] = common(l.kinds[place], kind)
	return place
}

// regroup adds the groups of g, and puts in their place those that may be among the first.
// A group that is no number stays.
func (l *largestGroups) regroup(g *groupGatherer) error {
	keys, kinds, counts := g.keys, g.kinds, make([][]uint64, len(l.counts))
	for k, count := range l.counts {
		count.grow(len(keys))
		counts[k], count.n = count.n, nil
	}
	clear(g.ids)
	g.keys, g.kinds = nil, nil
	for _, text := range keys {
		_ = g.env.budget.grow(-g.cost(len(text), 1)) // giving never fails
	}
	var key wire
	add := func(text string, kind llama.Kind, of func(k int) uint64) error {
		id, err := g.id(&key, []string{text}, []llama.Kind{kind})
		for k, count := range l.counts {
			count.grow(g.groups())
			count.n[id] += of(k)
		}
		return err
	}
	for i, text := range keys {
		n, ok := l.typing.Parse(text)
		if !ok {
			if err := add(text, kinds[i], func(k int) uint64 { return counts[k][i] }); err != nil {
				return err
			}
			continue
		}
		at := l.place(n, kinds[i])
		for k := range l.sums {
			l.sums[k][at] += counts[k][i]
		}
	}
	least := l.threshold()
	var buffer []byte
	for i, sum := range l.sums[l.by] {
		if l.order(sum) < least {
			continue
		}
		buffer = l.typing.Append(buffer[:0], l.keys[i])
		if err := add(string(buffer), l.kinds[i], func(k int) uint64 { return l.sums[k][i] }); err != nil {
			return err
		}
	}
	return nil
}

// order returns a number that is larger for what comes sooner.
func (l *largestGroups) order(sum uint64) uint64 {
	if l.small {
		return ^sum
	}
	return sum
}

// threshold returns the least order of the groups that are asked for; groups that are the
// same there may be more.
func (l *largestGroups) threshold() uint64 {
	var first smallest
	for _, sum := range l.sums[l.by] {
		if o := l.order(sum); len(first) < l.most {
			heap.Push(&first, o)
		} else if o > first[0] {
			first[0] = o
			heap.Fix(&first, 0)
		}
	}
	if len(first) < l.most {
		return 0
	}
	return first[0]
}

// smallest is a heap with the smallest number on top.
type smallest []uint64

func (s smallest) Len() int           { return len(s) }
func (s smallest) Less(i, j int) bool { return s[i] < s[j] }
func (s smallest) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *smallest) Push(x any)        { *s = append(*s, x.(uint64)) }
func (s *smallest) Pop() any {
	x := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return x
}
