package central

import (
	"context"
	"time"

	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/store"
	"github.com/llama-logs/llama/internal/task"
)

// adapter answers the API's questions from the life of queries. The two packages
// do not know each other: each has the types of its own side, the API's are what
// goes over the wire.
type adapter struct{ tasks *task.Central }

// What the API asks of it: queries here, results in results.go, nodes in nodes.go.
var (
	_ api.Queries = adapter{}
	_ api.Results = adapter{}
	_ api.Tail    = adapter{}
	_ api.Nodes   = adapter{}
)

// Submit implements api.Queries.
func (a adapter) Submit(ctx context.Context, q api.Question) (api.Query, error) {
	r := task.Request{
		Query: q.Text, Name: q.Name, Language: q.Language, Targets: q.Targets,
		From: start(q.From), To: end(q.To), Limit: int(q.Limit), User: q.User,
	}
	if !q.Deadline.IsZero() {
		r.Deadline = max(time.Until(q.Deadline), 1) // 0 would be the default
	}
	asked, err := a.tasks.Submit(ctx, r)
	if err != nil {
		return api.Query{}, err
	}
	return wireQuery(asked), nil
}

// Query implements api.Queries.
func (a adapter) Query(ctx context.Context, id string) (api.Query, error) {
	q, err := a.tasks.Get(ctx, id)
	if err != nil {
		return api.Query{}, err
	}
	return wireQuery(q), nil
}

// List implements api.Queries.
func (a adapter) List(ctx context.Context, f api.QueryFilter) (api.QueryPage, error) {
	page := api.QueryPage{Queries: []api.Query{}}
	queries, err := a.tasks.List(ctx, store.Filter{
		State: store.State(f.State), User: f.User, Target: f.Target, Match: f.Match, After: f.After, Limit: f.Limit,
	})
	if err != nil {
		return page, err
	}
	if len(queries) == f.Limit { // there may be more
		page.Next = queries[f.Limit-1].ID
	}
	for i := range queries {
		page.Queries = append(page.Queries, wireQuery(&queries[i]))
	}
	return page, nil
}

// Open implements api.Queries.
func (a adapter) Open(context.Context) ([]api.Query, error) {
	var open []api.Query
	for _, q := range a.tasks.Open() {
		open = append(open, wireQuery(&q))
	}
	return open, nil
}

// Cancel implements api.Queries.
func (a adapter) Cancel(ctx context.Context, id string) error { return a.tasks.Cancel(ctx, id) }
