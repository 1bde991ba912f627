package task

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/store"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// A world is a central, its broker and its nodes, all real but the query engine.
type world struct {
	t       testing.TB
	broker  *carrier.Broker
	members *carrier.Members
	urls    []string // of a broker elsewhere; none for the world's own
	ring    *seal.Keyring
	file    string
	own     *envelope.Identity
	options Options         // what a test wants other than usual
	wrap    func(Link) Link // what a test puts between a party and the broker
	planner Planner
	workers int // of a node; 0 for the default
	log     *slog.Logger

	central *Central
	store   *store.Store
	halt    func() // ends central
}

func newWorld(t testing.TB, o Options) *world {
	t.Helper()
	w := &world{t: t, file: filepath.Join(t.TempDir(), "central.db"), options: o, wrap: func(l Link) Link { return l }, log: slog.New(slog.DiscardHandler), planner: planner{}}
	w.own = must(envelope.NewIdentity())(t)
	w.members = carrier.NewMembers(keyOf(t, w.own).Public())
	w.broker = must(carrier.OpenBroker(carrier.BrokerOptions{}, w.members, w.log))(t)
	t.Cleanup(func() { w.broker.Close() })
	master := filepath.Join(t.TempDir(), "master.key")
	must(seal.CreateKeyFile(master))(t)
	w.ring = must(seal.OpenKeyring(fsys.NewMem(), "keyring", must(seal.OpenKeyFile(master))(t)))(t)
	w.start()
	t.Cleanup(func() { w.halt() })
	return w
}

// must returns the value of a call that may not fail.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// start opens central, for the first time or again.
func (w *world) start() {
	w.t.Helper()
	w.store = must(store.Open(context.Background(), w.file, w.ring))(w.t)
	link := must(carrier.Open(w.dial(w.own, ""), w.log))(w.t)
	o := w.options
	o.Identity, o.Store, o.Link, o.Members, o.Planner, o.Log = w.own, w.store, w.wrap(link), w.members, w.planner, w.log
	o.Tick = cmp.Or(o.Tick, 50*time.Millisecond)
	w.central = must(Open(context.Background(), o))(w.t)
	stop := running(w.t, w.central.Run)
	w.halt = sync.OnceFunc(func() {
		stop()
		link.Close()
		w.store.Close()
	})
}

