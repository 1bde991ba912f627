package task

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/store"
)

// Options say how central asks. The zero value of a number is its default.
type Options struct {
	Identity *envelope.Identity
	Store    *store.Store
	Link     Link
	Members  Members // may be nil
	Planner  Planner
	Log      *slog.Logger
	Metrics  prometheus.Registerer // may be nil

	Deadline time.Duration // how long nodes may take to answer; 24h
	Lifetime time.Duration // how long results are kept; 7 days
	PerUser  int           // queries of one user that nodes work on, and runs of a user's schedules; 32. Some times as many may wait for nodes that are away.
	MaxRows  int64         // of one result; 1,000,000
	MaxBytes int64         // of what the nodes send for one query, compressed; 256 MiB

	// Presence is told when a node comes or is silent for too long; nil for nobody.
	Presence func(context.Context, Presence)

	Offline time.Duration // a node that was silent for so long is offline; 15s
	Tick    time.Duration // between looks at deadlines; 500ms
	Lease   time.Duration // between renewals of a live tail; 5s
}

// maxInbox bounds the messages of one node that wait. A node that sends faster
// than central can keep loses some, and sends them again.
const maxInbox = 512

// Central asks nodes and keeps what they answer. Its methods may be called by
// many at once.
type Central struct {
	o       Options
	metrics *centralMetrics

	mu      sync.Mutex
	nodes   map[string]*node
	live    map[uuid.UUID]*live
	answers map[uuid.UUID]chan<- answer
	tails   map[uuid.UUID]*listener

	recent endedQueries
}

// Open takes up the queries that have not ended.
func Open(ctx context.Context, o Options) (*Central, error) {
	o.Deadline = cmp.Or(o.Deadline, 24*time.Hour)
	o.Lifetime = cmp.Or(o.Lifetime, 7*24*time.Hour)
	o.PerUser = cmp.Or(o.PerUser, 32)
	o.MaxRows = cmp.Or(o.MaxRows, 1_000_000)
	o.MaxBytes = cmp.Or(o.MaxBytes, 256<<20)
	o.Offline = cmp.Or(o.Offline, 15*time.Second)
	o.Tick = cmp.Or(o.Tick, 500*time.Millisecond)
	o.Lease = cmp.Or(o.Lease, 5*time.Second)
	c := &Central{o: o, nodes: map[string]*node{}, live: map[uuid.UUID]*live{}, answers: map[uuid.UUID]chan<- answer{}, tails: map[uuid.UUID]*listener{}}
	c.metrics = newCentralMetrics(o.Metrics, c)
	nodes, err := o.Store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if c.nodes[n.ID], err = c.newNode(n); err != nil {
			return nil, err
		}
		if n.Online { // it is not yet, and will be when it says hello
			c.nodes[n.ID].expected = time.Now().Add(o.Offline)
		}
		if err := c.admit(n); err != nil {
			return nil, err
		}
	}
	queries, err := o.Store.Live(ctx)
	if err != nil {
		return nil, err
	}
	for i := range queries {
		if err := c.revive(&queries[i]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// revive makes a query from the store live.
func (c *Central) revive(q *store.Query) error {
	id, err := uuid.Parse(q.ID)
	if err != nil {
		return fmt.Errorf("take up query %s: %w", q.ID, err)
	}
	plan, err := c.o.Planner.Plan(c.task(q))
	if err != nil { // it was understood once: the program has changed
		c.o.Log.Error("query is not understood any more", "query", q.ID, "error", err)
		q.Error = "the query is not understood any more: " + err.Error()
		failAll(q)
	}
	c.live[id] = newLive(id, q, plan)
	return nil
}

func failAll(q *store.Query) {
	for i := range q.Tasks {
		if t := &q.Tasks[i]; !t.State.Final() {
			t.State, t.Ended = store.Failed, llama.At(time.Now())
		}
	}
}

// Run receives and keeps watch until ctx ends.
func (c *Central) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		var serving sync.WaitGroup
		defer serving.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // runs before the wait
		return c.o.Link.Run(ctx, carrier.Handler{
			Message:   func(m carrier.Message) { c.dispatch(ctx, &serving, m) },
			Connected: func() {}, // nodes say hello
		})
	})
	group.Go(func() error { return c.watchTime(ctx) })
	return group.Wait()
}

// dispatch puts a message into its node's inbox, so that a node which sends much
// delays only itself. It is called for one message after the other.
func (c *Central) dispatch(ctx context.Context, serving *sync.WaitGroup, m carrier.Message) {
	n := c.node(m.Node)
	if n == nil {
		c.metrics.refused.Add(1)
		c.o.Log.Debug("message of an unknown node", "node", m.Node)
		return
	}
	if !n.serving {
		n.serving = true
		serving.Go(func() { c.serve(ctx, n) })
	}
	select {
	case n.inbox <- m:
	default:
		c.metrics.dropped.Add(1)
	}
}

func (c *Central) node(id string) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[id]
}

func (c *Central) query(id uuid.UUID) *live {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live[id]
}

// maxBatch is how many messages are handled at once: the frames among them are
// made durable together.
const maxBatch = 64

// serve handles the messages of a node, in batches as they have come.
func (c *Central) serve(ctx context.Context, n *node) {
	for {
		var m carrier.Message
		select {
		case <-ctx.Done():
			return
		case m = <-n.inbox:
		}
		var frames batch
		c.receive(ctx, n, m, &frames)
		for range maxBatch {
			select {
			case m = <-n.inbox:
				c.receive(ctx, n, m, &frames)
				continue
			default:
			}
			break
		}
		c.keep(ctx, n, &frames)
	}
}

