package query

import (
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// A rowSpec says which rows a rowGatherer keeps, and in what order. Rows that
// are equal, or all rows when nothing is sorted by, come the newest first; at
// the merger, as they came.
type rowSpec struct {
	by        []sortField
	desc      bool
	partition []string
	offset    int
	limit     int // -1: all
	rank      string
	// What the kept rows have: the fields that the next pipe keeps, or all when
	// shown is nil; and those that are hidden, where a pipe may ask for them.
	shown  []string
	hidden bool
}

// A rowGatherer keeps rows: those that may be among the first offset+limit, of
// each partition, or all.
type rowGatherer struct {
	*rowSpec
	env   *env
	parts map[string]*rowHeap
	base  uint64 // rows that came before, in chunks without times
}

// A rowHeap has the row that comes last on top.
type rowHeap struct {
	spec *rowSpec
	list []*kept
}

func newRowGatherer(e *env, rest []pipe, spec rowSpec) *rowGatherer {
	spec.hidden = len(rest) > 0
	if len(rest) > 0 {
		if f, ok := rest[0].(*fieldsPipe); ok && spec.rank == "" {
			spec.shown = f.patterns
		}
	}
	return &rowGatherer{rowSpec: &spec, env: e, parts: map[string]*rowHeap{}}
}

func (s *rowSpec) compare(a, b *kept) int {
	for i := range s.by {
		c := compareKeys(&a.keys[i], &b.keys[i])
		if c == 0 {
			continue
		}
		if s.by[i].desc != s.desc {
			return -c
		}
		return c
	}
	switch {
	case a.time != b.time && a.time > b.time:
		return -1
	case a.time != b.time:
		return 1
	case a.node != b.node:
		return strings.Compare(a.node, b.node)
	case a.seq != b.seq && a.seq > b.seq:
		return -1
	case a.seq != b.seq:
		return 1
	}
	if n := len(s.by); len(a.keys) > n && len(b.keys) > n {
		return compareKeys(&a.keys[n], &b.keys[n]) // of rows that one event became, the first first
	}
	return 0
}

func (h *rowHeap) Len() int           { return len(h.list) }
func (h *rowHeap) Less(i, j int) bool { return h.spec.compare(h.list[i], h.list[j]) > 0 }
func (h *rowHeap) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *rowHeap) Push(k any)         { h.list = append(h.list, k.(*kept)) }
func (h *rowHeap) Pop() any {
	k := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return k
}

// most is how many rows of a partition are kept, or -1.
func (s *rowSpec) most() int {
	if s.limit < 0 {
		return -1
	}
	return s.offset + s.limit
}

func (g *rowGatherer) part(name string) (*rowHeap, error) {
	h := g.parts[name]
	if h == nil {
		h = &rowHeap{spec: g.rowSpec}
		g.parts[strings.Clone(name)] = h
		return h, g.env.budget.grow(costEntry + len(name))
	}
	return h, nil
}

func (g *rowGatherer) add(c *chunk) error {
	if g.most() == 0 {
		g.env.raise(maxTime)
		return nil
	}
	keys := make([]func(uint32) (orderKey, string), len(g.by))
	for i, f := range g.by {
		keys[i] = c.keyColumn(f.name)
	}
	parts := make([]func(uint32) string, len(g.partition))
	for i, name := range g.partition {
		parts[i] = c.values(name)
	}
	next := &kept{keys: make([]orderKey, len(keys), len(keys)+1), text: make([]string, len(keys), len(keys)+1)}
	var fresh []*kept
	for i := len(c.sel) - 1; i >= 0; i-- { // the newest come last
		if c.stopped(i) {
			return c.err
		}
		r := c.sel[i]
		next.time, next.seq = c.order(r)
		if c.block == nil {
			next.seq -= g.base
		}
		for j, key := range keys {
			next.keys[j], next.text[j] = key(r)
		}
		if c.items != nil {
			next.setItem(len(keys), c.items[r])
		}
		next.part, next.from = "", r
		if len(parts) > 0 {
			next.part = partName(parts, r)
		}
		h, err := g.part(next.part)
		if err != nil {
			return err
		}
		if most := g.most(); most >= 0 && h.Len() >= most && g.compare(next, h.list[0]) >= 0 {
			continue
		}
		k := *next
		k.keys, k.text = slices.Clone(next.keys), slices.Clone(next.text)
		if err := g.keep(h, &k); err != nil {
			return err
		}
		fresh = append(fresh, &k)
	}
	g.base += uint64(c.rows)
	if h := g.parts[""]; c.block != nil && len(g.by) == 0 && len(g.partition) == 0 && h != nil && h.Len() == g.most() {
		g.env.raise(h.list[0].time)
	}
	return g.fill(c, fresh)
}

