package task

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/store"
)

func TestOfflineNodeAnswersLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.site("a", emits(0, 10, 10))
	late := w.away("b", emits(10, 20, 10))
	id := w.submit(Request{})
	w.until("a is done", func() bool {
		return slices.ContainsFunc(w.get(id).Tasks, func(t store.Task) bool { return t.State == store.Done })
	})
	late.start()
	w.in(id, store.Done)
	if d := cmp.Diff(wantRows(0, 20), w.rows(id)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestNodeRestartRunsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	x := newWaits()
	s := w.site("a", x)
	id := w.submit(Request{})
	await(t, "the task began", x.began)
	w.until("rows come", func() bool { return len(w.rows(id)) == 10 })
	s.halt()
	close(x.until)
	s.start()
	q := w.in(id, store.Done)
	if q.Tasks[0].Attempt != 2 {
		t.Errorf("attempt %d, want 2", q.Tasks[0].Attempt)
	}
	if d := cmp.Diff(wantRows(0, 20), w.rows(id)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestCentralRestartGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	x := newWaits()
	w.site("a", x)
	late := w.away("b", emits(20, 30, 10))
	id := w.submit(Request{Targets: []string{"a"}})
	waiting := w.submit(Request{Targets: []string{"b"}})
	await(t, "the task began", x.began)
	w.until("rows come", func() bool { return len(w.rows(id)) == 10 })
	w.halt()
	w.start()
	if d := cmp.Diff(wantRows(0, 10), w.rows(id)); d != "" {
		t.Errorf("right after the restart: -want +got\n%s", d)
	}
	close(x.until)
	if q := w.in(id, store.Done); q.Tasks[0].Attempt != 1 {
		t.Errorf("attempt %d, want 1: the node never stopped", q.Tasks[0].Attempt)
	}
	if d := cmp.Diff(wantRows(0, 20), w.rows(id)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	late.start()
	w.in(waiting, store.Done)
	w.halt()
	w.start()
	if d := cmp.Diff(wantRows(20, 30), w.rows(waiting)); d != "" {
		t.Errorf("kept: -want +got\n%s", d)
	}
}

func TestConnectionLostMidQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	broker := must(carrier.OpenBroker(carrier.BrokerOptions{Host: "127.0.0.1", Port: -1}, w.members, w.log))(t)
	defer broker.Close()
	w.halt()
	w.broker.Close()
	w.broker = broker
	w.start()
	x := newWaits()
	s := w.away("a", x)
	line := newCable(t, broker.URL())
	link := must(carrier.Open(carrier.Dial{URLs: []string{line.url}, Key: keyOf(t, s.own), Node: s.own.ID()}, w.log))(t)
	defer link.Close()
	r := NewRunner(RunnerOptions{
		Identity: s.own, Central: w.own.Public(), Target: "a", Link: link, Executor: x, Log: w.log,
		Heartbeat: 100 * time.Millisecond, Resend: 100 * time.Millisecond,
	})
	defer running(t, r.Run)()
	id := w.submit(Request{})
	await(t, "the task began", x.began)
	w.until("rows come", func() bool { return len(w.rows(id)) == 10 })
	line.cut()
	close(x.until)
	q := w.in(id, store.Done)
	if d := cmp.Diff(wantRows(0, 20), w.rows(id)); d != "" || q.Tasks[0].Attempt != 1 {
		t.Errorf("attempt %d; -want +got\n%s", q.Tasks[0].Attempt, d)
	}
}

// A deaf link loses the first message.
type deaf struct {
	Link
	once sync.Once
}

func (d *deaf) Send(m carrier.Message) (err error) {
	send := true
	d.once.Do(func() { send = false })
	if send {
		err = d.Link.Send(m)
	}
	return err
}

func TestFirstHelloIsSaidAgainSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	s := w.away("a", emits(0, 1, 1))
	link := must(carrier.Open(s.dial(), w.log))(t)
	defer link.Close()
	r := NewRunner(RunnerOptions{
		Identity: s.own, Central: w.own.Public(), Target: "a", Link: &deaf{Link: link}, Executor: s.does, Log: w.log,
		Heartbeat: time.Hour,
	})
	defer running(t, r.Run)()
	w.until("the node is online", func() bool { return w.central.node(s.own.ID()).isOnline() })
}

// A cable carries TCP connections to an address and can be cut.
type cable struct {
	url string
	mu  sync.Mutex
	all []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	c := &cable{url: "nats://" + l.Addr().String()}
	var busy sync.WaitGroup
	busy.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to[len("nats://"):])
			if err != nil {
				near.Close()
				return
			}
			c.mu.Lock()
			c.all = append(c.all, near, far)
			c.mu.Unlock()
			busy.Go(func() { io.Copy(near, far); near.Close() })
			busy.Go(func() { io.Copy(far, near); far.Close() })
		}
	})
	t.Cleanup(func() { l.Close(); c.cut(); busy.Wait() })
	return c
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.all {
		conn.Close()
	}
	c.all = nil
}

