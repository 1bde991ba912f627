package central

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/audit"
	"github.com/llama-logs/llama/internal/task"
)

// Targets implements api.Nodes.
func (a adapter) Targets(context.Context) ([]api.Target, error) {
	targets := []api.Target{}
	for _, t := range a.tasks.Targets() {
		target := api.Target{Name: t.Name, State: "offline", Nodes: []api.Node{}}
		online := 0
		for _, n := range t.Nodes {
			node := api.Node{ID: n.ID, State: "offline", LastSeen: std(n.LastSeen), Version: n.Version}
			if n.Online {
				node.State, node.Health = "online", wireHealth(n)
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

// presence writes into the audit log that a node came, was silent for too long, or stopped.
func (c *Central) presence(ctx context.Context, p task.Presence) {
	action, outcome := "node-online", "success"
	switch {
	case p.Left:
		action = "node-left"
	case !p.Online:
		action, outcome = "node-late", "failure"
	}
	fields := []llama.Field{{Name: "llama.target", Value: p.Target}}
	if !p.LastSeen.IsZero() {
		fields = append(fields, llama.Field{Name: "llama.last_seen", Value: p.LastSeen.UTC().Format(time.RFC3339Nano)})
	}
	err := c.audit.Record(ctx, audit.Entry{Action: action, Outcome: outcome, Object: p.Node, Fields: fields})
	if err != nil && ctx.Err() == nil {
		c.o.Log.Warn("the presence of a node is not in the audit log", "node", p.Node, "error", err)
	}
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
				Name: c.Name, Target: r.Target, Events: c.Events, Bytes: c.Bytes, First: std(c.First), Last: std(c.Last), Age: c.Age, Size: c.Size,
			})
		}
	}
	return all, nil
}

func join(into *api.Collection, c task.Collection) {
	into.Events += c.Events
	into.Bytes += c.Bytes
	if first := std(c.First); into.First.IsZero() || !first.IsZero() && first.Before(into.First) {
		into.First = first
	}
	if last := std(c.Last); last.After(into.Last) {
		into.Last = last
	}
	if !slices.Contains(strings.Split(into.Age, ", "), c.Age) {
		into.Age += ", " + c.Age
	}
	if into.Size += c.Size; c.Size == 0 || into.Size == c.Size { // one of them is not bounded
		into.Size = 0
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

// Command implements api.Commands.
func (a adapter) Command(ctx context.Context, user, target, action string, arguments any) ([]api.CommandAnswer, error) {
	text, err := json.Marshal(arguments)
	if err != nil {
		return nil, fmt.Errorf("encode command %s: %w", action, err)
	}
	told, err := a.tasks.Command(ctx, task.Command{Action: action, User: user, Target: target, Arguments: text})
	if err != nil {
		return nil, err
	}
	var answers []api.CommandAnswer
	for _, t := range told {
		answers = append(answers, api.CommandAnswer(t))
	}
	return answers, nil
}
