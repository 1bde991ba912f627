package query

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A Merge is the merger's half of a query: it takes the frames of nodes and
// gives the rows of the answer. Its methods may be called by many at once.
type Merge struct {
	plan *plan
	o    RunOptions

	mu    sync.Mutex
	env   *env
	state gatherer // nil where rows are the answer
	rows  heldRows
	lines *heldLines // instead of rows, where the rows of frames are the answer and Lines were asked for
	// within are the merges of the queries that the pipes need.
	within []*Merge
}

// NewMerge begins the merger's half of a query. Of the options it heeds
// MaxMemory, MaxRows and Lines.
func (q *Query) NewMerge(o RunOptions) *Merge {
	if q.options.explain {
		q = &Query{filter: allFilter{}} // prices are rows, whatever is priced
	}
	m := &Merge{plan: q.plan(&RunOptions{Lines: o.Lines, few: o.few}), o: o, env: newEnv(o.MaxMemory)}
	if m.plan.gather != nil {
		m.state = m.plan.gather.gather(m.env, m.plan.rest)
	}
	if o.Lines && m.plan.gather == nil && len(m.plan.rest) == 0 {
		m.lines = &heldLines{}
	}
	m.env.seconds = seconds(m.plan.filter)
	m.openWithin()
	return m
}

// Add takes a frame of a node. A frame must be added once: of each query, node
// and number. After an error the merge is of no use.
func (m *Merge) Add(node string, f Frame) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case f.Kind == Within:
		return m.addWithin(node, f)
	case f.Kind == State && m.state != nil:
		if err := m.state.read(node, f); err != nil {
			return fmt.Errorf("merge a frame of %s: %w", node, err)
		}
		return nil
	case m.lines != nil && (f.Kind == Lines || f.Kind == Rows || f.Kind == State && m.plan.window != nil && m.plan.window.bare):
		if f.Kind == State { // of a program that kept the rows of any limit
			f.Kind = Rows
		}
		bytes, err := m.lines.add(node, f)
		if err == nil {
			err = m.env.budget.grow(bytes)
		}
		if err != nil {
			return fmt.Errorf("merge a frame of %s: %w", node, err)
		}
		return nil
	case f.Kind == Rows && m.state == nil:
		bytes, err := m.rows.add(node, f)
		if err == nil {
			err = m.env.budget.grow(bytes)
		}
		if err != nil {
			return fmt.Errorf("merge a frame of %s: %w", node, err)
		}
		return nil
	}
	return fmt.Errorf("merge a frame of %s: kind %d does not belong to this query: %w", node, f.Kind, errFrame)
}

// Rows gives the answer so far to emit, row by row. It may be called once, and
// ends soon after ctx does, with the context's error.
func (m *Merge) Rows(ctx context.Context, emit func(Row) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	emit = limited(m.o.MaxRows, emit)
	rest, err := m.fillWithin(ctx)
	if err != nil {
		return err
	}
	if m.state != nil {
		return runPipes(ctx, m.env, rest, m.state.rows, emit)
	}
	if m.lines != nil {
		return m.eachLines(ctx, func(l LinesOf) error { return l.Read(emit) })
	}
	m.rows.sort()
	return runPipes(ctx, m.env, rest, func(emit func(Row) error) error { return m.rows.each(ctx, int(m.o.MaxMemory), emit) }, emit)
}

// HasLines reports whether the merge holds its rows as lines, so that Lines gives them.
func (m *Merge) HasLines() bool { return m.lines != nil }

// Lines gives the answer so far to emit instead of Rows, as lines, and is otherwise as
// Rows is; MaxRows is not heeded. The texts are emit's until it returns.
func (m *Merge) Lines(ctx context.Context, emit func(LinesOf) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.eachLines(ctx, emit)
}

func (m *Merge) eachLines(ctx context.Context, emit func(LinesOf) error) error {
	err := m.lines.each(ctx, m.env, int(m.o.MaxMemory), m.plan.window.of(emit))
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
