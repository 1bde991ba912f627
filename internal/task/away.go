package task

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/store"
)

// awayTimes is how many times as many queries of a user may wait for nodes that are away
// as nodes may work on, and runs of each schedule. They take little until then; a schedule
// that runs each hour has many of them when a site is away for a day.
const awayTimes = 16

// isAway reports whether the node is not there. One that was there when central stopped is
// not away until it has had the time to say hello again.
func (n *node) isAway(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.online && now.After(n.expected)
}

// waits reports whether all that is left of l is of nodes that are away, taken or not. The
// caller holds the lock.
func (c *Central) waits(l *live, now time.Time) bool {
	left := false
	for i := range l.q.Tasks {
		t := &l.q.Tasks[i]
		if t.State.Final() {
			continue
		}
		if n := c.node(t.Node); n != nil && !n.isAway(now) {
			return false
		}
		left = true
	}
	return left
}

// Waits reports whether a query has not ended and only waits for nodes that are away.
func (c *Central) Waits(id string) bool {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return false
	}
	l := c.query(parsed)
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.over && c.waits(l, time.Now())
}

// begin makes l live, unless its user has too many that are. Runs of schedules are counted
// apart, so that they are in nobody's way.
func (c *Central) begin(l *live) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	running, away := 0, 0
	for _, other := range c.live {
		switch {
		case other.user != l.user || (other.schedule == "") != (l.schedule == ""):
		case other.away.Load():
			away++
		case l.schedule != "" && other.late.Load(): // or a site that is back holds up those of all others
		default:
			running++
		}
	}
	if running >= c.o.PerUser {
		return llama.Errorf(llama.Throttled, "%d of your queries have not ended yet, and more are not run at once; wait, or cancel one", running)
	}
	if l.schedule == "" && away >= awayTimes*c.o.PerUser {
		return llama.Errorf(llama.Throttled, "%d of your queries wait for nodes that are away, and more may not; cancel some", away)
	}
	c.live[l.id] = l
	return nil
}

// bound ends at once what the new run q would wait for, when as many runs of its schedule
// wait as may, or have waited and go on now: those keep their time, and nodes that are there
// are asked.
func (c *Central) bound(q *store.Query, now time.Time) {
	if q.Schedule == "" {
		return
	}
	waiting := 0
	c.mu.Lock()
	for _, l := range c.live {
		if l.schedule == q.Schedule && l.late.Load() {
			waiting++
		}
	}
	c.mu.Unlock()
	if waiting < awayTimes*c.o.PerUser {
		return
	}
	for i := range q.Tasks {
		t := &q.Tasks[i]
		if n := c.node(t.Node); n == nil || n.isAway(now) {
			t.State, t.Ended = store.Expired, llama.At(now)
			t.Error = fmt.Sprintf("%d runs of the schedule wait for the node already, and more may not", waiting)
		}
	}
}
