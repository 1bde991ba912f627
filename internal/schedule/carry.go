package schedule

import (
	"context"
	"errors"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/store"
)

// carryOn begins the runs that wait and may begin, and notes which have ended.
func (r *Runner) carryOn(ctx context.Context, now time.Time) error {
	open, err := r.o.Store.OpenRuns(ctx)
	if err != nil {
		return err
	}
	var errs []error
	inWay := open[:0:0]
	for i := range open {
		if open[i].Began == 0 {
			inWay = append(inWay, open[i])
			continue
		}
		away, err := r.follow(ctx, &open[i], now)
		if !away {
			inWay = append(inWay, open[i])
		}
		errs = append(errs, err)
	}
	for i := range inWay {
		if inWay[i].Began == 0 {
			errs = append(errs, r.begin(ctx, inWay, i, now))
		}
	}
	return errors.Join(errs...)
}

// follow looks what became of a run's query, and whether it only waits for nodes that are
// away. Such a run is in no other's way, or one site that is away would stop a schedule of
// all of them.
func (r *Runner) follow(ctx context.Context, run *store.ScheduleRun, now time.Time) (away bool, err error) {
	q, err := r.o.Queries.Get(ctx, run.ID)
	switch {
	case llama.CodeOf(err) == llama.NotFound:
		return false, r.end(ctx, run, store.Expired, "its query was deleted before its end was noted", now)
	case err != nil:
		return false, err
	case q.Ended == 0 || !q.State.Final():
		away = r.o.Queries.Waits(run.ID)
		if q.State == run.State {
			return away, nil
		}
		run.State = q.State
		return away, r.o.Store.UpdateRun(ctx, run)
	}
	run.Rows = q.Rows
	return false, r.end(ctx, run, q.State, q.Error, q.Ended.Std())
}

func (r *Runner) end(ctx context.Context, run *store.ScheduleRun, state store.State, why string, at time.Time) error {
	run.State, run.Error, run.Ended = state, why, llama.At(at)
	if err := r.o.Store.UpdateRun(ctx, run); err != nil {
		return err
	}
	r.runs.WithLabelValues(string(state)).Inc()
	return nil
}

// begin asks the query of the open run i, unless another is in its way.
//
// Invariant: a run is asked at most once. Its query has its id, so that one whose
// asking was not noted before a crash is found.
func (r *Runner) begin(ctx context.Context, open []store.ScheduleRun, i int, now time.Time) error {
	run := &open[i]
	v, err := r.o.Store.Schedule(ctx, run.Schedule)
	if llama.CodeOf(err) == llama.NotFound {
		return nil // removed meanwhile, and the run with it
	} else if err != nil {
		return err
	}
	t, err := Read(v)
	if err != nil {
		return err
	}
	if run.By == "" {
		overlap := t.Overlap
		if t.Missed == MissedAll && now.Sub(run.Due.Std()) > onTime {
			overlap = inLine
		}
		switch wait, instead := inTheWay(open, i, overlap); {
		case instead != "":
			return r.end(ctx, run, store.RunMissed, instead, now)
		case wait:
			return nil
		}
	}
	if _, err := r.o.Queries.Get(ctx, run.ID); llama.CodeOf(err) == llama.NotFound {
		err = r.o.Queries.Ask(ctx, Ask{ID: run.ID, Schedule: v, From: run.From, To: run.To})
		if shown, ok := errors.AsType[*llama.Error](err); ok {
			if shown.Code == llama.Throttled || shown.Code == llama.Unavailable {
				return nil // later
			}
			return r.end(ctx, run, refusedOr(shown.Code), shown.Message, now)
		}
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	run.Began, run.State = llama.At(now), store.Queued
	return r.o.Store.UpdateRun(ctx, run)
}

// inLine is how runs that catch up overlap: each begins when the one before has
// ended, and none is left out.
const inLine = "in line"

func refusedOr(code llama.Code) store.State {
	if code == llama.Forbidden || code == llama.Unauthorized {
		return store.Refused
	}
	return store.Failed
}

// inTheWay says whether open run i must wait for others of its schedule, or why it
// is left out.
func inTheWay(open []store.ScheduleRun, i int, overlap string) (wait bool, instead string) {
	for j := range open {
		other := &open[j]
		if j == i || other.Schedule != open[i].Schedule || other.By != "" || other.Ended != 0 {
			continue
		}
		switch {
		case overlap == OverlapAllow:
		case other.Began != 0 && overlap == OverlapSkip:
			return false, "the run before had not ended"
		case other.Began != 0:
			wait = true
		case j > i && overlap == OverlapWait && anyBegan(open, open[i].Schedule):
			return false, "a later run waits for the one before to end"
		case j < i:
			wait = true // the older one begins first
		}
	}
	return wait, ""
}

func anyBegan(open []store.ScheduleRun, schedule string) bool {
	for i := range open {
		if o := &open[i]; o.Schedule == schedule && o.By == "" && o.Began != 0 && o.Ended == 0 {
			return true
		}
	}
	return false
}
