package api

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/schedule"
	"github.com/llama-logs/llama/internal/store"
)

// Schedules keeps what is planned.
type Schedules interface {
	Schedules(ctx context.Context) ([]store.Schedule, error)
	Schedule(ctx context.Context, id string) (*store.Schedule, error)
	PutSchedule(ctx context.Context, v *store.Schedule) error
	RemoveSchedule(ctx context.Context, id string) error
	AddRun(ctx context.Context, r *store.ScheduleRun) error
	Runs(ctx context.Context, schedule, after string, limit int) ([]store.ScheduleRun, error)
}

func (s *Server) scheduleRoutes() {
	handle(s, auth.ReadSchedules, get("/scheduled-tasks", "schedules", "Queries that repeat", "schedules"), s.schedules)
	handle(s, auth.SaveQueries, created(post("/scheduled-tasks", "add-schedule", "Make a query repeat", "schedules")), s.addSchedule)
	handle(s, auth.ReadSchedules, get("/scheduled-tasks/{id}", "schedule", "A schedule", "schedules"), s.schedule)
	handle(s, auth.SaveQueries, patch("/scheduled-tasks/{id}", "change-schedule", "Change, pause or resume a schedule", "schedules"), s.changeSchedule)
	handle(s, auth.SaveQueries, remove("/scheduled-tasks/{id}", "remove-schedule", "Remove a schedule and its history", "schedules"), s.removeSchedule)
	handle(s, auth.SaveQueries, created(post("/scheduled-tasks/{id}/run", "run-schedule", "Run a schedule now", "schedules")), s.runSchedule)
	handle(s, auth.ReadSchedules, get("/scheduled-tasks/{id}/runs", "schedule-runs", "What came of a schedule, newest first", "schedules"), s.scheduleRuns)
}

