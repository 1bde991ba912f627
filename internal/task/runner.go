package task

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/store"
)

// RunnerOptions say how a node answers. The zero value of a number is its
// default.
type RunnerOptions struct {
	Identity  *envelope.Identity
	Central   envelope.Public // the only one who is obeyed
	Target    string          // the target this node belongs to
	Version   string          // of the program
	Link      Link
	Executor  Executor
	Commander Commander // nil for a node that takes no commands
	Log       *slog.Logger
	Metrics   prometheus.Registerer // may be nil
	Health    func() Health         // may be nil
	Workers   int                   // tasks that run at once; 2
	Held      int                   // tasks that are held at once; 256
	Window    int                   // pieces of a task under way at once; 16
	Heartbeat time.Duration         // between hellos; 5s
	Resend    time.Duration         // until what is not acknowledged is sent again, at first; 2s
	Lease     time.Duration         // a live tail ends when central was silent for so long; 15s
}

const (
	// progressEvery is the least time between two reports of one task.
	progressEvery = 200 * time.Millisecond
	// firstHello is after how long the first hello is said again, then twice as
	// long and so on: central may not have listened yet when the node connected.
	firstHello = 200 * time.Millisecond
	// maxAsks bounds how many live tails and statuses are served at once.
	maxAsks = 64
)

// A Runner runs central's tasks at a node.
type Runner struct {
	o       RunnerOptions
	central atomic.Pointer[peers]
	offered atomic.Pointer[envelope.Peer] // with keys that were offered last
	taken   chan string                   // holds the id of keys that central has taken
	metrics *nodeMetrics
	boot    string
	wake    chan struct{} // holds one when there may be work

	mu    sync.Mutex
	runs  map[held]*run
	queue fair[*run]
	tails map[uuid.UUID]*tail
	asks  int
	left  bool // the last hello was said

	obeyed obeyed
}

// A run is one attempt at a task.
type run struct {
	held
	task   Task
	out    *outbox
	cancel context.CancelCauseFunc // nil while it waits; under the runner's lock
	gone   bool                    // central does not want it any more; likewise

	waitingMu sync.Mutex
	waiting   *piece    // the last that was made
	since     time.Time // when that was

	reportMu sync.Mutex
	report   report
	reported time.Time
	untold   bool // report has changed since
}

// errCancelled ends a run that central does not want any more.
var errCancelled = errors.New("cancelled by central")

// NewRunner makes a runner.
func NewRunner(o RunnerOptions) *Runner {
	o.Workers = cmp.Or(o.Workers, 2)
	o.Held = cmp.Or(o.Held, 256)
	o.Window = cmp.Or(o.Window, 16)
	o.Heartbeat = cmp.Or(o.Heartbeat, 5*time.Second)
	o.Resend = cmp.Or(o.Resend, 2*time.Second)
	o.Lease = cmp.Or(o.Lease, 15*time.Second)
	r := &Runner{
		o: o, taken: make(chan string, 1), boot: rand.Text(), wake: make(chan struct{}, 1),
		runs: map[held]*run{}, tails: map[uuid.UUID]*tail{},
	}
	r.central.Store(&peers{now: o.Identity.Peer(o.Central)})
	r.metrics = newNodeMetrics(o.Metrics, r)
	return r
}

// Run answers until ctx ends. What is unfinished then, central asks for again. It says
// that it leaves, as far as the link is up, so that nobody waits for it in vain.
func (r *Runner) Run(ctx context.Context) error {
	linked, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		<-ctx.Done()
		r.hello(true)
		leave()
		return nil
	})
	group.Go(func() error {
		var asks sync.WaitGroup
		defer asks.Wait()
		return r.o.Link.Run(linked, carrier.Handler{
			Message:   func(m carrier.Message) { r.receive(ctx, &asks, m) },
			Connected: func() { r.hello(false); r.resend(true) },
		})
	})
	for range r.o.Workers {
		group.Go(func() error { return r.work(ctx) })
	}
	group.Go(func() error { return r.beat(ctx) })
	return group.Wait()
}

// beat says hello and sends again what was not acknowledged.
func (r *Runner) beat(ctx context.Context) error {
	wait := min(firstHello, r.o.Heartbeat)
	hello := time.NewTicker(wait)
	defer hello.Stop()
	resend := time.NewTicker(r.o.Resend / 2)
	defer resend.Stop()
	progress := time.NewTicker(progressEvery)
	defer progress.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hello.C:
			r.hello(false)
			wait = min(2*wait, r.o.Heartbeat)
			hello.Reset(wait)
		case <-progress.C:
			r.tellLate()
		case <-resend.C:
			r.resend(false)
		}
	}
}

