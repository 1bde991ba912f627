package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/store"
)

// A world is a database, and queries that end when the test says so.
type world struct {
	t       *testing.T
	db      *store.Store
	made    time.Time
	queries map[string]*store.Query
	away    map[string]bool // the queries that only wait for nodes that are away
	asked   []Ask
	err     error // of Ask
	crash   bool  // Ask asks, and says that it did not
}

func (w *world) Ask(_ context.Context, a Ask) error {
	if w.err != nil {
		return w.err
	}
	w.asked = append(w.asked, a)
	w.queries[a.ID] = &store.Query{ID: a.ID, State: store.Running}
	if w.crash {
		return errors.New("crashed")
	}
	return nil
}

func (w *world) Get(_ context.Context, id string) (*store.Query, error) {
	if q := w.queries[id]; q != nil {
		return q, nil
	}
	return nil, llama.Errorf(llama.NotFound, "there is no query %s", id)
}

func (w *world) Waits(id string) bool { return w.away[id] }

// end ends the query of the i-th ask.
func (w *world) end(i int, state store.State) {
	q := w.queries[w.asked[i].ID]
	q.State, q.Ended, q.Rows = state, llama.At(w.made.Add(1)), 3
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "master.key")
	if _, err := seal.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	master, err := seal.OpenKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.OpenKeyring(fsys.NewMem(), "keyring", master)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	db, err := store.Open(t.Context(), filepath.Join(dir, "central.db"), keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &world{t: t, db: db, made: at(t, "2026-01-01T00:00:00Z"), queries: map[string]*store.Query{}, away: map[string]bool{}}
}

func (w *world) runner() *Runner {
	return NewRunner(RunnerOptions{Store: w.db, Queries: w, Log: slog.New(slog.DiscardHandler)})
}

// plan keeps a schedule that is due every ten minutes after made.
func (w *world) plan(name string, change func(*Options, *store.Schedule)) *store.Schedule {
	w.t.Helper()
	o := Options{Every: 10 * time.Minute}
	made := llama.At(w.made)
	v := &store.Schedule{
		ID: newID(), Name: name, Owner: "ana", Created: made, Changed: made, LastDue: made, NextDue: llama.At(w.made.Add(o.Every)),
		Asks: store.Asks{Query: "error", Frame: FrameInterval},
	}
	if change != nil {
		change(&o, v)
	}
	var err error
	if v.Timing, err = json.Marshal(o); err != nil {
		w.t.Fatal(err)
	}
	if err := w.db.PutSchedule(w.t.Context(), v); err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) look(r *Runner, minutes float64) {
	w.t.Helper()
	if err := r.look(w.t.Context(), w.minute(minutes)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) minute(m float64) time.Time {
	return w.made.Add(time.Duration(m * float64(time.Minute)))
}

// states returns those of a schedule's runs, the oldest first.
func (w *world) states(v *store.Schedule) string {
	w.t.Helper()
	runs, err := w.db.Runs(w.t.Context(), v.ID, "", 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for i := len(runs) - 1; i >= 0; i-- {
		all = append(all, string(runs[i].State))
	}
	return strings.Join(all, " ")
}

func TestRunnerAsksWhatIsDueOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.runner()
	v := w.plan("ten", nil)
	w.look(r, 9.9)
	if len(w.asked) != 0 {
		t.Fatalf("asked before it was due: %+v", w.asked)
	}
	w.look(r, 10)
	w.look(r, 10.1)
	if len(w.asked) != 1 || w.asked[0].From != llama.At(w.minute(0)) || w.asked[0].To != llama.At(w.minute(10)) {
		t.Fatalf("asked %+v", w.asked)
	}
	w.end(0, store.Done)
	w.look(r, 11)
	runs, err := w.db.Runs(t.Context(), v.ID, "", 10)
	if err != nil || len(runs) != 1 || runs[0].State != store.Done || runs[0].Rows != 3 || runs[0].Ended == 0 {
		t.Errorf("runs: %+v, %v", runs, err)
	}
	w.look(r, 20)
	if len(w.asked) != 2 || w.asked[1].From != llama.At(w.minute(10)) {
		t.Errorf("asked %+v", w.asked)
	}
}

func TestOneOfTwoCentralsFires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.runner(), w.runner()
	w.plan("ten", nil)
	w.look(one, 1)
	w.look(two, 10)
	if len(w.asked) != 0 {
		t.Fatal("the one without the lease fired")
	}
	if err := w.db.DropLease(t.Context(), one.lease); err != nil {
		t.Fatal(err)
	}
	w.look(two, 10)
	w.look(one, 10)
	if len(w.asked) != 1 {
		t.Errorf("%d asked, want one", len(w.asked))
	}
	// One that lost its lease between looking and noting notes nothing.
	v, err := w.db.Schedules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := one.settle(t.Context(), &v[0], w.minute(20)); err != nil {
		t.Fatal(err)
	}
	if again, err := w.db.Schedules(t.Context()); err != nil || again[0].LastDue != v[0].LastDue {
		t.Errorf("it noted %v after %v, %v", again[0].LastDue, v[0].LastDue, err)
	}
}

func TestRunIsAskedOnceOverACrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.plan("ten", nil)
	w.crash = true
	r := w.runner()
	if err := r.look(t.Context(), w.minute(10)); err == nil {
		t.Fatal("the crash is not told")
	}
	w.crash = false
	w.look(r, 10.5)
	if len(w.asked) != 1 || w.states(v) != "queued" {
		t.Errorf("asked %d times, runs %s", len(w.asked), w.states(v))
	}
}

func TestAfterDowntime(t *testing.T) {
	t.Parallel()
	for missed, want := range map[string]struct {
		states string
		frames [][2]float64
	}{
		MissedOnce: {"missed queued", [][2]float64{{0, 50}}},
		MissedSkip: {"missed", nil},
		MissedAll:  {"done done done done queued", [][2]float64{{0, 10}, {10, 20}, {20, 30}, {30, 40}, {40, 50}}},
	} {
		w := newWorld(t)
		v := w.plan("ten", func(o *Options, _ *store.Schedule) { o.Missed = missed })
		r := w.runner()
		for m := 55.0; m < 56; m += 0.2 {
			for i := range w.asked {
				w.end(i, store.Done)
			}
			w.look(r, m)
			if missed != MissedAll {
				break
			}
		}
		if got := w.states(v); got != want.states {
			t.Errorf("%s: runs %s, want %s", missed, got, want.states)
		}
		for i, f := range want.frames {
			if i >= len(w.asked) || w.asked[i].From != llama.At(w.minute(f[0])) || w.asked[i].To != llama.At(w.minute(f[1])) {
				t.Errorf("%s: asked %+v, want %v", missed, w.asked, want.frames)
				break
			}
		}
		if again, err := w.db.Schedule(t.Context(), v.ID); err != nil || again.NextDue != llama.At(w.minute(60)) {
			t.Errorf("%s: next at %v, %v", missed, again.NextDue, err)
		}
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	for overlap, want := range map[string]string{
		OverlapSkip:  "running missed missed",
		OverlapWait:  "running missed waiting",
		OverlapAllow: "running running queued",
	} {
		w := newWorld(t)
		v := w.plan("ten", func(o *Options, _ *store.Schedule) { o.Overlap = overlap })
		r := w.runner()
		for _, m := range []float64{10, 20, 30} {
			w.look(r, m)
		}
		if got := w.states(v); got != want {
			t.Errorf("%s: %s, want %s", overlap, got, want)
		}
		w.end(0, store.Failed)
		w.look(r, 31)
		if overlap == OverlapWait && w.states(v) != "failed missed queued" {
			t.Errorf("after the end: %s", w.states(v))
		}
	}
}

// A site that is away does not stop a schedule of all sites: it goes on for as long as the
// site is away, and no run ends before it is back.
func TestRunThatWaitsForAwayNodesIsInNoWay(t *testing.T) {
	t.Parallel()
	for _, overlap := range []string{OverlapSkip, OverlapWait} {
		w := newWorld(t)
		v := w.plan("ten", func(o *Options, _ *store.Schedule) { o.Overlap = overlap })
		r := w.runner()
		for run := range 5 {
			w.look(r, float64(10*(run+1)))
			w.away[w.asked[len(w.asked)-1].ID] = true
		}
		if len(w.asked) != 5 || strings.Trim(w.states(v), "running queued") != "" {
			t.Errorf("%s: %d asked while those before wait for a node that is away: %s", overlap, len(w.asked), w.states(v))
		}
		w.away = map[string]bool{} // it is back, and works on all of them
		w.look(r, 60)
		if len(w.asked) != 5 {
			t.Errorf("%s: asked beside those that are worked on", overlap)
		}
		for i := range w.asked {
			w.end(i, store.Done)
		}
		w.look(r, 70)
		if len(w.asked) < 6 || !strings.HasPrefix(w.states(v), strings.Repeat("done ", 5)) {
			t.Errorf("%s: after they have ended: %s", overlap, w.states(v))
		}
	}
}

func TestRunThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.plan("ten", nil)
	r := w.runner()
	w.err = llama.Errorf(llama.Throttled, "too many")
	w.look(r, 10)
	if got := w.states(v); got != "waiting" {
		t.Errorf("throttled: %s", got)
	}
	w.err = llama.Errorf(llama.Forbidden, "ana may not ask target %q", "a")
	w.look(r, 10.2)
	runs, err := w.db.Runs(t.Context(), v.ID, "", 10)
	if err != nil || len(runs) != 1 || runs[0].State != store.Refused || !strings.Contains(runs[0].Error, "may not ask") {
		t.Errorf("refused: %+v, %v", runs, err)
	}
}

func TestPausedAndChangedSchedules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.runner()
	v := w.plan("ten", func(_ *Options, v *store.Schedule) { v.Paused = true })
	w.look(r, 25)
	if len(w.asked) != 0 {
		t.Error("a paused one was asked")
	}
	run, err := Now(v, "bob", w.minute(25))
	if err != nil || w.db.AddRun(t.Context(), &run) != nil {
		t.Fatal(err)
	}
	w.look(r, 25)
	if len(w.asked) != 1 || w.asked[0].From != llama.At(w.minute(20)) || w.asked[0].To != llama.At(w.minute(25)) {
		t.Errorf("run now asked %+v", w.asked)
	}
	if err := w.db.RemoveSchedule(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	w.look(r, 40)
}
