package api

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
)

// Nothing that one target's nodes found goes to another's, unless the question says
// options(across_targets=true). Then the queries in its filters are asked of all its
// targets first, each as a query of its own, and their values go out in its text. The
// audit log has which values' query went where, and how many there were.

const (
	// acrossTime is how long the queries before may take in all; an answer has a minute.
	acrossTime = 45 * time.Second
	// maxAcross bounds the values of one query; as they go out in a text, few fit in any case.
	maxAcross = 10_000
)

// across returns a question as it goes out: with the values in it that have to be found
// before.
func (s *Server) across(ctx context.Context, q Question) (Question, error) {
	asked, err := query.Parse(q.Text, time.Now())
	if err != nil {
		return q, err
	}
	within, err := asked.Across()
	if err != nil || len(within) == 0 {
		return q, err
	}
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now().Add(acrossTime)
		if !q.Deadline.IsZero() && q.Deadline.Before(end) {
			end = q.Deadline
		}
		limited, cancel := context.WithDeadline(ctx, end)
		defer cancel()
		ctx = limited
	}
	answers := make([][]query.Row, len(within))
	for i, w := range within {
		if answers[i], err = s.valuesAcross(ctx, q, w, end); err != nil {
			return q, err
		}
	}
	filled, err := asked.WithAnswers(answers)
	if err != nil {
		return q, err
	}
	if q.Text = filled.String(); len(q.Text) > query.MaxText {
		return q, llama.Errorf(llama.TooLarge, "with the values that go across targets the question has %d KiB, and %d at most are sent; narrow the query that finds them", (len(q.Text)+1023)>>10, query.MaxText>>10)
	}
	return q, nil
}

// valuesAcross asks a query for values, of the targets that q goes to, and records that
// they go to all of them.
func (s *Server) valuesAcross(ctx context.Context, q Question, w *query.Query, end time.Time) (rows []query.Row, err error) {
	before := q
	before.Text, before.Name, before.Limit, before.Deadline = w.String(), "values that go across targets", maxAcross+1, end
	if before, err = s.across(ctx, before); err != nil {
		return nil, err
	}
	asked, err := s.Queries.Submit(ctx, before)
	if err != nil {
		return nil, err
	}
	found, err := s.await(ctx, asked.ID, time.Until(end))
	switch {
	case err != nil && !time.Now().Before(end):
		return nil, llama.Errorf(llama.Unavailable, "the values that were to go across targets could not all be found in time (query %s): each target has to be online, and to answer by %s", asked.ID, end.UTC().Format(time.RFC3339))
	case err == nil && found.State != Done:
		return nil, llama.Errorf(llama.Unavailable, "the values that were to go across targets could not all be found: %s; each target has to be online, and to answer by %s", shortfall(found), end.UTC().Format(time.RFC3339))
	case err != nil:
		return nil, err
	case found.Rows > maxAcross:
		return nil, llama.Errorf(llama.TooLarge, "the query %s found more than %d values, and no more go across targets; narrow it", asked.ID, maxAcross)
	}
	size := 0
	err = s.Results.Rows(ctx, asked.ID, 0, maxAcross, func(row []llama.Field) error {
		var kept query.Row
		for _, f := range row {
			if size += len(f.Value); size > query.MaxText {
				return llama.Errorf(llama.TooLarge, "the values of query %s have more than the %d KiB that are sent; narrow it", asked.ID, query.MaxText>>10)
			}
			kept = append(kept, llama.Field{Name: strings.Clone(f.Name), Value: strings.Clone(f.Value)})
		}
		rows = append(rows, kept)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, s.recordAcross(ctx, q, before.Text, asked.ID, len(rows))
}

func (s *Server) recordAcross(ctx context.Context, q Question, text, id string, values int) error {
	if s.Audit == nil {
		return nil
	}
	targets, _ := json.Marshal(q.Targets) // strings always encode
	err := s.Audit.Record(ctx, AuditEntry{
		User: q.User, Action: "values-across-targets", Outcome: "success", Address: peerOf(ctx).address, Object: id,
		Fields: []llama.Field{
			{Name: "request.query", Value: text}, {Name: "llama.targets", Value: string(targets), Kind: llama.Array},
			{Name: "llama.rows", Value: strconv.Itoa(values), Kind: llama.Number},
		},
	})
	if err != nil {
		s.log.ErrorContext(ctx, "not recorded in the audit log", "action", "values-across-targets", "user", q.User, "error", err)
		return errUnrecorded
	}
	return nil
}