// hello is sent under the lock, so that it does not overtake what is said of a
// task that it does not list yet. After the last nothing is said.
func (r *Runner) hello(last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left {
		return
	}
	r.left = last
	h := hello{Version: r.o.Version, Boot: r.boot, Tasks: []held{}, Leaving: last}
	if r.o.Health != nil {
		h.Health = r.o.Health()
		h.Health.At = llama.At(time.Now())
	}
	for key := range r.runs {
		h.Tasks = append(h.Tasks, key)
	}
	r.sendJSON(envelope.Header{Kind: kindHello}, h)
}

func (r *Runner) resend(now bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range r.runs {
		run.out.due(now)
	}
}

// send seals and sends. What cannot be sent is as if lost under way: the
// protocol repairs it.
func (r *Runner) send(h envelope.Header, body []byte) {
	data, err := r.central.Load().now.Seal(h, body)
	if err == nil {
		err = r.o.Link.Send(carrier.Message{Kind: route(h.Kind), Data: data})
	}
	if err != nil {
		r.o.Log.Debug("message not sent", "kind", h.Kind, "error", err)
	}
}

func (r *Runner) sendJSON(h envelope.Header, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		r.o.Log.Error("message not encoded", "kind", h.Kind, "error", err)
		return
	}
	r.send(h, body)
}

// receive is called for one message after the other.
func (r *Runner) receive(ctx context.Context, asks *sync.WaitGroup, m carrier.Message) {
	h, body, err := r.central.Load().open(m.Data)
	if err != nil {
		r.metrics.refused.Add(1)
		r.o.Log.Warn("message refused", "kind", string(m.Kind), "error", err)
		return
	}
	key := held{h.Query, h.Attempt}
	switch h.Kind {
	case kindTask:
		r.take(key, body, time.Since(h.Made))
	case kindCancel:
		r.cancel(key)
	case kindAck:
		r.ack(key, h.Frame)
	case kindKeys:
		select {
		case r.taken <- string(body):
		default: // one is waiting to be read already
		}
	case kindTail:
		r.tail(ctx, asks, key.Query, h.Frame, body)
	case kindStatus:
		r.ask(asks, func() { r.status(ctx, key.Query) })
	case kindCommand:
		r.ask(asks, func() { r.command(ctx, key.Query, body) })
	}
}

// take accepts a task, unless it is held already or there are too many: then it
// is as if it had not arrived, and central sends it again.
func (r *Runner) take(key held, body []byte, age time.Duration) {
	var t Task
	if err := json.Unmarshal(body, &t); err != nil {
		r.refuse(key, "the node does not understand the task; its program may be older than central's")
		return
	}
	if t.Target != r.o.Target {
		r.refuse(key, "the task is for target "+t.Target+", and this node belongs to "+r.o.Target)
		return
	}
	t.ID = key.Query
	t.Deadline += llama.Time(age) // by our clock, which may differ from central's
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.runs[key] != nil || len(r.runs) >= r.o.Held {
		return
	}
	r.drop(held{key.Query, key.Attempt - 1})
	one := &run{held: key, task: t}
	one.out = newOutbox(r.o.Window, r.o.Resend, func(number uint64, data []byte) {
		r.send(envelope.Header{Kind: kindFrame, Query: key.Query, Attempt: key.Attempt, Frame: number}, data)
	})
	one.report.State = store.Delivered
	r.runs[key] = one
	r.queue.push(t.User, one)
	one.untold = true
	r.signal()
}

// refuse answers a task that is not run. Central hears it again when it asks
// again.
func (r *Runner) refuse(key held, reason string) {
	end(r.metrics.ended, store.Refused)
	r.o.Log.Warn("task refused", "query", key.Query, "reason", reason)
	last := piece{last: true, report: report{State: store.Refused, Error: cut(reason), Code: llama.Forbidden}}
	data, err := last.encode()
	if err != nil {
		r.o.Log.Error("refusal not encoded", "error", err)
		return
	}
	r.send(envelope.Header{Kind: kindFrame, Query: key.Query, Attempt: key.Attempt}, data)
}

// cancel ends what central does not want: the attempt and those before, or a
// live tail.
func (r *Runner) cancel(key held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.tails[key.Query]; t != nil {
		t.cancel()
	}
	r.drop(key)
}

// drop forgets an attempt and those before it. The caller holds the lock.
func (r *Runner) drop(key held) {
	for k, one := range r.runs {
		if k.Query != key.Query || k.Attempt > key.Attempt {
			continue
		}
		one.gone = true
		if one.cancel != nil {
			one.cancel(errCancelled)
		}
		delete(r.runs, k)
	}
}

func (r *Runner) ack(key held, next uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.runs[key]; one != nil && one.out.ack(next) {
		delete(r.runs, key)
	}
}

func (r *Runner) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