// chaos loses, repeats and delays messages at random.
type chaos struct {
	Link
	mu   sync.Mutex
	rand *rand.Rand
	held []carrier.Message // sent once others have overtaken them
}

func (c *chaos) Send(m carrier.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch n := c.rand.IntN(100); {
	case n < 15:
		return nil
	case n < 30:
		c.held = append(c.held, m)
		return nil
	case n < 45:
		c.Link.Send(m) // the second is what counts
	}
	if len(c.held) > 2 {
		for _, old := range c.held {
			c.Link.Send(old)
		}
		c.held = nil
	}
	return c.Link.Send(m)
}

func TestLossesRepeatsAndReorderingAreRepaired(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t, Options{PerUser: 100})
	w.halt()
	w.wrap = func(l Link) Link {
		seed++
		return &chaos{Link: l, rand: rand.New(rand.NewPCG(seed, 1))}
	}
	w.start()
	for i := range 3 {
		w.site("a", emits(200*i, 200*(i+1), 10))
	}
	var ids []string
	for range 5 {
		ids = append(ids, w.submit(Request{}))
	}
	for _, id := range ids {
		w.in(id, store.Done)
		if d := cmp.Diff(wantRows(0, 600), w.rows(id)); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
}

// A tap keeps what a party sends.
type tap struct {
	Link
	mu   sync.Mutex
	sent []carrier.Message
}

func (p *tap) Send(m carrier.Message) error {
	p.mu.Lock()
	p.sent = append(p.sent, m)
	p.mu.Unlock()
	return p.Link.Send(m)
}

// all returns what was sent so far, to be sent by l again.
func (p *tap) all() []carrier.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

func TestReplayedAndForgedMessagesDoNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.halt()
	var taps []*tap
	w.wrap = func(l Link) Link {
		p := &tap{Link: l}
		taps = append(taps, p)
		return p
	}
	w.start()
	ran := make(chan struct{}, 100)
	does := fake{partial: func(_ context.Context, _ Task, emit func(Frame) error, _ func(Progress)) error {
		ran <- struct{}{}
		return emit(frameOf(0, 10))
	}}
	w.site("a", does)
	id := w.submit(Request{})
	w.in(id, store.Done)
	await(t, "the task ran", ran)

	// A broker that is not to be trusted repeats and redirects all it has seen.
	central, node := taps[0], taps[1]
	refused := w.central.metrics.refused.Load()
	up, down := node.all(), central.all()
	for _, m := range down {
		central.Link.Send(m)
	}
	for _, m := range up {
		node.Link.Send(m)
	}
	for _, m := range down {
		node.Link.Send(carrier.Message{Kind: carrier.Frame, Data: m.Data})
	}
	stranger := must(envelope.NewIdentity())(t)
	for _, kind := range []uint8{kindHello, kindFrame, kindState, kindAnswer, kindLines, 99} {
		forged := must(stranger.Peer(w.own.Public()).Seal(envelope.Header{Kind: kind, Query: uuid.MustParse(id), Attempt: 1}, []byte("{}")))(t)
		node.Link.Send(carrier.Message{Kind: route(kind), Data: forged})
	}
	want := refused + int64(len(up)+len(down)+6)
	w.until("all is refused", func() bool { return w.central.metrics.refused.Load() >= want })

	again := w.submit(Request{})
	w.in(again, store.Done)
	await(t, "the second task ran", ran)
	select {
	case <-ran:
		t.Error("a repeated task ran")
	default:
	}
	for _, q := range []string{id, again} {
		if d := cmp.Diff(wantRows(0, 10), w.rows(q)); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
}

func TestStrangersCentralIsNotObeyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Deadline: 400 * time.Millisecond})
	ran := make(chan struct{}, 1)
	s := w.site("a", fake{partial: func(context.Context, Task, func(Frame) error, func(Progress)) error {
		ran <- struct{}{}
		return nil
	}})
	w.halt()
	w.own = must(envelope.NewIdentity())(t) // somebody else in central's place
	w.start()
	_ = s
	w.in(w.submit(Request{}), store.Expired)
	select {
	case <-ran:
		t.Error("the node ran a stranger's task")
	default:
	}
}

func TestWrongTargetIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	s := w.site("a", emits(0, 10, 10))
	if err := w.central.Enrol(t.Context(), "b", s.own.Public(), keyOf(t, s.own).Public()); err != nil { // the node knows nothing of it
		t.Fatal(err)
	}
	q := w.in(w.submit(Request{Targets: []string{"b"}}), store.Refused)
	if got := q.Tasks[0]; got.State != store.Refused || got.Error != "the task is for target b, and this node belongs to a" {
		t.Errorf("got %+v", got)
	}
}

