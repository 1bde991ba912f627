package api

import (
	"context"
	"slices"
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
	from, to, err := timeRange(in.Body.From, in.Body.To, time.Now())
	if err != nil {
		return nil, err
	}
	q, err := s.Queries.Submit(ctx, Question{
		Text: in.Body.Query, Language: in.Body.Language, Name: in.Body.Name, User: identityOf(ctx).User,
		Targets: targets, From: from, To: to, Limit: in.Body.Limit,
	})
	if err != nil {
		return nil, err
	}
	return answer(q), nil
}

type listRequest struct {
	State string `query:"state" enum:"queued,delivered,running,done,partial,failed,refused,cancelled,expired" doc:"Only queries in this state."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most queries wanted."`
	After string `query:"after" maxLength:"256" doc:"next of the page before."`
}

type listResponse struct{ Body QueryPage }

// listQueries answers GET /queries. A page may be shorter than its limit: queries
// of targets one may not see are left out of it.
func (s *Server) listQueries(ctx context.Context, in *listRequest) (*listResponse, error) {
	page, err := s.Queries.List(ctx, QueryFilter{State: in.State, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	page.Queries = slices.DeleteFunc(page.Queries, func(q Query) bool { return !mayAll(ctx, auth.ReadQueries, q.Targets) })
	page.Queries = filled(page.Queries)
	for i := range page.Queries {
		page.Queries[i] = answer(page.Queries[i]).Body
	}
	return &listResponse{Body: page}, nil
}

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
