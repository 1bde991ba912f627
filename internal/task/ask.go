package task

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/store"
)

// answerTime is how long a node may take to say how it is.
const answerTime = 3 * time.Second

// A Report is what a node says of itself, or why it does not.
type Report struct {
	Target, Node string
	Status       Status
	Error        string // empty when Status is known
}

// Status asks the nodes of targets, of all for none, what they have. Nodes that
// are offline or do not answer have an Error.
func (c *Central) Status(ctx context.Context, targets []string) ([]Report, error) {
	chosen, err := c.choose(ctx, targets)
	if err != nil && !(len(targets) == 0 && llama.CodeOf(err) == llama.Conflict) {
		return nil, err
	}
	var reports []Report
	for _, t := range chosen {
		for _, n := range t.Nodes {
			reports = append(reports, Report{Target: t.Name, Node: n.ID, Error: "the node is offline"})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var asking sync.WaitGroup
	for i := range reports {
		if n := c.node(reports[i].Node); n != nil && n.isOnline() {
			asking.Go(func() { reports[i].Status, reports[i].Error = c.ask(ctx, n) })
		}
	}
	asking.Wait()
	return reports, nil
}

func (n *node) isOnline() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.online
}

func (c *Central) ask(ctx context.Context, n *node) (Status, string) {
	id := uuid.New()
	answers := make(chan answer, 1)
	c.mu.Lock()
	c.answers[id] = answers
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.answers, id)
	}()
	c.send(n, envelope.Header{Kind: kindStatus, Query: id}, nil)
	select {
	case a := <-answers:
		return a.Status, a.Error
	case <-ctx.Done():
		return Status{}, "the node does not answer"
	}
}

func (c *Central) answer(h envelope.Header, body []byte) error {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return errors.New("damaged answer")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if to := c.answers[h.Query]; to != nil {
		select {
		case to <- a:
		default: // it has one
		}
	}
	return nil
}

// Statistics are numbers over everything that is online.
type Statistics struct {
	Queries         store.Counts
	Online, Offline int // nodes
	Collections     int // different names
	Events, Bytes   int64
	EventsPerSecond float64
}

// Statistics counts; midnight is when today began.
func (c *Central) Statistics(ctx context.Context, midnight llama.Time) (Statistics, error) {
	var s Statistics
	var err error
	if s.Queries, err = c.o.Store.Counts(ctx, midnight); err != nil {
		return s, err
	}
	reports, err := c.Status(ctx, nil)
	if err != nil {
		return s, err
	}
	names := map[string]bool{}
	for _, r := range reports {
		if r.Error != "" {
			s.Offline++
			continue
		}
		s.Online++
		s.EventsPerSecond += r.Status.EventsPerSecond
		for _, col := range r.Status.Collections {
			names[col.Name] = true
			s.Events += col.Events
			s.Bytes += col.Bytes
		}
	}
	s.Collections = len(names)
	return s, nil
}

// Lines are events as they pass a node.
type Lines struct {
	Target, Node string
	Rows         []Row
	Lost         uint64 // matching events that were passed over before these, at least
	Error        string // why the node follows no longer
}

const (
	// tailRoom is how many batches wait for a slow watcher of a live tail.
	tailRoom = 64
	// renewAfter is how many batches of a node are acknowledged at once.
	renewAfter = tailWindow / 4
	// maxTails bounds the live tails in central.
	maxTails = 256
)

// A listener is one live tail in central.
type listener struct {
	id    uuid.UUID
	tasks map[string]Task // by node; not changed
	lines chan Lines

	mu   sync.Mutex
	next map[string]uint64 // by node: the batch that should come
	lost map[string]uint64 // by node: events there was no room for
	seen map[string]uint64 // by node: the arrival number of the last event that was handed on, or told of as lost
}

// Tail yields the events that match r.Query as they pass the nodes of r.Targets,
// until ctx ends or all nodes have stopped. Nodes of which r.After names an event begin
// after that; one that is restarted goes on where it was. The first Lines are empty: the nodes
// have been asked. A watcher that is slow loses some, and is told how many.
func (c *Central) Tail(ctx context.Context, r Request) iter.Seq2[Lines, error] {
	return func(yield func(Lines, error) bool) {
		t, err := c.listen(ctx, r)
		if err != nil {
			yield(Lines{}, err)
			return
		}
		defer c.hangUp(t)
		var renewing sync.WaitGroup
		defer renewing.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // runs before the wait
		c.renewAll(t)
		renewing.Go(func() { c.keepRenewed(ctx, t) })
		if !yield(Lines{}, nil) {
			return
		}
		stopped := map[string]bool{}
		for len(stopped) < len(t.tasks) {
			select {
			case <-ctx.Done():
				return
			case l := <-t.lines:
				if !yield(l, nil) {
					return
				}
				if l.Error != "" {
					stopped[l.Node] = true
				}
			}
		}
	}
}

// keepRenewed lets the nodes of t go on until ctx ends, however slow the watcher
// is.
func (c *Central) keepRenewed(ctx context.Context, t *listener) {
	renew := time.NewTicker(c.o.Lease)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			c.renewAll(t)
			t.tellLost()
		}
	}
}

