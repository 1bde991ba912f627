package query

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/llama-logs/llama"
)

// fillNode runs the queries in the filters of the node's half over src and puts
// what they found in their places. It returns what that takes of the run's memory.
func (p *plan) fillNode(ctx context.Context, src Source, o RunOptions) (held int, err error) {
	found := map[string][]string{} // by the query's text: the same one runs once
	fill := func(f *queryFilter) (filter, error) {
		q := f.distinct()
		values, ok := found[q.String()]
		if !ok {
			rows, size, err := q.answer(ctx, src, o, held)
			if err = p.noteSkipped(err); err != nil {
				return nil, err
			}
			held += size
			values = f.texts(rows)
			found[q.String()] = values
		}
		return f.filter(values)
	}
	if p.filter, err = fillFilter(p.filter, fill); err != nil {
		return 0, err
	}
	p.filter = ordered(p.filter)
	for i := range p.rows {
		filled, err := fillPipe(p.rows[i], fill)
		if err != nil {
			return 0, err
		}
		p.rows[i] = filled.(rowPipe)
	}
	if p.gather != nil {
		filled, err := fillPipe(p.gather, fill)
		if err != nil {
			return 0, err
		}
		p.gather = filled.(gatherPipe)
	}
	return held, nil
}

// answer runs the whole query for another one, which holds so many bytes of their
// common memory already, and returns the rows and their size.
func (q *Query) answer(ctx context.Context, src Source, o RunOptions, held int) (rows []Row, size int, err error) {
	o.Progress, o.MaxRows = nil, 0
	if o.MaxMemory > 0 {
		o.MaxMemory = max(1, o.MaxMemory-int64(held))
	}
	b := &budget{max: o.MaxMemory}
	err = q.Execute(ctx, src, o, func(row Row) error {
		row = cloneRow(row)
		rows = append(rows, row)
		size += rowSize(row)
		return b.grow(rowSize(row))
	})
	return rows, size, err
}

// A withinQuery is a query whose answer the merger needs, and where.
type withinQuery struct {
	query  *Query
	filter *queryFilter // nil: a mergePipe
}

// withinRest returns the queries that the pipes of the merger's half need, always
// in the same order: nodes and merger count them alike.
func (p *plan) withinRest() []withinQuery {
	var out []withinQuery
	for _, one := range p.rest {
		for _, f := range inFilters(allFilter{}, []pipe{one}) {
			out = append(out, withinQuery{f.distinct(), f})
		}
		if m, ok := one.(mergePipe); ok {
			out = append(out, withinQuery{query: m.within()})
		}
	}
	return out
}

// fillRest puts the answers of the queries of withinRest in their places.
func (p *plan) fillRest(answers [][]Row) ([]pipe, error) {
	out := make([]pipe, 0, len(p.rest))
	for _, one := range p.rest {
		filled, err := fillPipe(one, func(f *queryFilter) (filter, error) {
			rows := answers[0]
			answers = answers[1:]
			return f.filter(f.texts(rows))
		})
		if err != nil {
			return nil, err
		}
		if m, ok := one.(mergePipe); ok {
			filled = &answeredPipe{m, answers[0]}
			answers = answers[1:]
		}
		out = append(out, filled)
	}
	return out, nil
}

// An answeredPipe is a mergePipe with the answer of its query.
type answeredPipe struct {
	mergePipe
	answer []Row
}

// executeRest answers the queries of the merger's half where all is in one place.
func (p *plan) executeRest(ctx context.Context, src Source, o RunOptions, held int) (rest []pipe, size int, err error) {
	var answers [][]Row
	for _, w := range p.withinRest() {
		rows, n, err := w.query.answer(ctx, src, o, held)
		if err = p.noteSkipped(err); err != nil {
			return nil, 0, err
		}
		held += n
		answers = append(answers, rows)
	}
	rest, err = p.fillRest(answers)
	return rest, held, err
}

// partialRest sends the node's half of the queries of the merger's half.
func (p *plan) partialRest(ctx context.Context, src Source, o RunOptions, emit func(Frame) error) error {
	o.Progress, o.MaxRows, o.Lines = nil, 0, false
	for i, w := range p.withinRest() {
		err := w.query.Partial(ctx, src, o, func(f Frame) error {
			out := wire{b: []byte{frameVersion}}
			out.uint(uint64(i))
			out.b = append(append(out.b, byte(f.Kind)), f.Bytes...)
			return emit(Frame{Kind: Within, Bytes: out.b})
		})
		if err = p.noteSkipped(err); err != nil {
			return err
		}
	}
	return nil
}

// noteSkipped keeps the error of a query within that left out what is damaged for the
// end, and returns any other.
func (p *plan) noteSkipped(err error) error {
	if errors.Is(err, ErrSkipped) {
		p.without, err = err, nil
	}
	return err
}

// left says what was left out as damaged, by the run or a query within, if anything
// was.
func (r *run) left() error {
	if err := r.skipped.err(); err != nil {
		return err
	}
	return r.without
}

// openWithin begins the merges of the queries of the merger's half.
func (m *Merge) openWithin() {
	for _, w := range m.plan.withinRest() {
		inner := w.query.NewMerge(RunOptions{MaxMemory: m.o.MaxMemory})
		inner.share(m.env.budget)
		m.within = append(m.within, inner)
	}
}

// share lets the merge, which has nothing yet, take its memory from b.
func (m *Merge) share(b *budget) {
	m.env.budget = b
	if m.plan.gather != nil {
		m.state = m.plan.gather.gather(m.env, m.plan.rest)
	}
	for _, inner := range m.within {
		inner.share(b)
	}
}

// addWithin takes a frame of a query within.
func (m *Merge) addWithin(node string, f Frame) error {
	r := newReader(f.Bytes)
	n, kind := r.uint(), r.byte()
	if r.err != nil || n >= uint64(len(m.within)) {
		return fmt.Errorf("merge a frame of %s: it is of a query that is not within this one: %w", node, errFrame)
	}
	return m.within[n].Add(node, Frame{Kind: Kind(kind), Bytes: r.b})
}

// fillWithin answers the queries within from what the nodes sent.
func (m *Merge) fillWithin(ctx context.Context) ([]pipe, error) {
	answers := make([][]Row, len(m.within))
	for i, inner := range m.within {
		err := inner.Rows(ctx, func(row Row) error {
			answers[i] = append(answers[i], row)
			return m.env.budget.grow(rowSize(row))
		})
		if err != nil {
			return nil, err
		}
	}
	return m.plan.fillRest(answers)
}

func (f *queryFilter) write(b *strings.Builder) {
	writeField(b, f.field)
	b.WriteString(f.kind + "(" + f.query.String() + ")")
}

// errUnanswered is the error of a filter that came to be asked before its query
// was.
var errUnanswered = llama.Errorf(llama.Invalid, "a query within a filter cannot be asked here")