type scheduleList struct {
	Schedules []ScheduledTask `json:"schedules" nullable:"false" doc:"The schedules, by name."`
	Next      string          `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

type schedulesResponse struct{ Body scheduleList }

// schedules answers GET /scheduled-tasks with those that one may see.
func (s *Server) schedules(ctx context.Context, in *listing) (*schedulesResponse, error) {
	all, err := s.Schedules.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	var seen []store.Schedule
	for i := range all {
		if seesSchedule(ctx, &all[i]) {
			seen = append(seen, all[i])
		}
	}
	name := func(v store.Schedule) string { return v.Name }
	some, next := pageOf(*in, seen, name, name)
	out := &schedulesResponse{Body: scheduleList{Schedules: []ScheduledTask{}, Next: next}}
	for i := range some {
		wire, err := wireSchedule(&some[i])
		if err != nil {
			return nil, err
		}
		out.Body.Schedules = append(out.Body.Schedules, wire)
	}
	return out, nil
}

// seesSchedule reports whether who asks may see v: their own, and those whose
// targets they may all see.
func seesSchedule(ctx context.Context, v *store.Schedule) bool {
	return owns(ctx, v.Owner) || maySee(ctx, auth.ReadSchedules, v.Targets)
}

func owns(ctx context.Context, owner string) bool { return identityOf(ctx).User == owner }

// maySee is mayAll for targets of which none stands for all.
func maySee(ctx context.Context, p auth.Permission, targets []string) bool {
	if len(targets) == 0 {
		return identityOf(ctx).May(p, "")
	}
	return mayAll(ctx, p, targets)
}

type scheduleRef struct {
	ID string `path:"id" format:"uuid" doc:"The schedule's id."`
}

type scheduleResponse struct{ Body ScheduledTask }

func (s *Server) schedule(ctx context.Context, in *scheduleRef) (*scheduleResponse, error) {
	v, err := s.visibleSchedule(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return scheduleAnswer(v)
}

func scheduleAnswer(v *store.Schedule) (*scheduleResponse, error) {
	wire, err := wireSchedule(v)
	if err != nil {
		return nil, err
	}
	return &scheduleResponse{Body: wire}, nil
}

// visibleSchedule returns a schedule; one that who asks may not see is not there.
func (s *Server) visibleSchedule(ctx context.Context, id string) (*store.Schedule, error) {
	v, err := s.Schedules.Schedule(ctx, id)
	if err == nil && !seesSchedule(ctx, v) {
		return nil, llama.Errorf(llama.NotFound, "there is no schedule %s", id)
	}
	return v, err
}

// changeable returns a schedule that who asks may change: their own, or any as an
// operator of its targets.
func (s *Server) changeable(ctx context.Context, id string) (*store.Schedule, error) {
	v, err := s.visibleSchedule(ctx, id)
	if err == nil && !owns(ctx, v.Owner) && !maySee(ctx, auth.ManageSchedules, v.Targets) {
		return nil, llama.Errorf(llama.Forbidden, "the schedule is %s's, and your roles do not allow to change what is others'", v.Owner)
	}
	return v, err
}

type newScheduleRequest struct{ Body NewSchedule }

func (s *Server) addSchedule(ctx context.Context, in *newScheduleRequest) (*scheduleResponse, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	now := llama.At(time.Now())
	v := &store.Schedule{ID: id.String(), Owner: identityOf(ctx).User, Created: now, LastDue: now}
	if err := s.putSchedule(ctx, v, in.Body); err != nil {
		return nil, err
	}
	return scheduleAnswer(v)
}

// putSchedule makes v what is wanted and keeps it.
func (s *Server) putSchedule(ctx context.Context, v *store.Schedule, in NewSchedule) error {
	if err := titleFits(in.Name); err != nil {
		return err
	}
	if _, err := s.Users.Known(ctx, v.Owner); err != nil {
		return err
	}
	if err := may(ctx, auth.SubmitQueries, in.Targets); err != nil {
		return err
	}
	if len(in.Targets) == 0 && !owns(ctx, v.Owner) && !identityOf(ctx).May(auth.SubmitQueries, "") {
		return llama.Errorf(llama.Forbidden, "your roles do not allow to ask all that %s may ask; name the targets", v.Owner)
	}
	if err := s.targetsKnown(ctx, in.Targets); err != nil {
		return err
	}
	asked, err := query.Parse(in.Query, time.Now())
	if err != nil {
		return err
	}
	if within, err := asked.Across(); err != nil {
		return err
	} else if len(within) > 0 {
		return llama.Errorf(llama.Invalid, "a schedule sends no values across targets, as they have to be found while somebody waits; leave options(across_targets=true) out")
	}
	now := time.Now()
	o, err := timingOf(in, now)
	if err != nil {
		return err
	}
	t, err := schedule.New(o, v.Created.Std())
	if err != nil {
		return err
	}
	v.Name, v.Paused, v.Targets, v.Changed = in.Name, in.Paused, in.Targets, llama.At(now)
	v.Asks = store.Asks{
		Description: in.Description, Query: in.Query, Language: in.Language, Frame: in.Frame, From: in.From, To: in.To, Limit: in.Limit,
	}
	if v.Asks.Frame == schedule.FrameInterval && (in.From != "" || in.To != "") {
		return llama.Errorf(llama.Invalid, "the frame interval has no from and no to: it is the time since the schedule was due before")
	}
	if _, _, err := schedule.Frame(v.Asks, t, now, now); err != nil {
		return err
	}
	// What was due before the change, or while it was paused, is not caught up.
	v.LastDue, v.NextDue = llama.At(now), 0
	if next, ok := t.Next(now); ok {
		v.NextDue = llama.At(next)
	}
	if v.Timing, err = json.Marshal(o); err != nil {
		return err
	}
	return s.Schedules.PutSchedule(ctx, v)
}

// titleFits refuses names of schedules and saved queries that could not be told
// apart or would mislead who reads them.
func titleFits(name string) error {
	if strings.TrimSpace(name) != name || name == "" || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return llama.Errorf(llama.Invalid, "%q is no name; 1 to 200 characters that can be printed, without blanks around them", name)
	}
	return nil
}

// targetsKnown refuses targets that there are not.
func (s *Server) targetsKnown(ctx context.Context, names []string) error {
	all, err := s.Nodes.Targets(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, t := range all {
		known[t.Name] = true
	}
	for _, name := range names {
		if !known[name] {
			return llama.Errorf(llama.Invalid, "there is no target %q", name)
		}
	}
	return nil
}

type changeScheduleRequest struct {
	ID   string `path:"id" format:"uuid" doc:"The schedule's id."`
	Body ScheduleChange
}

// changeSchedule answers PATCH /scheduled-tasks/{id}: what is left out stays. Who
// changes what it asks must be allowed to ask that, and so must its owner.
func (s *Server) changeSchedule(ctx context.Context, in *changeScheduleRequest) (*scheduleResponse, error) {
	v, err := s.changeable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	wire, err := wireSchedule(v)
	if err != nil {
		return nil, err
	}
	if err := s.putSchedule(ctx, v, in.Body.over(wire.NewSchedule)); err != nil {
		return nil, err
	}
	return scheduleAnswer(v)
}

func (s *Server) removeSchedule(ctx context.Context, in *scheduleRef) (*struct{}, error) {
	if _, err := s.changeable(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, s.Schedules.RemoveSchedule(ctx, in.ID)
}

type runResponse struct{ Body ScheduleRun }

// runSchedule answers POST /scheduled-tasks/{id}/run. The query is asked in the
// name of the schedule's owner, also when it is paused.
func (s *Server) runSchedule(ctx context.Context, in *scheduleRef) (*runResponse, error) {
	v, err := s.changeable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	run, err := schedule.Now(v, identityOf(ctx).User, time.Now())
	if err != nil {
		return nil, err
	}
	if err := s.Schedules.AddRun(ctx, &run); err != nil {
		return nil, err
	}
	if s.Wake != nil {
		s.Wake()
	}
	return &runResponse{Body: wireRun(&run)}, nil
}

type runsRequest struct {
	ID    string `path:"id" format:"uuid" doc:"The schedule's id."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most wanted."`
	After string `query:"after" maxLength:"256" doc:"next of the page before."`
}

type runList struct {
	Runs []ScheduleRun `json:"runs" nullable:"false" doc:"The runs, newest first."`
	Next string        `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

type runsResponse struct{ Body runList }

func (s *Server) scheduleRuns(ctx context.Context, in *runsRequest) (*runsResponse, error) {
	if _, err := s.visibleSchedule(ctx, in.ID); err != nil {
		return nil, err
	}
	runs, err := s.Schedules.Runs(ctx, in.ID, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &runsResponse{Body: runList{Runs: []ScheduleRun{}}}
	if len(runs) > in.Limit {
		runs = runs[:in.Limit]
		out.Body.Next = runs[in.Limit-1].ID
	}
	for i := range runs {
		out.Body.Runs = append(out.Body.Runs, wireRun(&runs[i]))
	}
	return out, nil
}
