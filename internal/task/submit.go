package task

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/store"
)

// A Request is a question to be asked.
type Request struct {
	Query    string
	Name     string   // a person's name for it; may be empty
	Language string   // "" for logsql
	Targets  []string // none for all
	From, To llama.Time
	Limit    int // rows wanted at most; 0 for as many as are kept
	User     string
	Deadline time.Duration // how long nodes may take; 0 for the default
	ID       string        // a UUIDv7 that the query is to have; "" for one that is drawn
	After    []string      // of a live tail: `_id`s of events after which their nodes begin
	Schedule string        // the id of the schedule that asks; "" for none
}

const maxTargets = 10_000

// A Target is one that can be asked.
type Target struct {
	Name  string
	Nodes []Node
}

// A Node is one of a target's.
type Node struct {
	ID       string
	Version  string
	Online   bool
	LastSeen llama.Time // 0 for never
	Health   Health
	Skew     time.Duration // of its clock, ahead of central's
}

// Online reports whether a node of the target is.
func (t Target) Online() bool {
	return slices.ContainsFunc(t.Nodes, func(n Node) bool { return n.Online })
}

// Targets returns all targets with their nodes, ordered by name.
func (c *Central) Targets() []Target {
	byName := map[string]*Target{}
	for _, n := range c.allNodes() {
		n.mu.Lock()
		seen := Node{ID: n.id, Version: n.version, Online: n.online, Health: n.health, Skew: n.skew}
		if !n.seen.IsZero() {
			seen.LastSeen = llama.At(n.seen)
		}
		name := n.target
		n.mu.Unlock()
		if byName[name] == nil {
			byName[name] = &Target{Name: name}
		}
		byName[name].Nodes = append(byName[name].Nodes, seen)
	}
	all := make([]Target, 0, len(byName))
	for _, t := range byName {
		slices.SortFunc(t.Nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// choose returns the targets called names, each once; all for none.
func (c *Central) choose(ctx context.Context, names []string) ([]Target, error) {
	all := c.Targets()
	if len(names) == 0 {
		if len(all) == 0 {
			return nil, llama.Errorf(llama.Conflict, "there is no target yet that could be asked; a node has to be enrolled first")
		}
		return all, nil
	}
	if len(names) > maxTargets {
		return nil, llama.Errorf(llama.TooLarge, "a query has %d targets at most", maxTargets)
	}
	var chosen []Target
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		i := slices.IndexFunc(all, func(t Target) bool { return t.Name == name })
		if i < 0 {
			return nil, c.missing(ctx, name, all)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// missing says why a target cannot be asked.
func (c *Central) missing(ctx context.Context, name string, all []Target) error {
	codes, err := c.o.Store.Enrolments(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(codes, func(e store.Enrolment) bool { return e.Target == name }) {
		return llama.Errorf(llama.Conflict, "target %q has no node yet; 'llama node join' makes one of it, by the code that was made", cut(name))
	}
	return llama.Errorf(llama.NotFound, "there is no target %q; %s", cut(name), existing(name, all))
}

// existing names the target that was most likely meant, or those there are.
func existing(name string, targets []Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, t.Name)
	}
	if near := config.Near(name, names); near != "" {
		return fmt.Sprintf("there is %q", near)
	}
	if len(names) > 10 {
		names = append(names[:10], "…")
	}
	return "these are known: " + strings.Join(names, ", ")
}

// Submit asks a question. It returns when the query is durable and on its way;
// nodes that are offline are asked when they are back.
func (c *Central) Submit(ctx context.Context, r Request) (*store.Query, error) {
	now := time.Now()
	plan, err := c.plan(r, now)
	if err != nil {
		return nil, err
	}
	targets, err := c.choose(ctx, r.Targets)
	if err != nil {
		return nil, err
	}
	id, err := newID(r.ID)
	if err != nil {
		return nil, err
	}
	l := newLive(id, c.newQuery(id, r, plan, targets, now), plan)
	l.mu.Lock() // nobody may see it before it is durable
	defer l.mu.Unlock()
	if err := c.begin(l); err != nil {
		return nil, err
	}
	c.bound(l.q, now)
	if err := c.o.Store.AddQuery(ctx, l.q); err != nil {
		l.over = true
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.live, id)
		return nil, err
	}
	for i := range l.q.Tasks {
		t := &l.q.Tasks[i]
		if n := c.node(t.Node); n != nil && !t.State.Final() {
			c.sendTask(l, n, t)
		}
	}
	return clone(l.q), nil
}

func newID(wanted string) (uuid.UUID, error) {
	if wanted != "" {
		return uuid.Parse(wanted)
	}
	return uuid.NewV7()
}

func (c *Central) plan(r Request, now time.Time) (Plan, error) {
	if r.Language != "" && r.Language != "logsql" {
		return nil, llama.Errorf(llama.Invalid, "the query language %q is not known; logsql is", cut(r.Language))
	}
	if len(r.Query) > query.MaxText || len(r.Name) > query.MaxText {
		return nil, llama.Errorf(llama.TooLarge, "a query has at most %d KiB", query.MaxText>>10)
	}
	if r.From != 0 && r.To != 0 && r.From > r.To {
		return nil, llama.Errorf(llama.Invalid, "the time range ends (%s) before it begins (%s)", r.To, r.From)
	}
	if r.Limit < 0 {
		return nil, llama.Errorf(llama.Invalid, "a limit of %d rows is none; it has to be 1 at least, or 0 for no limit", r.Limit)
	}
	return c.o.Planner.Plan(Task{
		Query: r.Query, Language: "logsql", User: r.User, From: r.From, To: r.To, Limit: r.Limit, Asked: llama.At(now), MaxBytes: c.o.MaxBytes,
	})
}

func (c *Central) newQuery(id uuid.UUID, r Request, plan Plan, targets []Target, now time.Time) *store.Query {
	wait := r.Deadline
	if wait <= 0 {
		wait = c.o.Deadline
	}
	at := llama.At(now)
	q := &store.Query{
		ID: id.String(), User: r.User, State: store.Queued, Text: r.Query, Normal: plan.String(), Language: "logsql", Name: r.Name,
		From: r.From, To: r.To, Limit: r.Limit, Created: at, Schedule: r.Schedule,
		Deadline: llama.At(now.Add(min(wait, c.o.Lifetime))), Expires: llama.At(now.Add(c.o.Lifetime)),
	}
	for _, t := range targets {
		q.Targets = append(q.Targets, t.Name)
		for _, n := range t.Nodes {
			q.Tasks = append(q.Tasks, store.Task{Query: q.ID, Node: n.ID, Target: t.Name, Attempt: 1, State: store.Queued, Queued: at})
		}
	}
	return q
}

// Cancel ends a query: the nodes stop, and the rows that came are kept. A query
// that has ended is left as it is.
func (c *Central) Cancel(ctx context.Context, id string) error {
	l, err := c.find(ctx, id)
	if err != nil || l == nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil
	}
	// A cancel stands, even when who asked for it has gone.
	return c.end(context.WithoutCancel(ctx), l, store.Cancelled, "")
}

// find returns a live query, or nil for one that has ended. The error is
// NotFound when there is none of that id.
func (c *Central) find(ctx context.Context, id string) (*live, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return nil, llama.Errorf(llama.NotFound, "%q is not the id of a query", cut(id))
	}
	if l := c.query(parsed); l != nil {
		return l, nil
	}
	_, err = c.stored(ctx, parsed.String())
	return nil, err
}

// Get returns a query as it is now.
func (c *Central) Get(ctx context.Context, id string) (*store.Query, error) {
	if l, err := c.find(ctx, id); err != nil {
		return nil, err
	} else if l != nil {
		return l.query(), nil
	}
	q, err := c.stored(ctx, id)
	if err != nil {
		return nil, err
	}
	return clone(q), nil
}

// Open returns the queries that have not ended, the oldest first.
func (c *Central) Open() []store.Query {
	c.mu.Lock()
	all := make([]*live, 0, len(c.live))
	for _, l := range c.live {
		all = append(all, l)
	}
	c.mu.Unlock()
	open := make([]store.Query, 0, len(all))
	for _, l := range all {
		if q := l.query(); q.Ended == 0 {
			open = append(open, *q)
		}
	}
	slices.SortFunc(open, func(a, b store.Query) int { return strings.Compare(a.ID, b.ID) })
	return open
}

func (l *live) query() *store.Query {
	l.mu.Lock()
	defer l.mu.Unlock()
	return clone(l.q)
}

// List returns queries, the newest first.
func (c *Central) List(ctx context.Context, f store.Filter) ([]store.Query, error) {
	found, err := c.o.Store.Queries(ctx, f)
	if err != nil {
		return nil, err
	}
	for i := range found {
		id, err := uuid.Parse(found[i].ID)
		if err != nil {
			continue // none that we have made
		}
		if l := c.query(id); l != nil {
			found[i] = *l.query()
		}
	}
	return found, nil
}
