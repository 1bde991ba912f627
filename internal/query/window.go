package query

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"slices"

	"github.com/llama-logs/llama/internal/column"
)

// A limit of many rows keeps no row in memory. The node looks twice: first for the key of
// the last row that may be among those wanted, which takes some bytes a row, and then it
// sends the rows up to there as it finds them, as where there is no limit. The merger,
// which holds them packed, leaves off what is over. A limit of few rows is quicker with
// the rows at hand: see rowGatherer.

// manyRows is how many rows are more than few: as they are some hundred bytes each, these
// take a few MB.
const manyRows = 10_000

// A window is which rows of the answer are wanted where nothing is sorted by.
type window struct {
	offset, limit int
	bare          bool // no pipe makes anything of the rows, so those of a State are the answer
}

// last is how many of the first rows it takes to have all that are wanted.
func (w *window) last() int { return w.offset + w.limit }

// manyOf returns the row pipes and the window of a query that wants many rows as they
// come: all its pipes look at one row at a time, but for limits and offsets, behind which
// none drops or adds rows. It is nil for any other.
func manyOf(pipes []pipe, few int) (rows []rowPipe, w *window) {
	var windows []pipe
	for _, p := range pipes {
		row, ok := p.(rowPipe)
		switch {
		case isWindow(p):
			windows = append(windows, p)
		case !ok || len(windows) > 0 && (!keepsRows(p) || len(inFilters(allFilter{}, []pipe{p})) > 0): // all nodes' values are meant there
			return nil, nil
		default:
			rows = append(rows, row)
		}
	}
	all, n := windowOf(windows)
	if n == 0 || all.spec.limit < 0 || all.spec.offset+all.spec.limit <= few {
		return nil, nil
	}
	return rows, &window{all.spec.offset, all.spec.limit, len(rows) == 0}
}

// untilLast prepares a run to give no more rows than its window takes.
func (r *run) untilLast(ctx context.Context, src Source, held int) error {
	events := 0
	for i := range r.refs {
		events += r.refs[i].Rows
	}
	if events <= r.window.last() {
		return nil // an event that becomes many rows is left to the merger
	}
	first := *r.plan
	first.gather = &keysPipe{most: r.window.last()}
	o, told := r.o, r.o.Progress
	if told != nil { // it is half of the way
		o.Progress = func(p Progress) { told(Progress{Share: p.Share / 2}) }
		r.o.Progress = func(p Progress) {
			p.Share = (1 + p.Share) / 2
			told(p)
		}
	}
	look := newRun(&first, src, o, held)
	defer look.close()
	g, err := look.gather(ctx)
	if err != nil {
		return err
	}
	r.so.Bytes = look.so.Bytes // they were read for this run
	keys := g.(*keyGatherer).keys
	if len(keys) < r.window.last() {
		return nil
	}
	last := keys[0]
	r.until = &last
	r.env.raise(last.time)
	r.refs = slices.DeleteFunc(r.refs, func(ref column.Ref) bool { return ref.MaxTime < last.time })
	r.total = 0
	for i := range r.refs {
		r.total += weight(&r.refs[i])
	}
	return nil
}

// upTo leaves out the rows that come behind one with the key last.
func (c *chunk) upTo(last *lineKey) {
	out := c.work.numbers(len(c.sel))
	for _, r := range c.sel {
		if key := c.lineKey(r); key.compare(last) <= 0 {
			out = append(out, r)
		}
	}
	c.sel = out
}

// lineKey returns what row r is ordered by where nothing is sorted by.
func (c *chunk) lineKey(r uint32) (key lineKey) {
	key.time, key.seq = c.order(r)
	if c.items != nil {
		key.item = c.items[r]
	}
	return key
}

// A keysPipe finds the keys of the first rows, on one node.
type keysPipe struct {
	limitPipe // what it is in a query's text
	most      int
}

func (p *keysPipe) gather(e *env, _ []pipe) gatherer { return &keyGatherer{env: e, most: p.most} }

// A keyGatherer keeps the keys of the first rows, the last of them first.
type keyGatherer struct {
	env  *env
	most int
	keys lastFirst
}

// lastFirst is a heap with the key on top whose row comes last.
type lastFirst []lineKey

func (h lastFirst) Len() int           { return len(h) }
func (h lastFirst) Less(i, j int) bool { return h[i].compare(&h[j]) > 0 }
func (h lastFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lastFirst) Push(k any)        { *h = append(*h, k.(lineKey)) }
func (h *lastFirst) Pop() any {
	k := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return k
}

func (g *keyGatherer) add(c *chunk) error {
	before := len(g.keys)
	for i := len(c.sel) - 1; i >= 0; i-- { // the newest come last
		if c.stopped(i) {
			return c.err
		}
		g.take(c.lineKey(c.sel[i]))
	}
	if len(g.keys) == g.most {
		g.env.raise(g.keys[0].time)
	}
	if c.err != nil {
		return c.err
	}
	return g.env.budget.grow(lineKeySize * (len(g.keys) - before))
}

func (g *keyGatherer) take(k lineKey) {
	switch {
	case len(g.keys) < g.most:
		heap.Push(&g.keys, k)
	case k.compare(&g.keys[0]) < 0:
		g.keys[0] = k
		heap.Fix(&g.keys, 0)
	}
}

func (g *keyGatherer) merge(from gatherer) error {
	other := from.(*keyGatherer)
	before := len(g.keys) + len(other.keys)
	for i := range other.keys {
		if err := g.env.over(i); err != nil {
			return err
		}
		g.take(other.keys[i])
	}
	return g.env.budget.grow(lineKeySize * (len(g.keys) - before))
}

// errKeys is that keys were asked for what they are not: they never leave the run.
var errKeys = errors.New("keys of rows are no rows")

func (g *keyGatherer) frames(func(Frame) error) error { return errKeys }
func (g *keyGatherer) read(string, Frame) error       { return errKeys }
func (g *keyGatherer) rows(func(Row) error) error     { return errKeys }

// errEnough ends a merge that has given all that was wanted.
var errEnough = errors.New("no more rows are wanted")

// of returns an emit that hands on to emit what is in the window, and fails with errEnough
// behind it. A nil window is all.
func (w *window) of(emit func(LinesOf) error) func(LinesOf) error {
	if w == nil {
		return emit
	}
	skip, left := w.offset, w.limit
	return func(l LinesOf) error {
		if left == 0 {
			return errEnough
		}
		if skip >= l.Count {
			skip -= l.Count
			return nil
		}
		if skip > 0 || l.Count > left {
			text, err := l.All()
			if err != nil {
				return err
			}
			from := linesEnd(text, skip)
			l.Count = min(l.Count-skip, left)
			l.Whole, l.Origin = nil, nil
			l.Text = text[from : from+linesEnd(text[from:], l.Count)]
			skip = 0
		}
		left -= l.Count
		return emit(l)
	}
}

// linesEnd returns where the first n lines of text end.
func linesEnd(text []byte, n int) (end int) {
	for range n {
		end += bytes.IndexByte(text[end:], '\n') + 1
	}
	return end
}