// TestEnrolledNodeCannotAnswerForAnother lets a node with right keys and right
// credentials say things of tasks that are not its own.
func TestEnrolledNodeCannotAnswerForAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	x := newWaits()
	w.site("a", x)
	hostile := w.away("b", nil)
	link := must(carrier.Open(hostile.dial(), w.log))(t)
	defer link.Close()
	connected := make(chan struct{}, 10)
	cancelled := make(chan struct{}, 10)
	central := hostile.own.Peer(w.own.Public())
	defer running(t, func(ctx context.Context) error {
		return link.Run(ctx, carrier.Handler{
			Message: func(m carrier.Message) {
				if h, _, err := central.Open(m.Data); err == nil && h.Kind == kindCancel {
					cancelled <- struct{}{}
				}
			},
			Connected: func() { connected <- struct{}{} },
		})
	})()
	await(t, "connected", connected)
	id := w.submit(Request{Targets: []string{"a"}})
	await(t, "the task began", x.began)
	w.until("rows come", func() bool { return len(w.rows(id)) == 10 })
	for frame := range uint64(5) {
		body := must((&piece{kind: 1, body: compress(frameOf(666, 667).Body)}).encode())(t)
		if frame == 4 {
			body = must((&piece{last: true, report: report{State: store.Failed, Error: "forged"}}).encode())(t)
		}
		data := must(central.Seal(envelope.Header{Kind: kindFrame, Query: uuid.MustParse(id), Attempt: 1, Frame: frame}, body))(t)
		if err := link.Send(carrier.Message{Kind: carrier.Frame, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "central says no", cancelled)
	data := must(central.Seal(envelope.Header{Kind: kindHello}, []byte("{}")))(t)
	if err := link.Send(carrier.Message{Kind: carrier.Hello, Data: data}); err != nil {
		t.Fatal(err)
	}
	w.until("all was read", func() bool { return w.central.node(hostile.own.ID()).isOnline() })
	close(x.until)
	w.in(id, store.Done)
	if d := cmp.Diff(wantRows(0, 20), w.rows(id)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// TestFramesCountOnce gives central frames of all attempts in every order.
func TestFramesCountOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	s := w.away("a", nil)
	node := s.own.ID()
	id := w.submit(Request{})
	l := w.central.query(uuid.MustParse(id))
	whole := piece{kind: 1, body: compress(frameOf(0, 10).Body)}
	accept := func(attempt uint32, frame uint64, p piece, next uint64, wanted bool) {
		t.Helper()
		p.number = frame
		gotNext, gotWanted, err := w.central.accept(t.Context(), l, node, attempt, []piece{p})
		if err != nil || gotNext != next || gotWanted != wanted {
			t.Errorf("attempt %d, frame %d: got %d, %v, %v; want %d, %v", attempt, frame, gotNext, gotWanted, err, next, wanted)
		}
	}
	end := piece{last: true, report: report{State: store.Done}}
	accept(1, 1, whole, 0, true) // too early
	accept(1, 0, whole, 1, true)
	accept(1, 0, whole, 1, true) // again
	accept(2, 0, whole, 0, false)
	l.mu.Lock()
	err := w.central.retry(t.Context(), l, w.central.node(node))
	l.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	accept(1, 1, whole, 0, false) // superseded
	accept(1, 1, end, 0, false)
	accept(2, 0, whole, 1, true)
	accept(2, 2, end, 1, true)
	accept(2, 1, end, 2, true)
	accept(2, 1, end, 0, false) // the query is over
	w.in(id, store.Done)
	if d := cmp.Diff(wantRows(0, 10), w.rows(id)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestBusyNodeTakesTurnsAndDropsCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.workers = 1
	order := make(chan string, 100)
	gate, stopped := make(chan struct{}), make(chan struct{}, 10)
	w.site("a", fake{partial: func(ctx context.Context, t Task, _ func(Frame) error, _ func(Progress)) error {
		order <- t.Query
		select {
		case <-gate:
		case <-ctx.Done():
			stopped <- struct{}{}
		}
		return ctx.Err()
	}})
	ids := map[string]string{}
	ask := func(user string, names ...string) {
		for _, name := range names {
			ids[name] = w.submit(Request{User: user, Query: name})
			w.until("it is delivered", func() bool { return w.get(ids[name]).State != store.Queued })
		}
	}
	ask("eva", "e1") // the node is busy now
	ask("eva", "e2", "e3", "e4", "e5")
	ask("udo", "u1")
	for _, name := range []string{"e4", "e1"} {
		if err := w.central.Cancel(t.Context(), ids[name]); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the node has heard of the second cancel", stopped)
	close(gate)
	for _, name := range []string{"e2", "e3", "e5", "u1"} {
		w.in(ids[name], store.Done)
	}
	var got []string
	for range len(order) {
		got = append(got, <-order)
	}
	if d := cmp.Diff([]string{"e1", "e2", "u1", "e3", "e5"}, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
