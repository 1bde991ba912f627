package api

import (
	"context"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/store"
)

// Usage sums what was asked.
type Usage interface {
	Usage(ctx context.Context, asked store.UsageAsked) ([]store.Usage, error)
}

// UsageSum is what was asked by one user, of one target, or in one hour or day.
type UsageSum struct {
	User       string    `json:"user,omitempty" example:"ana" doc:"Who asked; absent unless summed by user."`
	Target     string    `json:"target,omitempty" example:"local" doc:"The target; absent unless summed by target."`
	From       time.Time `json:"from,omitzero" doc:"When the hour or day began, in UTC; absent unless summed by that."`
	Queries    int64     `json:"queries" doc:"Queries that ended."`
	Scheduled  int64     `json:"scheduled" doc:"Of them, those that schedules asked."`
	Failed     int64     `json:"failed" doc:"Of them, those without a complete answer."`
	Rows       int64     `json:"rows" doc:"Rows of the results; by target, rows and groups that it sent."`
	BytesRead  int64     `json:"bytes_read" doc:"Bytes read from disk at the nodes."`
	EventsRead int64     `json:"events_read" doc:"Events looked at."`
}

// OpenTask is a task that has not ended.
type OpenTask struct {
	Task
	Query    string `json:"query" format:"uuid" doc:"Its query's id."`
	Name     string `json:"name,omitempty" doc:"The query's name."`
	User     string `json:"user" example:"ana" doc:"Who asked."`
	Position int    `json:"position" minimum:"1" doc:"Its place among the open tasks of its node, the oldest first."`
}

func (s *Server) usageRoutes() {
	handle(s, auth.ReadTargets, get("/statistics/usage", "usage", "What was asked, summed by target, user or time", "targets"), s.usage)
	handle(s, auth.ReadQueries, get("/tasks", "tasks", "Tasks that have not ended, and their place in each node's queue", "queries"), s.openTasks)
}

type usageRequest struct {
	By     string `query:"by" enum:"target,user,hour,day" default:"target" doc:"What to sum by."`
	User   string `query:"user" maxLength:"200" doc:"Only what this user asked."`
	Target string `query:"target" maxLength:"200" doc:"Only of this target: its part of each query."`
	From   string `query:"from" maxLength:"64" example:"now-7d" doc:"The earliest time of an end, as in a submission; whole hours count."`
	To     string `query:"to" maxLength:"64" doc:"The time before which they ended."`
}

type usageResponse struct {
	Body struct {
		Usage []UsageSum `json:"usage" nullable:"false" doc:"The sums, in order."`
	}
}

// usage answers GET /statistics/usage. Sums by target, and all of one, are for who may see
// the target, all others for those who may see all.
func (s *Server) usage(ctx context.Context, in *usageRequest) (*usageResponse, error) {
	who := identityOf(ctx)
	if in.Target != "" {
		if err := may(ctx, auth.ReadTargets, []string{in.Target}); err != nil {
			return nil, err
		}
	} else if in.By != "target" && !who.May(auth.ReadTargets, "") {
		return nil, refusal(who, auth.ReadTargets, everywhere)
	}
	from, to, err := timeRange(in.From, in.To, time.Now())
	if err != nil {
		return nil, err
	}
	asked := store.UsageAsked{By: in.By, User: in.User, Target: in.Target}
	if !from.IsZero() {
		asked.From = llama.At(from)
	}
	if !to.IsZero() {
		asked.To = llama.At(to)
	}
	sums, err := s.Usage.Usage(ctx, asked)
	if err != nil {
		return nil, err
	}
	out := &usageResponse{}
	out.Body.Usage = []UsageSum{}
	for _, u := range sums {
		if in.By == "target" && !who.May(auth.ReadTargets, u.Key) {
			continue
		}
		sum := UsageSum{Queries: u.Queries, Scheduled: u.Scheduled, Failed: u.Failed, Rows: u.Rows, BytesRead: u.BytesRead, EventsRead: u.EventsRead}
		switch in.By {
		case "target":
			sum.Target = u.Key
		case "user":
			sum.User = u.Key
		default:
			sum.From = u.From.Std()
		}
		out.Body.Usage = append(out.Body.Usage, sum)
	}
	return out, nil
}

type openTasksRequest struct {
	Target string `query:"target" maxLength:"200" doc:"Only those of this target."`
	Node   string `query:"node" maxLength:"200" doc:"Only those of this node."`
	State  string `query:"state" enum:"queued,delivered,running" doc:"Only those in this state."`
	Limit  int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"The most wanted."`
}

type openTasksResponse struct {
	Body struct {
		Tasks []OpenTask `json:"tasks" nullable:"false" doc:"The tasks, the oldest first."`
		Total int        `json:"total" doc:"How many there are, also beyond limit."`
	}
}

// openTasks answers GET /tasks. The places count all tasks of a node, also those
// that who asks may not see.
func (s *Server) openTasks(ctx context.Context, in *openTasksRequest) (*openTasksResponse, error) {
	open, err := s.Queries.Open(ctx)
	if err != nil {
		return nil, err
	}
	out := &openTasksResponse{}
	out.Body.Tasks = []OpenTask{}
	waiting := map[string]int{} // by node
	for _, q := range open {
		visible := mayAll(ctx, auth.ReadQueries, q.Targets)
		for _, t := range q.Tasks {
			if Ended(t.State) {
				continue
			}
			waiting[t.Node]++
			if !visible || in.Target != "" && t.Target != in.Target || in.Node != "" && t.Node != in.Node || in.State != "" && t.State != in.State {
				continue
			}
			if out.Body.Total++; out.Body.Total <= in.Limit {
				out.Body.Tasks = append(out.Body.Tasks, OpenTask{Task: t, Query: q.ID, Name: q.Name, User: q.User, Position: waiting[t.Node]})
			}
		}
	}
	return out, nil
}
