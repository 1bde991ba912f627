package central

import (
	"context"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/task"
)

// Rows implements api.Results.
func (a adapter) Rows(ctx context.Context, id string, offset, limit int64, emit func([]llama.Field) error) error {
	return a.tasks.RowLines(ctx, id, offset, limit, func(l task.RowLines) error {
		text, err := l.Text()
		if err != nil {
			return err
		}
		return query.ReadLines(text, emit)
	})
}

// Lines implements api.Results.
func (a adapter) Lines(ctx context.Context, id string, offset, limit int64, emit func(api.Lines) error) error {
	return a.tasks.RowLines(ctx, id, offset, limit, func(l task.RowLines) error { return emit(l) })
}

// Watch implements api.Results. The rows are those of the preview; the others
// are read by Rows and Lines.
func (a adapter) Watch(ctx context.Context, id string, from int64, emit func(api.Change) error) error {
	var last api.Query
	for u, err := range a.tasks.Watch(ctx, id, from != api.NoRows) {
		if err != nil {
			return err
		}
		if err := change(u, &last, from, emit); err != nil {
			return err
		}
	}
	return nil
}

// change hands on one update. The rows come before the final state: who sees
// that has seen all. Only those of the end may be left out before from, since
// what was shown before may have changed.
func change(u task.Update, last *api.Query, from int64, emit func(api.Change) error) error {
	q := wireQuery(u.Query)
	if u.Rows != nil {
		shown := api.Change{Rows: u.Rows, Final: u.End}
		if u.End {
			shown.Offset = min(from, int64(len(u.Rows)))
			shown.Rows = u.Rows[shown.Offset:]
		}
		if err := emit(shown); err != nil {
			return err
		}
	}
	if progress := together(u.Query); !u.End {
		if err := emit(api.Change{Progress: &progress}); err != nil {
			return err
		}
	}
	if sameState(&q, last) && !u.End {
		return nil
	}
	*last = q
	return emit(api.Change{Query: &q})
}

// sameState reports whether nothing but counters differs.
func sameState(a, b *api.Query) bool {
	if a.State != b.State || len(a.Tasks) != len(b.Tasks) {
		return false
	}
	for i := range a.Tasks {
		if a.Tasks[i].State != b.Tasks[i].State || a.Tasks[i].Error != b.Tasks[i].Error {
			return false
		}
	}
	return true
}

// Tail implements api.Tail.
func (a adapter) Tail(ctx context.Context, f api.Following, emit func(api.Arrival) error) error {
	var last error
	for lines, err := range a.tasks.Tail(ctx, task.Request{Query: f.Query, Targets: f.Targets, User: f.User, After: f.After}) {
		if err != nil {
			return err
		}
		a := api.Arrival{Rows: lines.Rows, Lost: int64(lines.Lost)}
		if lines.Error != "" {
			last = llama.Errorf(llama.Unavailable, "%s: %s", lines.Target, lines.Error)
			a.Stopped = &api.Stopped{Target: lines.Target, Node: lines.Node, Error: lines.Error}
		}
		if err := emit(a); err != nil {
			return err
		}
	}
	if ctx.Err() == nil {
		return last // no node is left
	}
	return nil
}
