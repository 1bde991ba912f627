package query

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/llama-logs/llama"
)

// runPipes gives the rows of source to the pipes and what they make of them to
// emit.
func runPipes(ctx context.Context, e *env, pipes []pipe, source source, emit func(Row) error) error {
	if len(pipes) == 0 {
		return source(emit)
	}
	rows, gather, rest := split(pipes)
	if gather == nil && len(rest) > 0 {
		next := rest[0].(*answeredPipe)
		before := func(emit func(Row) error) error {
			return runPipes(ctx, e, pipes[:len(rows)], source, func(row Row) error { return emit(shown(row)) })
		}
		return runPipes(ctx, e, rest[1:], next.follow(ctx, e, before, next.answer), emit)
	}
	var state gatherer
	if gather != nil {
		state = gather.gather(e, rest)
	}
	batch := make([]Row, 0, 1024)
	var stop atomic.Bool
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()
	work := &scratch{stop: &stop, budget: e.budget}
	defer work.give()
	flush := func() error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		work.reset()
		c := rowChunk(batch, work)
		batch = batch[:0]
		for _, p := range rows {
			if err := p.apply(c); err != nil {
				return stopError(ctx, err)
			}
		}
		if state != nil {
			return stopError(ctx, state.add(c))
		}
		for _, r := range c.sel {
			if err := emit(c.row(r, nil, false)); err != nil {
				return err
			}
		}
		return nil
	}
	err := source(func(row Row) error {
		batch = append(batch, row)
		if len(batch) < cap(batch) {
			return nil
		}
		return flush()
	})
	if err == nil && len(batch) > 0 {
		err = flush()
	}
	if err != nil || state == nil {
		return err
	}
	return runPipes(ctx, e, rest, state.rows, emit)
}

// shown returns the fields of row that are not hidden.
func shown(row Row) Row {
	return slices.DeleteFunc(row, func(f llama.Field) bool { return strings.HasPrefix(f.Name, hiddenMark) })
}
