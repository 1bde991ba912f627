package query

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A query with options(explain=true) is priced and not run: its answer is what it would
// read of each collection of each node, as the directories of segments say. So a price
// takes the way of any answer, through central and from many nodes.

// Explained returns the query with options(explain=true).
func (q *Query) Explained() *Query {
	e := *q
	e.options.explain = true
	return &e
}

// Halves returns what of the query runs on nodes, and what where their answers are
// merged, which is empty when nothing is left to do there.
func (q *Query) Halves() (node, merger string) {
	pipes := early(q.pipes)
	here := len(pipes) - len(q.plan(&RunOptions{}).rest)
	asked := *q
	asked.pipes = pipes[:here]
	rest := make([]string, 0, len(pipes)-here)
	for _, pipe := range pipes[here:] {
		var b strings.Builder
		pipe.write(&b)
		rest = append(rest, b.String())
	}
	return asked.String(), strings.Join(rest, " | ")
}

// maxPrices numbers the rows of prices down from it, so that a merger, which shows the
// newest first, shows them in their order.
const maxPrices = 1 << 30

// A price is what a query would read of a collection.
type price struct {
	collection      string
	segments, whole int // whole: of which the answer is kept
	blocks          int // to look into, those in memory among them
	memory          int // blocks in memory
	events, bytes   int64
}

// priced runs a query with options(explain=true): it gives the rows of its price.
func (p *plan) priced(ctx context.Context, src Source, o RunOptions, emit func(Row) error) error {
	o.Pool = nil
	r := newRun(p, src, o, 0)
	for _, x := range r.prices() {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		row := Row{}
		add := func(name, value string, kind llama.Kind) {
			row = append(row, llama.Field{Name: name, Value: value, Kind: kind})
		}
		if o.Target != "" {
			add("target", o.Target, llama.String)
		}
		add("node", o.NodeID, llama.String)
		add("collection", x.collection, llama.String)
		for _, n := range []struct {
			name  string
			value int64
		}{
			{"segments", int64(x.segments)}, {"segments_kept", int64(x.whole)}, {"blocks", int64(x.blocks)},
			{"blocks_in_memory", int64(x.memory)}, {"events", x.events}, {"bytes", x.bytes},
		} {
			add(n.name, strconv.FormatInt(n.value, 10), llama.Number)
		}
		if err := emit(row); err != nil {
			return err
		}
	}
	return nil
}

// prices returns the price of each collection, by name; at least one.
func (r *run) prices() []price {
	byName := map[string]*price{}
	seen := map[*column.Sealed]bool{}
	var kept *keeper
	if r.plan.gather != nil {
		kept = r.keeper(1)
	}
	isKept := map[*column.Sealed]bool{}
	of := func(ref *column.Ref) *price {
		x := byName[ref.Collection]
		if x == nil {
			x = &price{collection: ref.Collection}
			byName[ref.Collection] = x
		}
		return x
	}
	for i := range r.refs {
		x, s := of(&r.refs[i]), r.refs[i].Sealed
		if s == nil || seen[s] {
			continue
		}
		seen[s] = true
		x.segments++
		if kept != nil && kept.of[s] != nil {
			parts, made := s.Find(kept.name)
			_, nothing := made.(column.Nothing)
			isKept[s] = parts != nil || nothing
		}
		if isKept[s] {
			x.whole++
		}
	}
	for _, ref := range r.opened(slices.DeleteFunc(r.refs, func(ref column.Ref) bool { return isKept[ref.Sealed] })) {
		x := of(&ref)
		x.blocks++
		if ref.Sealed == nil && ref.Bytes == 0 {
			x.memory++
		}
		x.events += int64(ref.Rows)
		x.bytes += ref.Bytes
	}
	out := []price{}
	for _, x := range byName {
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b price) int { return strings.Compare(a.collection, b.collection) })
	if len(out) == 0 {
		out = append(out, price{})
	}
	return out
}