// running runs something until the function it returns is called.
func running(t testing.TB, what func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	busy.Go(func() {
		if err := what(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return func() { cancel(); busy.Wait() }
}

// A site is a node of a world.
type site struct {
	w      *world
	own    *envelope.Identity
	target string
	does   Executor
	health func() Health // may be nil
	obeys  Commander     // likewise
	halt   func()
	silent func() // halt, but nobody hears of it
}

// site enrols a node and starts it.
func (w *world) site(target string, does Executor) *site {
	w.t.Helper()
	s := &site{w: w, own: must(envelope.NewIdentity())(w.t), target: target, does: does}
	if err := w.central.Enrol(context.Background(), target, s.own.Public(), keyOf(w.t, s.own).Public()); err != nil {
		w.t.Fatal(err)
	}
	s.start()
	w.t.Cleanup(func() { s.halt() })
	w.until("the node is online", func() bool { return w.central.node(s.own.ID()).isOnline() })
	return s
}

// away enrols a node that is not there yet.
func (w *world) away(target string, does Executor) *site {
	w.t.Helper()
	s := &site{w: w, own: must(envelope.NewIdentity())(w.t), target: target, does: does, halt: func() {}}
	if err := w.central.Enrol(context.Background(), target, s.own.Public(), keyOf(w.t, s.own).Public()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.halt() })
	return s
}

// keyOf is what a party connects with.
func keyOf(t testing.TB, i *envelope.Identity) carrier.Key {
	t.Helper()
	return must(carrier.KeyOf(i))(t)
}

// dial is how a node connects.
func (s *site) dial() carrier.Dial { return s.w.dial(s.own, s.own.ID()) }

func (w *world) dial(as *envelope.Identity, node string) carrier.Dial {
	key := keyOf(w.t, as)
	if len(w.urls) > 0 {
		return carrier.Dial{URLs: w.urls, Key: key, Node: node}
	}
	return w.broker.Dial(key, node)
}

func (s *site) start() {
	s.w.t.Helper()
	link := &mutable{Link: must(carrier.Open(s.dial(), s.w.log))(s.w.t)}
	r := NewRunner(RunnerOptions{Health: s.health,
		Identity: s.own, Central: s.w.own.Public(), Target: s.target, Version: "v1", Link: s.w.wrap(link), Executor: s.does, Commander: s.obeys, Log: s.w.log,
		Heartbeat: 100 * time.Millisecond, Resend: 100 * time.Millisecond, Lease: time.Second, Workers: s.w.workers,
	})
	stop := running(s.w.t, r.Run)
	s.halt = sync.OnceFunc(func() { stop(); link.Close() })
	s.silent = func() { link.muted.Store(true); s.halt() }
}

// A mutable link can be muted: then nothing that is sent arrives.
type mutable struct {
	*carrier.Link
	muted atomic.Bool
}

func (m *mutable) Send(message carrier.Message) error {
	if m.muted.Load() {
		return nil
	}
	return m.Link.Send(message)
}

// until waits for something to become true.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(end) {
			w.t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

func (w *world) submit(r Request) string {
	w.t.Helper()
	r.User = cmp.Or(r.User, "eva")
	r.Query = cmp.Or(r.Query, "*")
	return must(w.central.Submit(context.Background(), r))(w.t).ID
}

func (w *world) get(id string) *store.Query {
	w.t.Helper()
	return must(w.central.Get(context.Background(), id))(w.t)
}

// in waits until a query is in a state.
func (w *world) in(id string, s store.State) *store.Query {
	w.t.Helper()
	var q *store.Query
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		if q = w.get(id); q.State == s {
			return q
		}
		if time.Now().After(end) || q.State.Final() {
			w.t.Fatalf("the query is %s, not %s: %s, %+v", q.State, s, q.Error, q.Tasks)
		}
	}
}

// rows returns the result of a query as texts.
func (w *world) rows(id string) []string {
	w.t.Helper()
	var got []string
	err := w.central.RowLines(context.Background(), id, 0, 0, func(l RowLines) error {
		lines, err := l.Text()
		got = append(got, strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n")...)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// part returns at most limit rows of a result from row offset on.
func (w *world) part(id string, offset, limit int64) (rows firstRows, err error) {
	err = w.central.RowLines(w.t.Context(), id, offset, limit, rows.add)
	return rows, err
}

func text(row Row) string { return string(llama.AppendFlat(nil, row)) }

// planner stands for the query engine: frames hold rows, a result is all of
// them, sorted by their field n.
type planner struct{}

func (planner) Plan(t Task) (Plan, error) {
	if strings.HasPrefix(t.Query, "|") {
		return nil, llama.Errorf(llama.Invalid, "column 1: a query begins with a filter")
	}
	return plan(t.Query), nil
}

type plan string

func (p plan) String() string  { return string(p) }
func (p plan) NewMerge() Merge { return &merge{} }

type merge struct{ rows []Row }

func (m *merge) Add(_ string, f Frame) error {
	rows, err := decodeRows(f.Body)
	m.rows = append(m.rows, rows...)
	return err
}

func (m *merge) Rows(_ context.Context, emit func(Row) error) error {
	number := func(r Row) int { n, _ := strconv.Atoi(r[0].Value); return n }
	slices.SortStableFunc(m.rows, func(a, b Row) int { return number(a) - number(b) })
	for _, row := range m.rows {
		if err := emit(row); err != nil {
			return err
		}
	}
	return nil
}

// numbered is a row.
func numbered(n int) Row {
	return Row{{Name: "n", Value: strconv.Itoa(n), Kind: llama.Number}, {Name: "_msg", Value: "planted event " + strconv.Itoa(n)}}
}

// frameOf is a frame of rows from..to-1.
func frameOf(from, to int) Frame {
	var rows []Row
	for n := from; n < to; n++ {
		rows = append(rows, numbered(n))
	}
	return Frame{Kind: 1, Body: encodeRows(rows), Rows: len(rows)}
}

// wantRows is what rows returns for rows from..to-1.
func wantRows(from, to int) []string {
	var want []string
	for n := from; n < to; n++ {
		want = append(want, text(numbered(n)))
	}
	return want
}

// fake is an Executor made of functions; those that are nil do nothing.
type fake struct {
	partial func(ctx context.Context, t Task, emit func(Frame) error, progress func(Progress)) error
	follow  func(ctx context.Context, t Task, emit func([]Row, uint64)) error
	status  Status
}

func (f fake) Partial(ctx context.Context, t Task, emit func(Frame) error, progress func(Progress)) error {
	if f.partial == nil {
		return nil
	}
	return f.partial(ctx, t, emit, progress)
}

func (f fake) Follow(ctx context.Context, t Task, emit func([]Row, uint64)) error {
	if f.follow == nil {
		return errors.New("planted: this node follows nothing")
	}
	return f.follow(ctx, t, emit)
}

func (f fake) Status(context.Context) (Status, error) { return f.status, nil }

// emits answers with rows from..to-1, in frames of at most size rows.
func emits(from, to, size int) fake {
	return fake{partial: func(_ context.Context, _ Task, emit func(Frame) error, _ func(Progress)) error {
		for n := from; n < to; n += size {
			if err := emit(frameOf(n, min(n+size, to))); err != nil {
				return err
			}
		}
		return nil
	}}
}

// waits answers with ten rows and then works until it is cancelled, or until.
type waits struct {
	fake
	began, ended chan struct{}
	until        chan struct{}
}

func newWaits() *waits {
	x := &waits{began: make(chan struct{}, 100), ended: make(chan struct{}, 100), until: make(chan struct{})}
	x.partial = func(ctx context.Context, _ Task, emit func(Frame) error, progress func(Progress)) error {
		x.began <- struct{}{}
		defer func() { x.ended <- struct{}{} }()
		progress(Progress{Share: 0.25, Events: 10, Bytes: 100})
		if err := emit(frameOf(0, 10)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-x.until:
			return emit(frameOf(10, 20))
		}
	}
	return x
}

func await(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: not after %v", what, patience)
	}
}
