package task

import (
	"context"

	"github.com/llama-logs/llama/internal/query"
)

// LogsQL is the planner of central.
type LogsQL struct {
	MaxMemory int64 // of one merge, roughly; 0 for no bound
}

// Plan parses the query of t.
func (l LogsQL) Plan(t Task) (Plan, error) {
	q, err := t.Parse()
	if err != nil {
		return nil, err
	}
	normal := q.String()
	if t.Limit > 0 {
		q = q.WithLimit(t.Limit)
	}
	return &logsQL{query: q, normal: normal, maxMemory: l.MaxMemory}, nil
}

// Parse returns the query of t, without its limit. The error is a *query.Error.
func (t Task) Parse() (*query.Query, error) { return query.Parse(t.Query, t.Asked.Std()) }

// Partial runs t over what a node has, in collections of the given names, with
// the range and the limit of t. It is for an Executor to call.
func (t Task) Partial(ctx context.Context, src query.Source, collections []string, o query.RunOptions, emit func(Frame) error) error {
	q, err := t.Parse()
	if err != nil {
		return err
	}
	if _, err := q.Collections(collections); err != nil {
		return err
	}
	if t.Limit > 0 {
		q = q.WithLimit(t.Limit)
	}
	o.From, o.To, o.Target, o.Lines = t.From, t.To, t.Target, t.Lines
	return q.Partial(ctx, src, o, func(f query.Frame) error {
		return emit(Frame{Kind: uint8(f.Kind), Body: f.Bytes, Text: f.Text, Rows: f.Rows})
	})
}

type logsQL struct {
	query     *query.Query
	normal    string
	maxMemory int64
}

func (l *logsQL) String() string { return l.normal }

func (l *logsQL) NewMerge() Merge {
	m := logsQLMerge{l.query.NewMerge(query.RunOptions{MaxMemory: l.maxMemory, Lines: true})}
	if m.merge.HasLines() {
		return logsQLLines{m}
	}
	return m
}

type logsQLMerge struct{ merge *query.Merge }

func (m logsQLMerge) Rows(ctx context.Context, emit func(Row) error) error {
	return m.merge.Rows(ctx, emit)
}

type logsQLLines struct{ logsQLMerge }

func (m logsQLLines) Lines(ctx context.Context, emit func(query.LinesOf) error) error {
	return m.merge.Lines(ctx, emit)
}

func (m logsQLMerge) Add(node string, f Frame) error {
	return m.merge.Add(node, query.Frame{
		Kind: query.Kind(f.Kind), Bytes: f.Body, Text: f.Text, Again: f.Again, Packed: f.Packed, Origin: f.Origin,
	})
}