func (c *Central) listen(ctx context.Context, r Request) (*listener, error) {
	now := time.Now()
	if _, err := c.plan(r, now); err != nil {
		return nil, err
	}
	// Each node would refuse what is no filter, and who asks would hear of it as many troubles of sites.
	q, err := Task{Query: r.Query, Asked: llama.At(now)}.Parse()
	if err != nil {
		return nil, err
	}
	if _, err := q.Matcher(); err != nil {
		return nil, err
	}
	targets, err := c.choose(ctx, r.Targets)
	if err != nil {
		return nil, err
	}
	t := &listener{id: uuid.New(), tasks: map[string]Task{}, lines: make(chan Lines, tailRoom), next: map[string]uint64{}, lost: map[string]uint64{}, seen: map[string]uint64{}}
	for _, target := range targets {
		for _, n := range target.Nodes {
			t.tasks[n.ID] = Task{Target: target.Name, Query: r.Query, Language: "logsql", User: r.User, Asked: llama.At(now)}
		}
	}
	if err := t.after(r.After); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tails) >= maxTails {
		return nil, llama.Errorf(llama.Throttled, "%d live tails are running, and more are not served at once", maxTails)
	}
	c.tails[t.id] = t
	return t, nil
}

// after sets where nodes begin: after the events with the given ids.
func (t *listener) after(ids []string) error {
	for _, id := range ids {
		node, seq := splitID(id)
		if seq == 0 {
			return llama.Errorf(llama.Invalid, "%q is no _id of an event; e.g. jbn6hiovmugrglx2-4711", id)
		}
		if _, ok := t.tasks[node]; !ok {
			return llama.Errorf(llama.NotFound, "the event %s is of the node %s, which is none of those that are followed", id, node)
		}
		if t.seen[node] > 0 {
			return llama.Errorf(llama.Invalid, "two events of the node %s are given to begin after; give the later one", node)
		}
		t.seen[node] = seq
	}
	return nil
}

// splitID takes the `_id` of an event apart. The number is 0 when it is none.
func splitID(id string) (node string, seq uint64) {
	i := strings.LastIndexByte(id, '-')
	if i < 1 {
		return "", 0
	}
	seq, err := strconv.ParseUint(id[i+1:], 10, 64)
	if err != nil {
		return "", 0
	}
	return id[:i], seq
}

// seqOf returns the arrival number of a row that is an event, or 0.
func seqOf(row Row) uint64 {
	for i := range row {
		if row[i].Name == llama.NameID {
			_, seq := splitID(row[i].Value)
			return seq
		}
	}
	return 0
}

func (c *Central) hangUp(t *listener) {
	c.mu.Lock()
	delete(c.tails, t.id)
	c.mu.Unlock()
	for id := range t.tasks {
		if n := c.node(id); n != nil {
			c.cancelAt(n, t.id, 0)
		}
	}
}

func (c *Central) renewAll(t *listener) {
	for id := range t.tasks {
		if n := c.node(id); n != nil {
			t.mu.Lock()
			next := t.next[id]
			t.mu.Unlock()
			c.renew(t, n, next)
		}
	}
}

// renew lets a node go on, and begins with one that was restarted or away.
func (c *Central) renew(t *listener, n *node, next uint64) {
	task := t.tasks[n.id]
	t.mu.Lock()
	task.After = t.seen[n.id]
	t.mu.Unlock()
	body, err := json.Marshal(task)
	if err != nil {
		c.o.Log.Error("task not encoded", "error", err)
		return
	}
	c.send(n, envelope.Header{Kind: kindTail, Query: t.id, Frame: next}, body)
}

// lines hands a batch to the live tail it is for.
func (c *Central) lines(n *node, h envelope.Header, body []byte) error {
	c.mu.Lock()
	t := c.tails[h.Query]
	c.mu.Unlock()
	task, asked := Task{}, false
	if t != nil {
		task, asked = t.tasks[n.id]
	}
	if !asked {
		c.cancelAt(n, h.Query, 0)
		return nil
	}
	l, err := decodeLines(body)
	if err != nil {
		return err
	}
	out := Lines{Target: task.Target, Node: n.id, Lost: l.lost}
	if l.ended {
		out.Error = cut(string(l.text))
	} else if out.Rows, err = decodeRows(l.text); err != nil {
		return err
	}
	if t.misses(n.id, l.before) {
		// What came before was lost under way: the node is to begin after what was taken.
		c.cancelAt(n, h.Query, 0)
		c.renew(t, n, 0)
		return nil
	}
	if !t.take(out, h.Frame) {
		c.metrics.lost.Add(int64(len(out.Rows)))
	}
	if next := h.Frame + 1; next%renewAfter == 0 && !l.ended {
		c.renew(t, n, next)
	}
	return nil
}

// misses reports whether events are missing before a batch that comes behind the event
// with the number before.
func (t *listener) misses(node string, before uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[node] > 0 && before > t.seen[node]
}

// take hands on a batch, and reports whether there was room for it.
func (t *listener) take(l Lines, number uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if next := t.next[l.Node]; number > next {
		l.Lost += number - next // batches: each has at least one event
	}
	t.next[l.Node] = number + 1 // a node that was restarted counts anew
	// What was under way when a node was asked again comes twice.
	rows := len(l.Rows)
	l.Rows = slices.DeleteFunc(l.Rows, func(row Row) bool { seq := seqOf(row); return seq > 0 && seq <= t.seen[l.Node] })
	if rows > 0 && len(l.Rows) == 0 && l.Lost == 0 {
		return true
	}
	return t.hand(l)
}

// tellLost tells of events there was no room for when nothing came since.
func (t *listener) tellLost() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, lost := range t.lost {
		if lost > 0 {
			t.hand(Lines{Target: t.tasks[id].Target, Node: id})
		}
	}
}

// hand hands on l and what was lost before it. The caller holds the lock.
func (t *listener) hand(l Lines) bool {
	l.Lost += t.lost[l.Node]
	t.lost[l.Node] = 0
	for _, row := range l.Rows {
		t.seen[l.Node] = max(t.seen[l.Node], seqOf(row))
	}
	select {
	case t.lines <- l:
		return true
	default:
		t.lost[l.Node] = l.Lost + uint64(len(l.Rows))
		return false
	}
}
