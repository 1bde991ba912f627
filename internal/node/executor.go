package node

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/task"
)

// executor answers tasks from the archive.
type executor struct {
	declared *declared
	archive  *archive.Archive
	node     string
	budgets  atomic.Pointer[budgets]
	tails    *tails
	working  func() (done func()) // see Env
	started  llama.Time
	last     atomic.Int64  // when events last came in, as a llama.Time; 0 for not yet
	rate     atomic.Uint64 // events a second that come in, as math.Float64bits
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
	defer e.working()()
	snapshot := e.archive.Snapshot()
	defer snapshot.Close()
	return e.budgets.Load().run(ctx, e.node, func(ctx context.Context, o query.RunOptions) error {
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
	return e.tails.follow(ctx, q, t.After, func(rows []query.Row) error {
		emit(rows, 0)
		return nil
	})
}

// numberOf returns the arrival number of an event of this node.
func (e *executor) numberOf(id string) (uint64, error) {
	text, ok := strings.CutPrefix(id, e.node+"-")
	seq, err := strconv.ParseUint(text, 10, 64)
	if !ok || err != nil || seq == 0 {
		return 0, llama.Errorf(llama.Invalid, "after: %q is no _id of an event of this node; e.g. %s-4711", id, e.node)
	}
	return seq, nil
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
	e.declared.complete(&status)
	for i := range status.Collections {
		c := &status.Collections[i]
		r := e.archive.Retention(c.Name)
		c.Age, c.Size = config.FormatDuration(r.Age), int64(r.Size)
	}
	return status, nil
}

// health is what the node says of itself with every hello.
func (e *executor) health() task.Health {
	s := e.archive.Stat()
	return task.Health{
		Started: e.started, EventsPerSecond: math.Float64frombits(e.rate.Load()), ArchiveBytes: s.SegmentBytes, LogBytes: s.LogBytes,
		FreeBytes: s.FreeBytes, TotalBytes: s.TotalBytes, Failing: s.Failing, Damaged: s.Damaged, LastEvent: llama.Time(e.last.Load()),
	}
}

// measureEvery is the time over which the rate of incoming events is taken.
const measureEvery = 2 * time.Second

// measure keeps the rate of incoming events, and when there were any, until ctx ends.
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
		if next != last {
			e.last.Store(int64(llama.At(now)))
		}
		last, at = next, now
	}
}

// local runs a query for the node's own operator, and gives its rows as lines of JSON.
func (e *executor) local(ctx context.Context, q *query.Query, from, to llama.Time, emit func(lines []byte, rows int) error) error {
	defer e.working()()
	snapshot := e.archive.Snapshot()
	defer snapshot.Close()
	if _, err := q.Collections(names(snapshot)); err != nil {
		return err
	}
	err := e.budgets.Load().run(ctx, e.node, func(ctx context.Context, o query.RunOptions) error {
		o.From, o.To = from, to
		return q.Lines(ctx, snapshot, o, emit)
	})
	if errors.Is(err, context.Canceled) {
		return nil // who asked has gone
	}
	return err
}
