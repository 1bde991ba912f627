package query

import (
	"container/heap"
	"math/bits"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// largestGroups adds groups up by the numbers that their values are, without their texts,
// and share by share of their hashes, so that what is added up at a time is in the
// processor's cache.
type largestGroups struct {
	hasher column.Hasher
	typing column.Typing
	by     int  // the function that is sorted by
	small  bool // the smallest come first
	most   int
	counts []*countAgg

	shift  int      // what is left of a hash is its share
	table  []uint32 // hash table of places in groups, from 1
	groups numberGroups
}

const (
	// shareRows is about how many rows a share has, as long as there are no more than
	// maxShares.
	shareRows = 4096
	maxShares = 128
)

// numberGroups are groups, column by column.
type numberGroups struct {
	keys  []int64
	kinds []llama.Kind
	sums  [][]uint64 // by function
}

func newNumberGroups(functions, rows int) numberGroups {
	n := numberGroups{make([]int64, rows), make([]llama.Kind, rows), make([][]uint64, functions)}
	for k := range n.sums {
		n.sums[k] = make([]uint64, rows)
	}
	return n
}

// first returns the first n, with the room of all.
func (n numberGroups) first(rows int) numberGroups {
	n.keys, n.kinds = n.keys[:rows], n.kinds[:rows]
	for k := range n.sums {
		n.sums[k] = n.sums[k][:rows]
	}
	return n
}

// gather leaves g with the groups that may be among those that are asked for.
func (l *largestGroups) gather(g *groupGatherer) error {
	own, others := l.numbers(g)
	rows := len(own.keys)
	for i := range g.columns {
		rows += len(g.columns[i].counts[0])
	}
	held := rows * (17 + 2*(9+8*len(l.counts)))
	if err := g.env.budget.grow(held); err != nil {
		return err
	}
	l.hasher = column.NewHasher() // senders choose the numbers
	if err := l.addUp(g, own, rows); err != nil {
		return err
	}
	for i := range g.columns {
		_ = g.env.budget.grow(-g.columns[i].bytes) // giving never fails
	}
	g.columns = nil
	if err := l.regroup(g, others); err != nil {
		return err
	}
	return g.env.budget.grow(-held)
}

// numbers returns the groups of g that are numbers, and which are not.
func (l *largestGroups) numbers(g *groupGatherer) (own numberGroups, others []int) {
	own = newNumberGroups(len(l.counts), len(g.keys))
	rows := 0
	for _, count := range l.counts {
		count.grow(len(g.keys))
	}
	for i, text := range g.keys {
		n, ok := l.typing.Parse(text)
		if !ok {
			others = append(others, i)
			continue
		}
		own.keys[rows], own.kinds[rows] = n, g.kinds[i]
		for k, count := range l.counts {
			own.sums[k][rows] = count.n[i]
		}
		rows++
	}
	return own.first(rows), others
}

// addUp adds up the rows of the columns of g, and own, of which there are so many in all.
func (l *largestGroups) addUp(g *groupGatherer, own numberGroups, rows int) error {
	keys, shares, ends := make([]int64, 0, rows), make([]uint8, 0, rows), l.split(rows)
	note := func(key int64) {
		share := l.share(key)
		keys, shares = append(keys, key), append(shares, uint8(share))
		ends[share]++
	}
	for _, key := range own.keys {
		note(key)
	}
	for i := range g.columns {
		c := &g.columns[i]
		for row := range c.counts[0] {
			if err := g.env.over(row); err != nil {
				return err
			}
			note(c.values.Int(c.values.Code(row)))
		}
	}
	next, sum := make([]int, len(ends)), 0
	for share, n := range ends {
		next[share], ends[share] = sum, sum+n
		sum += n
	}

	sorted := newNumberGroups(len(l.counts), rows) // by share
	done := 0
	put := func(kind llama.Kind) (place int) {
		share := shares[done]
		place = next[share]
		sorted.keys[place], sorted.kinds[place] = keys[done], kind
		next[share]++
		done++
		return place
	}
	for row := range own.keys {
		place := put(own.kinds[row])
		for k := range sorted.sums {
			sorted.sums[k][place] = own.sums[k][row]
		}
	}
	for i := range g.columns {
		c := &g.columns[i]
		for row := range c.counts[0] {
			place := put(c.kind)
			for k := range sorted.sums {
				sorted.sums[k][place] = uint64(c.counts[k][row])
			}
		}
	}

	l.groups = newNumberGroups(len(l.counts), rows).first(0)
	from := 0
	for _, to := range ends {
		if err := g.env.over(0); err != nil {
			return err
		}
		l.addShare(&sorted, from, to)
		from = to
	}
	return nil
}

// split sets how hashes are split for so many rows, and returns a place for each share.
func (l *largestGroups) split(rows int) []int {
	n := 1
	for n < maxShares && n*shareRows < rows {
		n *= 2
	}
	l.shift = 64 - bits.Len(uint(n-1))
	return make([]int, n)
}

func (l *largestGroups) hash(key int64) uint64 { return l.hasher.Mix(uint64(key), 0) }

func (l *largestGroups) share(key int64) uint64 { return l.hash(key) >> l.shift }

// addShare adds up rows that have all of their groups.
func (l *largestGroups) addShare(rows *numberGroups, from, to int) {
	size := 64
	for size < 2*(to-from) {
		size *= 2
	}
	if cap(l.table) < size {
		l.table = make([]uint32, size)
	}
	table := l.table[:size]
	clear(table)
	mask, groups := uint64(size-1), &l.groups
	for row := from; row < to; row++ {
		key := rows.keys[row]
		at := l.hash(key) & mask
		for table[at] != 0 && groups.keys[table[at]-1] != key {
			at = (at + 1) & mask
		}
		if table[at] == 0 {
			groups.keys, groups.kinds = append(groups.keys, key), append(groups.kinds, rows.kinds[row])
			for k := range groups.sums {
				groups.sums[k] = append(groups.sums[k], rows.sums[k][row])
			}
			table[at] = uint32(len(groups.keys))
			continue
		}
		group := table[at] - 1
		groups.kinds[group] = common(groups.kinds[group], rows.kinds[row])
		for k := range groups.sums {
			groups.sums[k][group] += rows.sums[k][row]
		}
	}
}

// regroup puts those that may be among the first in the place of the groups of g, of which
// only others stay.
func (l *largestGroups) regroup(g *groupGatherer, others []int) error {
	keys, kinds, counts := g.keys, g.kinds, make([][]uint64, len(l.counts))
	for k, count := range l.counts {
		counts[k], count.n = count.n, nil
	}
	g.ids = newGroupTable()
	g.keys, g.kinds = nil, nil
	for _, text := range keys {
		_ = g.env.budget.grow(-g.cost(len(text), 1)) // giving never fails
	}
	var key wire
	add := func(text string, kind llama.Kind, sums [][]uint64, i int) error {
		id, err := g.id(&key, []string{text}, []llama.Kind{kind})
		for k, count := range l.counts {
			count.grow(g.groups())
			count.n[id] += sums[k][i]
		}
		return err
	}
	for _, i := range others {
		if err := add(keys[i], kinds[i], counts, i); err != nil {
			return err
		}
	}
	least := l.threshold()
	var buffer []byte
	for i, sum := range l.groups.sums[l.by] {
		if l.order(sum) < least {
			continue
		}
		buffer = l.typing.Append(buffer[:0], l.groups.keys[i])
		if err := add(string(buffer), l.groups.kinds[i], l.groups.sums, i); err != nil {
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
	for _, sum := range l.groups.sums[l.by] {
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