func partName(parts []func(uint32) string, r uint32) string {
	var w wire
	for _, part := range parts {
		w.text(part(r))
	}
	return string(w.b)
}

// compareParts orders partitions by the texts of their fields.
func compareParts(a, b string) int {
	ra, rb := &reader{b: []byte(a)}, &reader{b: []byte(b)}
	for len(ra.b) > 0 && len(rb.b) > 0 {
		if c := compareTexts(ra.text(), rb.text()); c != 0 {
			return c
		}
	}
	return len(ra.b) - len(rb.b)
}

// keep puts a row in, and the last out when there are too many.
func (g *rowGatherer) keep(h *rowHeap, k *kept) error {
	if g.most() < 0 {
		h.list = append(h.list, k)
		return g.env.budget.grow(k.size)
	}
	if h.Len() < g.most() {
		heap.Push(h, k)
	} else {
		out := h.list[0]
		h.list[0] = k
		heap.Fix(h, 0)
		out.from, out.row = gone, nil
		if err := g.env.budget.grow(-out.size); err != nil {
			return err
		}
	}
	return g.env.budget.grow(k.size)
}

// gone marks a row that was put out again before it was filled.
const gone = ^uint32(0)

// fill reads the fields of the rows that stayed, so that no more are decoded
// and copied than are kept.
func (g *rowGatherer) fill(c *chunk, fresh []*kept) error {
	maker := c.maker(g.shown, g.hidden)
	for i, k := range fresh {
		if c.stopped(i) {
			return c.err
		}
		if k.from == gone {
			continue
		}
		k.row = cloneRow(maker.row(k.from))
		for i := range k.text {
			k.text[i] = keyText(k.keys[i], k.text[i])
			if k.keys[i].class == classText {
				k.keys[i].s = k.text[i]
			}
		}
		k.part = strings.Clone(k.part)
		k.size = rowSize(k.row)
		if err := g.env.budget.grow(k.size); err != nil {
			return err
		}
	}
	return c.err
}

func (g *rowGatherer) take(k *kept) error {
	h, err := g.part(k.part)
	if err != nil {
		return err
	}
	if most := g.most(); most >= 0 && (most == 0 || h.Len() >= most && g.compare(k, h.list[0]) >= 0) {
		return nil
	}
	return g.keep(h, k)
}

func (g *rowGatherer) merge(from gatherer) error {
	for _, h := range from.(*rowGatherer).parts {
		for i, k := range h.list {
			if err := g.env.over(i); err != nil {
				return err
			}
			if err := g.env.budget.grow(-k.size); err != nil {
				return err
			}
			if err := g.take(k); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *rowGatherer) frames(emit func(Frame) error) error {
	var w rowWriter
	for _, h := range g.parts {
		for _, k := range h.list {
			w.add(k)
			if w.full() {
				if err := emit(w.frame(State)); err != nil {
					return err
				}
			}
		}
	}
	if w.count == 0 {
		return nil
	}
	return emit(w.frame(State))
}

func (g *rowGatherer) read(node string, f Frame) error {
	return readRows(f.Bytes, node, func(k *kept) error {
		if n := len(k.keys) - len(g.by); n != 0 && n != 1 {
			return fmt.Errorf("row has %d keys, the query %d: %w", len(k.keys), len(g.by), errFrame)
		}
		for i, f := range g.by {
			if f.name == wholeRow {
				k.keys[i] = orderKey{class: classText, s: k.text[i]}
			}
		}
		return g.take(k)
	})
}

func (g *rowGatherer) rows(emit func(Row) error) error {
	names := slices.SortedFunc(maps.Keys(g.parts), compareParts)
	if g.desc {
		slices.Reverse(names)
	}
	for _, name := range names {
		h := g.parts[name]
		slices.SortFunc(h.list, g.compare)
		for i, k := range h.list {
			if i < g.offset {
				continue
			}
			row := k.row
			if g.rank != "" {
				row = append(slices.DeleteFunc(row, func(f llama.Field) bool { return f.Name == g.rank }),
					llama.Field{Name: g.rank, Value: strconv.Itoa(i + 1), Kind: llama.Number})
			}
			if err := emit(row); err != nil {
				return err
			}
		}
	}
	return nil
}
