package task

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/store"
)

// TestSchedulesRefuseNobody: neither runs that wait for a node that is away nor those that
// are worked on count against the person who owns them, and they are limited still.
func TestSchedulesRefuseNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{PerUser: 1})
	busy := newWaits()
	w.site("a", emits(0, 10, 10))
	w.site("busy", busy)
	late := w.away("b", emits(10, 20, 10))
	var waiting []string
	for range awayTimes {
		id := w.submit(Request{Schedule: "s", Targets: []string{"b"}})
		waiting = append(waiting, id)
		w.central.query(uuid.MustParse(id)).away.Store(true) // as the next check will
	}
	w.in(w.submit(Request{Targets: []string{"a"}}), store.Done)

	w.submit(Request{Schedule: "t", Targets: []string{"busy"}})
	await(t, "a run is worked on", busy.began)
	w.in(w.submit(Request{Targets: []string{"a"}}), store.Done)
	_, err := w.central.Submit(t.Context(), Request{Query: "*", User: "eva", Schedule: "u", Targets: []string{"a"}})
	if llama.CodeOf(err) != llama.Throttled {
		t.Errorf("a second run while one is worked on: %v, want throttled", err)
	}
	close(busy.until)
	late.start()
	for _, id := range waiting {
		w.in(id, store.Done)
	}
}

// TestBacklogHoldsUpNoOtherSchedule: what a site has to catch up with when it is back does
// not count against other schedules of the same owner.
func TestBacklogHoldsUpNoOtherSchedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{PerUser: 1})
	w.site("a", emits(0, 10, 10))
	busy := newWaits()
	late := w.away("b", busy)
	for i := range 2 {
		w.until("a run is asked", func() bool { // when the one before is known to wait
			_, err := w.central.Submit(t.Context(), Request{Query: "*", User: "eva", Schedule: "s", Targets: []string{"b"}})
			return err == nil
		})
		w.until("it waits", func() bool {
			open := w.central.Open()
			return len(open) == i+1 && w.central.query(uuid.MustParse(open[i].ID)).away.Load()
		})
	}
	late.start()
	for range 2 {
		await(t, "b catches up", busy.began)
	}
	w.in(w.submit(Request{Schedule: "t", Targets: []string{"a"}}), store.Done)
	close(busy.until)
}

// TestRunsThatWaitAreBounded: when many runs of a schedule wait for a node that is away,
// they keep their time, and later ones are asked of the others.
func TestRunsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{PerUser: 1, Deadline: time.Hour})
	w.site("a", emits(0, 10, 10))
	late := w.away("b", emits(10, 20, 10))
	run := func(schedule string, targets ...string) string {
		var id string
		w.until("a run is asked", func() bool { // one after the other, when a has done its part
			q, err := w.central.Submit(t.Context(), Request{Query: "*", User: "eva", Schedule: schedule, Targets: targets})
			if err == nil {
				id = q.ID
			}
			return err == nil
		})
		return id
	}
	var waiting []string
	for range awayTimes {
		waiting = append(waiting, run("s"))
	}
	w.until("all wait", func() bool { return w.central.Waits(waiting[len(waiting)-1]) })

	q := w.in(run("s"), store.Partial)
	for _, task := range q.Tasks {
		if task.Target == "b" && (task.State != store.Expired || !strings.Contains(task.Error, "16 runs")) {
			t.Errorf("the task of the node that is away: %s, %q", task.State, task.Error)
		}
	}
	if got := len(w.rows(q.ID)); got != 10 {
		t.Errorf("%d rows of the node that is there, want 10", got)
	}
	waiting = append(waiting, run("t")) // another schedule's may wait
	w.in(run("s", "b"), store.Expired)
	for _, id := range waiting {
		if q := w.get(id); q.State.Final() || q.Deadline-q.Created != llama.Time(time.Hour) {
			t.Errorf("one that waits is %s and has %v", q.State, time.Duration(q.Deadline-q.Created))
		}
	}
	late.start()
	for _, id := range waiting {
		w.in(id, store.Done)
	}
}

// TestAway: a query waits for nodes that are away when all that is left of it is theirs,
// whatever they had taken; a node that was restarted is not away.
func TestAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Offline: 300 * time.Millisecond})
	x := newWaits()
	w.site("a", emits(0, 10, 10))
	s := w.site("b", x)
	id := w.submit(Request{})
	await(t, "b is at it", x.began)
	if w.central.Waits(id) {
		t.Error("a query that is worked on waits")
	}
	l := w.central.query(uuid.MustParse(id))
	l.mu.Lock()
	again := newLive(l.id, clone(l.q), l.plan)
	l.mu.Unlock()
	of(again.q, s.own.ID()).State = store.Queued // as after its restart, long after it was asked first
	if w.central.waits(again, time.Now().Add(time.Hour)) {
		t.Error("a query of a node that was restarted waits")
	}
	s.silent()
	w.until("it waits for b", func() bool { return w.central.Waits(id) })
	s.start()
	w.until("b is at it again", func() bool { return !w.central.Waits(id) })
	await(t, "b is at it again", x.began)

	w.halt()
	w.start()
	n := w.central.node(s.own.ID())
	if n.isAway(n.expected) || !n.isOnline() && !n.isAway(n.expected.Add(1)) {
		t.Error("a node that was there before central was restarted is away before it could say hello, or never")
	}
	close(x.until)
	w.in(id, store.Done)
	if w.central.Waits(id) || w.central.Waits("nope") {
		t.Error("what has ended waits")
	}
}
