package node

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/task"
)

// executor answers tasks from the archive.
type executor struct {
	archive *archive.Archive
	node    string
	budgets *budgets
	rate    atomic.Uint64 // events a second that come in, as math.Float64bits
}

// names returns the names of the collections of a snapshot.
func names(s *archive.Snapshot) []string {
	var all []string
	for _, c := range s.Collections() {
		all = append(all, c.Name)
	}
	return all
}

// Partial implements task.Executor.
func (e *executor) Partial(ctx context.Context, t task.Task, emit func(task.Frame) error, progress func(task.Progress)) error {
	snapshot := e.archive.Snapshot()
	defer snapshot.Close()
	return e.budgets.run(ctx, e.node, func(ctx context.Context, o query.RunOptions) error {
		o.Progress = func(p query.Progress) { progress(task.Progress(p)) }
		return t.Partial(ctx, snapshot, names(snapshot), o, emit)
	})
}

// Follow implements task.Executor.
func (e *executor) Follow(ctx context.Context, t task.Task, emit func(rows []task.Row, lost uint64)) error {
	q, err := t.Parse()
	if err != nil {
		return err
	}
	return e.follow(ctx, q, func(rows []query.Row) error {
		emit(rows, 0)
		return nil
	})
}

// follow hands on the rows of new events that match q, in the order of arrival.
func (e *executor) follow(ctx context.Context, q *query.Query, fn func([]query.Row) error) error {
	matches, err := q.Matcher()
	if err != nil {
		return err
	}
	return e.archive.Follow(ctx, 0, func(events []llama.Event) error {
		var found []llama.Event
		for i := range events {
			if matches(&events[i]) {
				found = append(found, events[i])
			}
		}
		if len(found) == 0 {
			return nil
		}
		var rows []query.Row
		err := q.Execute(ctx, query.Events(found), query.RunOptions{NodeID: e.node, Workers: 1}, func(r query.Row) error {
			rows = append(rows, slices.Clone(r))
			return nil
		})
		if err != nil {
			return err
		}
		slices.Reverse(rows) // a query answers the newest first
		return fn(rows)
	})
}

// Status implements task.Executor.
func (e *executor) Status(context.Context) (task.Status, error) {
	snapshot := e.archive.Snapshot()
	defer snapshot.Close()
	status := task.Status{Collections: []task.Collection{}, EventsPerSecond: math.Float64frombits(e.rate.Load())}
	for _, c := range snapshot.Collections() {
		status.Collections = append(status.Collections, task.Collection{
			Name: c.Name, Events: int64(c.Events), Bytes: c.Bytes, First: c.MinTime, Last: c.MaxTime,
		})
	}
	return status, nil
}

// measureEvery is the time over which the rate of incoming events is taken.
const measureEvery = 2 * time.Second

// measure keeps the rate of incoming events until ctx ends.
func (e *executor) measure(ctx context.Context) error {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	last, at := e.archive.Stat().NextSeq, time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		next, now := e.archive.Stat().NextSeq, time.Now()
		e.rate.Store(math.Float64bits(float64(next-last) / now.Sub(at).Seconds()))
		last, at = next, now
	}
}

// local runs a query for the node's own operator, and gives its rows as lines of JSON.
func (e *executor) local(ctx context.Context, q *query.Query, from, to llama.Time, emit func(lines []byte, rows int) error) error {
	snapshot := e.archive.Snapshot()
	defer snapshot.Close()
	if _, err := q.Collections(names(snapshot)); err != nil {
		return err
	}
	err := e.budgets.run(ctx, e.node, func(ctx context.Context, o query.RunOptions) error {
		o.From, o.To = from, to
		return q.Lines(ctx, snapshot, o, emit)
	})
	if errors.Is(err, context.Canceled) {
		return nil // who asked has gone
	}
	return err
}
