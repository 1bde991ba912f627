package task

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/store"
)

const (
	// grace is how long a message may be under way before what contradicts it
	// counts.
	grace = time.Second
	// seenEvery is how often the store learns that a node is still there.
	seenEvery = time.Minute
	// maxHeld bounds the tasks that a node may say it holds.
	maxHeld = 1 << 14
)

// A node is one that is enrolled, as central sees it.
type node struct {
	id      string
	peer    atomic.Pointer[envelope.Peer]
	next    atomic.Pointer[envelope.Peer] // with the keys it is about to change to; nil for none
	inbox   chan carrier.Message
	serving bool // used by the dispatcher only

	mu      sync.Mutex
	target  string
	version string
	boot    string // "" until it was heard
	online  bool
	// expected is until when it may say hello for the first time: it was there when central
	// stopped. Zero for one that was not.
	expected time.Time
	seen     time.Time
	stored   time.Time // when the store learned of seen
	health   Health
	skew     time.Duration // of its clock, ahead of ours
}

func (c *Central) newNode(n store.Node) (*node, error) {
	public, err := envelope.ParsePublic(n.Keys)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.ID, err)
	}
	made := &node{id: n.ID, inbox: make(chan carrier.Message, maxInbox), target: n.Target, version: n.Version}
	made.peer.Store(c.o.Identity.Peer(public))
	if len(n.Next.Envelope) > 0 {
		next, err := envelope.ParsePublic(n.Next.Envelope)
		if err != nil {
			return nil, fmt.Errorf("next keys of node %s: %w", n.ID, err)
		}
		made.next.Store(c.o.Identity.Peer(next))
	}
	if n.LastSeen != 0 {
		made.seen = n.LastSeen.Std()
	}
	return made, nil
}

// hello notes that a node is there and makes its tasks what they should be.
func (c *Central) hello(ctx context.Context, n *node, body []byte) error {
	var h hello
	if err := json.Unmarshal(body, &h); err != nil || len(h.Tasks) > maxHeld {
		return fmt.Errorf("damaged hello of node %s", n.id)
	}
	if h.Leaving {
		c.gone(ctx, n, true, func() bool { return n.boot == h.Boot })
		return nil
	}
	n.mu.Lock()
	before, last := n.online, n.seen
	n.mu.Unlock()
	restarted, store := n.greet(h)
	if !before {
		c.tellPresence(ctx, n, Presence{Online: true, LastSeen: last})
	}
	if store {
		c.keepPresence(ctx, n)
	}
	has := map[uuid.UUID]map[uint32]bool{}
	for _, t := range h.Tasks {
		if has[t.Query] == nil {
			has[t.Query] = map[uint32]bool{}
		}
		has[t.Query][t.Attempt] = true
	}
	c.mu.Lock()
	all := make([]*live, 0, len(c.live))
	for _, l := range c.live {
		all = append(all, l)
	}
	c.mu.Unlock()
	for _, l := range all {
		keep, err := c.reconcile(ctx, l, n, has[l.id], restarted)
		if err != nil {
			return err
		}
		delete(has[l.id], keep)
	}
	for id, attempts := range has {
		for attempt := range attempts {
			c.cancelAt(n, id, attempt)
		}
	}
	return nil
}

// greet notes a hello. It reports whether the node was restarted since the last
// one, and whether the store should learn of it.
func (n *node) greet(h hello) (restarted, store bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	restarted = n.boot != "" && n.boot != h.Boot
	store = !n.online || n.version != cut(h.Version) || now.Sub(n.stored) > seenEvery
	n.boot, n.version, n.online, n.seen = h.Boot, cut(h.Version), true, now
	n.heard(h.Health, now)
	return restarted, store
}

// reconcile makes what a node has of a query what it should have. It returns the
// attempt that the node is right to hold.
func (c *Central) reconcile(ctx context.Context, l *live, n *node, has map[uint32]bool, restarted bool) (keep uint32, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := of(l.q, n.id)
	if t == nil || t.State.Final() || l.over {
		return 0, nil
	}
	s, now := l.tasks[n.id], time.Now()
	switch {
	case has[t.Attempt]:
		s.heard = now
		if t.State == store.Queued {
			t.State, t.Delivered, l.dirty = store.Delivered, llama.At(now), true
			settle(l.q)
			l.wake()
		}
	case t.State == store.Queued:
		if restarted || now.Sub(s.sent) > grace {
			c.sendTask(l, n, t)
		}
	case restarted || now.Sub(s.heard) > grace:
		if err := c.retry(ctx, l, n); err != nil {
			return 0, err
		}
	}
	return of(l.q, n.id).Attempt, nil
}

// retry begins a new attempt of a task that the node has lost.
func (c *Central) retry(ctx context.Context, l *live, n *node) error {
	q := clone(l.q)
	t := of(q, n.id)
	*t = store.Task{
		Query: t.Query, Node: t.Node, Target: t.Target, Attempt: t.Attempt + 1, State: store.Queued, Queued: t.Queued,
	}
	settle(q)
	if err := c.o.Store.DropFrames(ctx, q, n.id, t.Attempt); err != nil {
		return err
	}
	l.q, l.dirty, l.merge = q, false, nil
	l.rows++
	l.wake()
	c.sendTask(l, n, t)
	return nil
}

// task returns what the tasks of q have in common.
func (c *Central) task(q *store.Query) Task {
	return Task{
		Query: q.Text, Language: q.Language, User: q.User, From: q.From, To: q.To, Limit: q.Limit,
		Asked: q.Created, Deadline: q.Deadline, MaxBytes: c.o.MaxBytes, Lines: true, EndWithFrame: true,
	}
}

// sendTask sends a task. The caller holds the lock of l.
func (c *Central) sendTask(l *live, n *node, t *store.Task) {
	task := c.task(l.q)
	task.Target = t.Target
	body, err := json.Marshal(task)
	if err != nil {
		c.o.Log.Error("task not encoded", "query", l.id, "error", err)
		return
	}
	l.tasks[n.id].sent = time.Now()
	c.send(n, envelope.Header{Kind: kindTask, Query: l.id, Attempt: t.Attempt}, body)
}

func (c *Central) checkPresence(ctx context.Context) {
	for _, n := range c.allNodes() {
		c.gone(ctx, n, false, func() bool { return time.Since(n.seen) > c.o.Offline })
	}
}

// gone notes that a node is not there any more, if it was and is says so under its lock, and
// whether that is because it stops in order.
func (c *Central) gone(ctx context.Context, n *node, left bool, is func() bool) {
	n.mu.Lock()
	gone := n.online && is()
	if gone {
		n.online = false
	}
	last := n.seen
	n.mu.Unlock()
	if gone {
		c.tellPresence(ctx, n, Presence{Left: left, LastSeen: last})
		c.keepPresence(ctx, n)
	}
}

func (c *Central) keepPresence(ctx context.Context, n *node) {
	n.mu.Lock()
	n.stored = time.Now()
	version, online, seen := n.version, n.online, llama.At(n.seen)
	n.mu.Unlock()
	c.o.Log.Debug("node presence", "node", n.id, "online", online)
	if err := c.o.Store.Seen(ctx, n.id, version, online, seen); err != nil && ctx.Err() == nil {
		c.o.Log.Error("presence of node not kept", "node", n.id, "error", err) // it is known in memory
	}
}

func (c *Central) allNodes() []*node {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*node, 0, len(c.nodes))
	for _, n := range c.nodes {
		all = append(all, n)
	}
	return all
}
