package api

import (
	"context"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/query"
)

type queryRef struct {
	ID string `path:"uuid" format:"uuid" doc:"The query's id."`
}

type queryResponse struct{ Body Query }

type submitRequest struct{ Body Submission }

// submitQuery answers POST /queries.
func (s *Server) submitQuery(ctx context.Context, in *submitRequest) (*queryResponse, error) {
	targets, err := s.askable(ctx, auth.SubmitQueries, in.Body.Targets)
	if err != nil {
		return nil, err
	}
	noteTargets(ctx, targets)
	now := time.Now()
	from, to, err := timeRange(in.Body.From, in.Body.To, now)
	if err != nil {
		return nil, err
	}
	deadline, err := readTime("deadline", in.Body.Deadline, now)
	if err != nil {
		return nil, err
	}
	if !deadline.IsZero() && !deadline.After(now) {
		return nil, llama.Errorf(llama.Invalid, "deadline is %s, which is over; e.g. +1h", deadline.Format(time.RFC3339))
	}
	question, err := s.across(ctx, Question{
		Text: in.Body.Query, Language: in.Body.Language, Name: in.Body.Name, User: identityOf(ctx).User,
		Targets: targets, From: from, To: to, Limit: in.Body.Limit, Deadline: deadline,
	})
	if err != nil {
		return nil, err
	}
	q, err := s.Queries.Submit(ctx, question)
	if err != nil {
		return nil, err
	}
	note(ctx, "llama.query", q.ID)
	return answer(q), nil
}

type listRequest struct {
	State  string `query:"state" enum:"queued,delivered,running,done,partial,failed,refused,cancelled,expired" doc:"Only queries in this state."`
	User   string `query:"user" maxLength:"200" doc:"Only queries of this user."`
	Target string `query:"target" maxLength:"200" doc:"Only queries that ask this target."`
	Match  string `query:"match" maxLength:"200" doc:"Only queries whose name or text holds this; upper and lower case are the same."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most queries wanted."`
	After  string `query:"after" maxLength:"256" doc:"next of the page before."`
}

type listResponse struct{ Body QueryPage }

// listQueries answers GET /queries. Those that one may not see are passed over, so
// a page is short only at the end, or after many of them.
func (s *Server) listQueries(ctx context.Context, in *listRequest) (*listResponse, error) {
	found := QueryPage{Queries: []Query{}, Next: in.After}
	for range maxPasses {
		page, err := s.Queries.List(ctx, QueryFilter{
			State: in.State, User: in.User, Target: in.Target, Match: in.Match, After: found.Next, Limit: in.Limit,
		})
		if err != nil {
			return nil, err
		}
		for _, q := range page.Queries {
			if !mayAll(ctx, auth.ReadQueries, q.Targets) {
				continue
			}
			if found.Queries = append(found.Queries, answer(q).Body); len(found.Queries) == in.Limit {
				if found.Next = page.Next; q.ID != page.Queries[len(page.Queries)-1].ID {
					found.Next = q.ID
				}
				return &listResponse{Body: found}, nil
			}
		}
		if found.Next = page.Next; page.Next == "" {
			break
		}
	}
	return &listResponse{Body: found}, nil
}

// maxPasses bounds the pages that are looked through for one answer.
const maxPasses = 20

// query answers GET /query/{uuid}.
func (s *Server) query(ctx context.Context, in *queryRef) (*queryResponse, error) {
	q, err := s.readable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(q), nil
}

// cancelQuery answers DELETE /query/{uuid}. A query that has ended is left as it
// is, so asking twice is harmless.
func (s *Server) cancelQuery(ctx context.Context, in *queryRef) (*struct{}, error) {
	q, err := s.readable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if q.User != identityOf(ctx).User {
		if err := may(ctx, auth.CancelQueries, q.Targets); err != nil {
			return nil, err
		}
	}
	return nil, s.Queries.Cancel(ctx, in.ID)
}

// readable returns a query if who asks may read it. One they may not read is
// not found, as if it were not there.
func (s *Server) readable(ctx context.Context, id string) (Query, error) {
	q, err := s.Queries.Query(ctx, id)
	if err == nil && !mayAll(ctx, auth.ReadQueries, q.Targets) {
		return Query{}, llama.Errorf(llama.NotFound, "there is no query %s", id)
	}
	return q, err
}

type formatRequest struct{ Body QueryText }

type formatResponse struct{ Body QueryText }

// formatQuery answers POST /format-query.
func (s *Server) formatQuery(_ context.Context, in *formatRequest) (*formatResponse, error) {
	q, err := query.Parse(in.Body.Query, time.Now())
	if err != nil {
		return nil, err
	}
	return &formatResponse{Body: QueryText{Query: q.String()}}, nil
}

func answer(q Query) *queryResponse {
	q.Targets, q.Columns, q.Tasks = filled(q.Targets), filled(q.Columns), filled(q.Tasks)
	return &queryResponse{Body: q}
}
