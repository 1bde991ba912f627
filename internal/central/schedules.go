package central

import (
	"context"
	"encoding/json"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/audit"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/schedule"
	"github.com/llama-logs/llama/internal/store"
	"github.com/llama-logs/llama/internal/task"
)

// asker asks what schedules want in the name of their owners, as far as they may
// at that moment.
type asker struct {
	tasks *task.Central
	users *auth.Auth
	audit *audit.Log
}

// Ask implements schedule.Queries.
func (a asker) Ask(ctx context.Context, run schedule.Ask) error {
	v := run.Schedule
	who, err := a.users.Known(ctx, v.Owner)
	if err != nil {
		return err
	}
	targets := v.Targets
	if len(targets) == 0 {
		for _, t := range a.tasks.Targets() {
			if who.May(auth.SubmitQueries, t.Name) {
				targets = append(targets, t.Name)
			}
		}
	}
	for _, t := range targets {
		if !who.May(auth.SubmitQueries, t) {
			return llama.Errorf(llama.Forbidden, "%s may not ask target %q", v.Owner, t)
		}
	}
	if len(targets) == 0 {
		return llama.Errorf(llama.Forbidden, "there is no target that %s may ask", v.Owner)
	}
	to := run.To
	if to != 0 {
		to-- // the end is not part of what is asked for
	}
	_, err = a.tasks.Submit(ctx, task.Request{
		ID: run.ID, Schedule: v.ID, Name: v.Name, User: v.Owner, Targets: targets,
		Query: v.Asks.Query, Language: v.Asks.Language, From: run.From, To: to, Limit: int(v.Asks.Limit),
	})
	if err != nil {
		return err
	}
	return a.record(ctx, run, targets)
}

func (a asker) record(ctx context.Context, run schedule.Ask, targets []string) error {
	names, err := json.Marshal(targets)
	if err != nil {
		return err
	}
	return a.audit.Record(ctx, audit.Entry{
		User: run.Schedule.Owner, Action: "scheduled-query", Outcome: "success", Object: run.Schedule.ID,
		Fields: []llama.Field{
			{Name: "request.query", Value: run.Schedule.Asks.Query}, {Name: "request.name", Value: run.Schedule.Name},
			{Name: "llama.targets", Value: string(names), Kind: llama.Array}, {Name: "llama.query", Value: run.ID},
		},
	})
}

// Waits implements schedule.Queries.
func (a asker) Waits(id string) bool { return a.tasks.Waits(id) }

// Get implements schedule.Queries.
func (a asker) Get(ctx context.Context, id string) (*store.Query, error) { return a.tasks.Get(ctx, id) }
