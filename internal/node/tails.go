package node

import (
	"context"
	"slices"
	"sync"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/query"
)

// tails follows what comes in, once for each filter, however many ask for it: one of
// them leads, looks at the events and hands the rows of those that match to all. When the
// leader goes, another goes on where it was.
//
// Who is slow does not hold up the others: when its queue is full it goes on alone from
// its place, and misses nothing.
type tails struct {
	archive *archive.Archive
	node    string

	mu        sync.Mutex
	groups    map[string]*tailGroup // by filter
	evaluated uint64                // events that a filter was asked about
}

// A tailGroup is those who follow by one filter.
type tailGroup struct {
	next    uint64 // the first event that was not looked at; 0: the next that comes
	members []*tailMember
	led     bool
}

// A tailMember is one who follows.
type tailMember struct {
	group *tailGroup
	queue chan tailBatch
	lead  chan struct{} // closed when it is to lead
	full  chan struct{} // closed when the queue was; then the member is out
}

// A tailBatch is the rows of some events that match.
type tailBatch struct {
	rows []query.Row // shared by all who follow: not to be changed
	next uint64      // the first event that was not looked at
}

// tailQueue is how many batches wait for a member.
const tailQueue = 64

func newTails(a *archive.Archive, node string) *tails {
	return &tails{archive: a, node: node, groups: map[string]*tailGroup{}}
}

// follow hands on the rows of events that match q, in the order of arrival, until ctx
// ends or fn fails: of those after an arrival number, or for 0 of those to come.
func (t *tails) follow(ctx context.Context, q *query.Query, after uint64, fn func([]query.Row) error) error {
	matches, err := q.Matcher()
	if err != nil {
		return err
	}
	if after > 0 {
		if err := t.kept(ctx, after); err != nil {
			return err
		}
		return t.alone(ctx, q, matches, after+1, fn)
	}
	name := q.String()
	if q.Relative() { // the same words mean another time
		return t.alone(ctx, q, matches, 0, fn)
	}
	ctx, cancel := context.WithCancel(ctx)
	var leading sync.WaitGroup
	defer leading.Wait()
	defer cancel() // before the wait
	m := t.join(name)
	defer t.leave(name, m)
	var led error // why this member leads no longer; read after lost is closed
	lost := make(chan struct{})
	leading.Go(func() {
		defer close(lost)
		select {
		case <-m.lead:
			led = t.lead(ctx, name, m.group, q, matches)
		case <-ctx.Done():
		}
	})
	next := uint64(0)
	take := func(b tailBatch) error {
		next = b.next
		return fn(b.rows)
	}
	for {
		select {
		case b := <-m.queue:
			if err := take(b); err != nil {
				return err
			}
		case <-m.full:
			for len(m.queue) > 0 { // nothing more comes in
				if err := take(<-m.queue); err != nil {
					return err
				}
			}
			return t.alone(ctx, q, matches, next, fn)
		case <-lost:
			return led
		case <-ctx.Done():
			return nil
		}
	}
}

// kept fails when the event with an arrival number is not here.
func (t *tails) kept(ctx context.Context, seq uint64) error {
	there, err := t.archive.Holds(ctx, seq)
	switch {
	case err != nil:
		return err
	case !there:
		return llama.Errorf(llama.NotFound, "the node has no event %s-%d any more, or none yet, so what came after it may be missing; query for the time, and follow after a later one", t.node, seq)
	}
	return nil
}

// alone follows for one.
func (t *tails) alone(ctx context.Context, q *query.Query, matches func(*llama.Event) bool, from uint64, fn func([]query.Row) error) error {
	return t.archive.Follow(ctx, from, func(events []llama.Event) error {
		rows, err := t.rows(ctx, q, matches, events)
		if err != nil || len(rows) == 0 {
			return err
		}
		return fn(rows)
	})
}

// rows returns the rows of the events that match, in their order.
func (t *tails) rows(ctx context.Context, q *query.Query, matches func(*llama.Event) bool, events []llama.Event) ([]query.Row, error) {
	t.mu.Lock()
	t.evaluated += uint64(len(events))
	t.mu.Unlock()
	var found []llama.Event
	for i := range events {
		if matches(&events[i]) {
			found = append(found, events[i])
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	var rows []query.Row
	err := q.Execute(ctx, query.Events(found), query.RunOptions{NodeID: t.node, Workers: 1}, func(r query.Row) error {
		rows = append(rows, slices.Clone(r))
		return nil
	})
	slices.Reverse(rows) // a query answers the newest first
	return rows, err
}

// join makes somebody a member of the group of a filter.
func (t *tails) join(name string) *tailMember {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[name]
	if g == nil {
		g = &tailGroup{}
		t.groups[name] = g
	}
	m := &tailMember{group: g, queue: make(chan tailBatch, tailQueue), lead: make(chan struct{}), full: make(chan struct{})}
	g.members = append(g.members, m)
	if !g.led {
		g.led = true
		g.next = t.archive.Stat().NextSeq
		close(m.lead)
	}
	return m
}

// leave lets a member go. The last takes the group along.
func (t *tails) leave(name string, m *tailMember) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m.group.remove(m)
	if len(m.group.members) == 0 && t.groups[name] == m.group { // its leader finds nobody
		delete(t.groups, name)
	}
}

func (g *tailGroup) remove(m *tailMember) {
	if i := slices.Index(g.members, m); i >= 0 {
		g.members = slices.Delete(slices.Clone(g.members), i, i+1)
	}
}

// lead looks at events for a group until ctx ends, and then has another lead.
func (t *tails) lead(ctx context.Context, name string, g *tailGroup, q *query.Query, matches func(*llama.Event) bool) error {
	t.mu.Lock()
	from := g.next
	t.mu.Unlock()
	err := t.archive.Follow(ctx, from, func(events []llama.Event) error {
		rows, err := t.rows(ctx, q, matches, events)
		if err != nil {
			return err
		}
		t.hand(g, tailBatch{rows, events[len(events)-1].Seq + 1})
		return nil
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups[name] != g {
		return err
	}
	g.led = false
	for _, m := range g.members {
		select {
		case <-m.lead: // the one that leads, and goes; or has failed before
		default:
			g.led = true
			close(m.lead)
			return err
		}
	}
	delete(t.groups, name)
	return err
}

// hand gives a batch to all members. Without rows it moves the group's place only.
func (t *tails) hand(g *tailGroup, b tailBatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g.next = b.next
	if len(b.rows) == 0 {
		return
	}
	for _, m := range g.members {
		select {
		case m.queue <- b:
		default:
			close(m.full)
			g.remove(m)
		}
	}
}