// A batch is pieces of one attempt, in the order they came.
type batch struct {
	query   uuid.UUID
	attempt uint32
	pieces  []piece
}

// receive opens a message and handles it. Frames are put into the batch, and
// what was in there is kept first when it belongs elsewhere.
func (c *Central) receive(ctx context.Context, n *node, m carrier.Message, frames *batch) {
	h, body, err := c.open(ctx, n, m.Data)
	if err != nil {
		c.metrics.refused.Add(1)
		c.o.Log.Warn("message refused", "node", m.Node, "kind", string(m.Kind), "error", err)
		return
	}
	same := h.Kind == kindFrame && h.Query == frames.query && h.Attempt == frames.attempt
	if !same {
		c.keep(ctx, n, frames)
	}
	if h.Kind != kindFrame {
		c.handle(ctx, n, h, body)
		return
	}
	p, err := decodePiece(body)
	if err != nil {
		p = piece{last: true, report: report{State: store.Failed, Error: "the node has sent a damaged frame"}}
	}
	p.number = h.Frame
	frames.query, frames.attempt, frames.pieces = h.Query, h.Attempt, append(frames.pieces, p)
}

func (c *Central) handle(ctx context.Context, n *node, h envelope.Header, body []byte) {
	var err error
	switch h.Kind {
	case kindHello:
		err = c.hello(ctx, n, body)
	case kindState:
		err = c.state(n, h, body)
	case kindLines:
		err = c.lines(n, h, body)
	case kindAnswer:
		err = c.answer(h, body)
	case kindKeys:
		err = c.takeKeys(ctx, n, body)
	default:
		err = fmt.Errorf("kind %d is not known", h.Kind)
	}
	if err != nil && ctx.Err() == nil {
		c.o.Log.Error("message not handled", "node", n.id, "kind", h.Kind, "query", uuid.UUID(h.Query), "error", err)
	}
}

// send seals and sends to a node. What cannot be sent is as if lost under way:
// the protocol repairs it.
func (c *Central) send(n *node, h envelope.Header, body []byte) {
	data, err := n.peer.Load().Seal(h, body)
	if err == nil {
		err = c.o.Link.Send(carrier.Message{Node: n.id, Kind: route(h.Kind), Data: data})
	}
	if err != nil {
		c.o.Log.Debug("message not sent", "node", n.id, "kind", h.Kind, "error", err)
	}
}

func (c *Central) cancelAt(n *node, id uuid.UUID, attempt uint32) {
	c.send(n, envelope.Header{Kind: kindCancel, Query: id, Attempt: attempt}, nil)
}

// state notes how a task says it is.
func (c *Central) state(n *node, h envelope.Header, body []byte) error {
	var r report
	if err := json.Unmarshal(body, &r); err != nil || !r.State.Valid() || r.State.Final() {
		return errors.New("damaged report of a task's state")
	}
	if l := c.query(h.Query); l != nil {
		l.note(n.id, h.Attempt, r)
	}
	return nil
}

// keep keeps the pieces of a batch, acknowledges them and empties it.
func (c *Central) keep(ctx context.Context, n *node, frames *batch) {
	if len(frames.pieces) == 0 {
		return
	}
	all := *frames
	*frames = batch{}
	l := c.query(all.query)
	if l == nil {
		c.cancelAt(n, all.query, all.attempt)
		return
	}
	next, wanted, err := c.accept(ctx, l, n.id, all.attempt, all.pieces)
	switch {
	case err != nil: // they are not acknowledged, so the node sends them again
		if ctx.Err() == nil {
			c.o.Log.Error("frames not kept", "node", n.id, "query", all.query, "error", err)
		}
	case !wanted:
		c.cancelAt(n, all.query, all.attempt)
	default:
		c.send(n, envelope.Header{Kind: kindAck, Query: all.query, Attempt: all.attempt, Frame: next}, nil)
	}
}

// sweepEvery is how often the results that are over are deleted. They cannot be
// read any more before.
const sweepEvery = time.Minute

// watchTime looks at deadlines and presence, and sweeps results that are over.
func (c *Central) watchTime(ctx context.Context) error {
	tick := time.NewTicker(c.o.Tick)
	defer tick.Stop()
	var swept time.Time
	for {
		c.checkPresence(ctx)
		c.checkQueries(ctx)
		if now := time.Now(); now.Sub(swept) > sweepEvery {
			swept = now
			if err := c.o.Store.SweepEnrolments(ctx, llama.At(now)); err != nil && ctx.Err() == nil {
				c.o.Log.Error("old enrolment codes not deleted", "error", err)
			}
			if _, err := c.o.Store.Sweep(ctx, llama.At(now)); err != nil && ctx.Err() == nil {
				c.o.Log.Error("old results not deleted", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *Central) checkQueries(ctx context.Context) {
	c.mu.Lock()
	all := make([]*live, 0, len(c.live))
	for _, l := range c.live {
		all = append(all, l)
	}
	c.mu.Unlock()
	for _, l := range all {
		if err := c.check(ctx, l, time.Now()); err != nil && ctx.Err() == nil {
			c.o.Log.Error("query not kept up to date", "query", l.id, "error", err)
		}
	}
}
