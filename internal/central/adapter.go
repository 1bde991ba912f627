package central

import (
	"context"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/store"
	"github.com/llama-logs/llama/internal/task"
)

// adapter answers the API's questions from the life of queries. The two packages
// do not know each other: each has the types of its own side, the API's are what
// goes over the wire.
type adapter struct{ tasks *task.Central }

var (
	_ api.Queries = adapter{}
	_ api.Results = adapter{}
	_ api.Tail    = adapter{}
	_ api.Nodes   = adapter{}
)

// Submit implements api.Queries.
func (a adapter) Submit(ctx context.Context, q api.Question) (api.Query, error) {
	asked, err := a.tasks.Submit(ctx, task.Request{
		Query: q.Text, Name: q.Name, Language: q.Language, Targets: q.Targets,
		From: start(q.From), To: end(q.To), Limit: int(q.Limit), User: q.User,
	})
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
	queries, err := a.tasks.List(ctx, store.Filter{State: store.State(f.State), After: f.After, Limit: f.Limit + 1})
	if err != nil {
		return page, err
	}
	if len(queries) > f.Limit {
		queries = queries[:f.Limit]
		page.Next = queries[f.Limit-1].ID
	}
	for i := range queries {
		page.Queries = append(page.Queries, wireQuery(&queries[i]))
	}
	return page, nil
}

// Cancel implements api.Queries.
func (a adapter) Cancel(ctx context.Context, id string) error { return a.tasks.Cancel(ctx, id) }

// pageRows is how many rows are read at once.
const pageRows = 5000

// Rows implements api.Results.
func (a adapter) Rows(ctx context.Context, id string, offset, limit int64, emit func([]llama.Field) error) error {
	for left := limit; limit == 0 || left > 0; {
		want := int64(pageRows)
		if limit > 0 {
			want = min(want, left)
		}
		page, err := a.tasks.Rows(ctx, id, offset, want)
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			if err := emit(row); err != nil {
				return err
			}
		}
		if int64(len(page.Rows)) < want {
			return nil
		}
		offset, left = offset+want, left-want
	}
	return nil
}

// Watch implements api.Results. The rows are those of the preview; the others
// are read by Rows.
func (a adapter) Watch(ctx context.Context, id string, from int64, emit func(api.Change) error) error {
	var last api.Query
	for u, err := range a.tasks.Watch(ctx, id) {
		if err != nil {
			return err
		}
		if err := a.change(u, &last, from, emit); err != nil {
			return err
		}
	}
	return nil
}

func (a adapter) change(u task.Update, last *api.Query, from int64, emit func(api.Change) error) error {
	q := wireQuery(u.Query)
	if u.Rows != nil {
		// The rows come before the final state: who sees that has seen all.
		rows := u.Rows[min(from, int64(len(u.Rows))):]
		if err := emit(api.Change{Rows: rows, Offset: from}); err != nil {
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
	for lines, err := range a.tasks.Tail(ctx, task.Request{Query: f.Query, Targets: f.Targets, User: f.User}) {
		if err != nil {
			return err
		}
		if lines.Error != "" {
			return llama.Errorf(llama.Unavailable, "%s: %s", lines.Target, lines.Error)
		}
		if err := emit(api.Arrival{Rows: lines.Rows, Lost: int64(lines.Lost)}); err != nil {
			return err
		}
	}
	return nil
}

// Targets implements api.Nodes.
func (a adapter) Targets(context.Context) ([]api.Target, error) {
	targets := []api.Target{}
	for _, t := range a.tasks.Targets() {
		target := api.Target{Name: t.Name, State: "offline", Nodes: []api.Node{}}
		online := 0
		for _, n := range t.Nodes {
			node := api.Node{ID: n.ID, State: "offline", LastSeen: std(n.LastSeen), Version: n.Version}
			if n.Online {
				node.State = "online"
				online++
			}
			target.Nodes = append(target.Nodes, node)
		}
		if online > 0 {
			target.State = "degraded"
		}
		if online == len(t.Nodes) && online > 0 {
			target.State = "online"
		}
		targets = append(targets, target)
	}
	return targets, nil
}

// Collections implements api.Nodes. Several nodes' collections of one target and
// name are one.
func (a adapter) Collections(ctx context.Context, target string) ([]api.Collection, error) {
	var targets []string
	if target != "" {
		targets = []string{target}
	}
	reports, err := a.tasks.Status(ctx, targets)
	if err != nil {
		return nil, err
	}
	all := []api.Collection{}
	at := map[[2]string]int{}
	for _, r := range reports {
		for _, c := range r.Status.Collections {
			key := [2]string{r.Target, c.Name}
			if i, ok := at[key]; ok {
				join(&all[i], c)
				continue
			}
			at[key] = len(all)
			all = append(all, api.Collection{
				Name: c.Name, Target: r.Target, Events: c.Events, Bytes: c.Bytes, First: std(c.First), Last: std(c.Last),
			})
		}
	}
	return all, nil
}

func join(into *api.Collection, c task.Collection) {
	into.Events += c.Events
	into.Bytes += c.Bytes
	if first := std(c.First); first.Before(into.First) {
		into.First = first
	}
	if last := std(c.Last); last.After(into.Last) {
		into.Last = last
	}
}

// Statistics implements api.Nodes.
func (a adapter) Statistics(ctx context.Context) (api.Statistics, error) {
	midnight := llama.At(time.Now().UTC().Truncate(24 * time.Hour))
	s, err := a.tasks.Statistics(ctx, midnight)
	if err != nil {
		return api.Statistics{}, err
	}
	return api.Statistics{
		Events: s.Events, Bytes: s.Bytes, Collections: int64(s.Collections),
		Queries: api.QueryStatistics{Total: s.Queries.Total, Running: s.Queries.Running, Failed: s.Queries.Failed, Today: s.Queries.Today},
		Nodes:   api.NodeStatistics{Online: int64(s.Online), Offline: int64(s.Offline)},
		Ingest:  api.Ingest{EventsPerSecond: s.EventsPerSecond},
	}, nil
}
