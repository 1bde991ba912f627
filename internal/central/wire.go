package central

import (
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/store"
)

// std returns a time for the wire; 0 is none.
func std(t llama.Time) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return t.Std()
}

// start returns the first moment asked for, 0 for none.
func start(t time.Time) llama.Time {
	if t.IsZero() {
		return 0
	}
	return llama.At(t)
}

// end returns the last moment asked for: over the wire the end is the first
// moment that is not.
func end(t time.Time) llama.Time {
	if t.IsZero() {
		return 0
	}
	return llama.At(t) - 1
}

func wireQuery(q *store.Query) api.Query {
	wire := api.Query{
		ID: q.ID, Query: q.Text, Normal: q.Normal, Name: q.Name, Targets: q.Targets, User: q.User, State: string(q.State),
		Created: std(q.Created), Started: std(q.Started), Ended: std(q.Ended), Deadline: std(q.Deadline), Expires: std(q.Expires),
		From: std(q.From), Limit: int64(q.Limit), Rows: q.Rows, Columns: q.Columns, Error: q.Error,
		Tasks: []api.Task{},
	}
	if q.To != 0 {
		wire.To = std(q.To + 1)
	}
	if wire.Targets == nil {
		wire.Targets = []string{}
	}
	if wire.Columns == nil {
		wire.Columns = []string{}
	}
	for _, t := range q.Tasks {
		wire.Tasks = append(wire.Tasks, api.Task{
			Target: t.Target, Node: t.Node, State: string(t.State), Progress: t.Progress,
			EventsRead: t.EventsRead, BytesRead: t.BytesRead, Rows: t.Rows, Error: t.Error,
			Queued: std(t.Queued), Delivered: std(t.Delivered), Started: std(t.Started), Ended: std(t.Ended),
		})
	}
	return wire
}

// together returns how far a query is on all its nodes. Where rows have not been
// merged yet, those that were sent are counted.
func together(q *store.Query) api.Progress {
	p := api.Progress{Rows: q.Rows}
	for _, t := range q.Tasks {
		if q.Rows == 0 {
			p.Rows += t.Rows
		}
		p.EventsRead += t.EventsRead
		p.BytesRead += t.BytesRead
		share := t.Progress
		if t.State.Final() {
			share = 1
		}
		p.Progress += share / float64(len(q.Tasks))
	}
	return p
}
