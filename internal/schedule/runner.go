package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/store"
	"github.com/prometheus/client_golang/prometheus"
)

// FrameInterval is the time frame "the last interval": from when the schedule was
// due before to when it is due now. Any other frame is given as two times,
// relative to when it is due.
const FrameInterval = "interval"

// An Ask is what a run asks.
type Ask struct {
	ID       string // that the query is to have
	Schedule *store.Schedule
	From, To llama.Time // the first moment and the one after the last; 0 for open
}

// Queries asks, and knows what became of what was asked.
type Queries interface {
	// Ask asks in the name of the schedule's owner, if the owner may.
	Ask(ctx context.Context, a Ask) error
	// Get returns a query, or a *llama.Error with code NotFound.
	Get(ctx context.Context, id string) (*store.Query, error)
	// Waits reports whether all that is left of a query is of nodes that are away.
	Waits(id string) bool
}

// RunnerOptions say what a Runner works with.
type RunnerOptions struct {
	Store   *store.Store
	Queries Queries
	Log     *slog.Logger
	Metrics prometheus.Registerer // may be nil

	Tick time.Duration // between looks at what is due: 1s
}

// leaseTime is for how long the lease is taken. It is renewed at every tick.
const leaseTime = 15 * time.Second

// A Runner asks what is due.
type Runner struct {
	o     RunnerOptions
	lease store.Lease
	wake  chan struct{}
	runs  *prometheus.CounterVec
}

// NewRunner makes a Runner.
func NewRunner(o RunnerOptions) *Runner {
	if o.Tick == 0 {
		o.Tick = time.Second
	}
	r := &Runner{o: o, lease: store.Lease{Name: "schedules", Holder: uuid.NewString()}, wake: make(chan struct{}, 1)}
	r.runs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "llama_schedule_runs_total", Help: "Runs of schedules that have ended, by state.",
	}, []string{"state"})
	if o.Metrics != nil {
		o.Metrics.MustRegister(r.runs)
	}
	return r
}

// Wake makes Run look at once.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look
	}
}

// Run asks what is due until ctx ends, while the lease is its own.
func (r *Runner) Run(ctx context.Context) error {
	tick := time.NewTicker(r.o.Tick)
	defer tick.Stop()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		r.o.Store.DropLease(ctx, r.lease) // best effort: it ends by itself
	}()
	var swept time.Time
	for {
		if err := r.look(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.o.Log.Error("schedules not run", "error", err)
		}
		if now := time.Now(); now.Sub(swept) > time.Hour {
			swept = now
			if err := r.o.Store.SweepRuns(ctx); err != nil && ctx.Err() == nil {
				r.o.Log.Error("old runs of schedules not forgotten", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-r.wake:
		}
	}
}

// look settles what is due at now and carries on what runs.
func (r *Runner) look(ctx context.Context, now time.Time) error {
	held, err := r.o.Store.TakeLease(ctx, r.lease, leaseTime)
	if err != nil || !held {
		return err
	}
	due, err := r.o.Store.DueSchedules(ctx, llama.At(now))
	if err != nil {
		return err
	}
	var errs []error
	for i := range due {
		errs = append(errs, r.settle(ctx, &due[i], now))
	}
	return errors.Join(append(errs, r.carryOn(ctx, now))...)
}

// Read returns the timing of a schedule.
func Read(v *store.Schedule) (*Timing, error) {
	var o Options
	if err := json.Unmarshal(v.Timing, &o); err != nil {
		return nil, fmt.Errorf("read timing of schedule %s: %w", v.Name, err)
	}
	return New(o, v.Created.Std())
}

// settle notes the runs that a schedule is due for.
func (r *Runner) settle(ctx context.Context, v *store.Schedule, now time.Time) error {
	t, err := Read(v)
	if err != nil {
		return err
	}
	d := t.Due(v.LastDue.Std(), now)
	var runs []store.ScheduleRun
	if d.Missed > 0 {
		runs = append(runs, store.ScheduleRun{
			ID: newID(), Schedule: v.ID, Due: v.LastDue + 1, Ended: llama.At(now), State: store.RunMissed,
			Error: fmt.Sprintf("%d runs, at least, were due while no central ran", d.Missed),
		})
		r.runs.WithLabelValues(string(store.RunMissed)).Add(float64(d.Missed))
	}
	for _, due := range d.Runs {
		run, err := newRun(v, t, due, v.LastDue.Std())
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	var next llama.Time
	if !d.Next.IsZero() {
		next = llama.At(d.Next)
	}
	_, err = r.o.Store.PassSchedule(ctx, v, llama.At(now), next, runs, r.lease)
	return err
}

// newRun makes a run. last is up to when all before is settled: where one run
// stands for several, it begins there.
func newRun(v *store.Schedule, t *Timing, due, last time.Time) (run store.ScheduleRun, err error) {
	run = store.ScheduleRun{ID: newID(), Schedule: v.ID, Due: llama.At(due), State: store.RunWaiting}
	run.From, run.To, err = Frame(v.Asks, t, due, last)
	return run, err
}

// Now makes a run of v that somebody wants now.
func Now(v *store.Schedule, user string, now time.Time) (run store.ScheduleRun, err error) {
	t, err := Read(v)
	if err != nil {
		return run, err
	}
	run, err = newRun(v, t, now, now)
	run.By = user
	return run, err
}

// Frame returns the times that a run asks for, the first and the one after the
// last; 0 for open.
func Frame(a store.Asks, t *Timing, due, last time.Time) (from, to llama.Time, err error) {
	if a.Frame != FrameInterval {
		if from, err = query.ParseMoment(a.From, due); err != nil {
			return 0, 0, llama.Errorf(llama.Invalid, "from: %w", err)
		}
		if to, err = query.ParseMoment(a.To, due); err != nil {
			return 0, 0, llama.Errorf(llama.Invalid, "to: %w", err)
		}
		if from != 0 && to != 0 && from >= to {
			return 0, 0, llama.Errorf(llama.Invalid, "from is %s, which is not before to, %s", from, to)
		}
		return from, to, nil
	}
	before, err := t.Before(due)
	if err != nil {
		return 0, 0, err
	}
	if t.Missed == MissedOnce && last.Before(before) {
		if before, err = t.Before(last.Add(1)); err != nil {
			return 0, 0, err
		}
	}
	return llama.At(before), llama.At(due), nil
}

// newID draws the id of a run; such ids sort by age.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
