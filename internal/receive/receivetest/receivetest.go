// Package receivetest is the conformance suite that every receiver passes: what
// comes in goes out once and in order, a slow sink slows the sender, what the
// sink refuses is not acknowledged, the end finishes what is held, and nothing
// is left running.
package receivetest

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

// A Receiver is what is tested.
type Receiver interface {
	Run(ctx context.Context, sink llama.Sink) error
	Close() error
}

// A Subject is an open receiver and a sender for it.
type Subject struct {
	Receiver Receiver
	// Send sends messages in order. It is called by one at a time.
	Send func(messages []string) error
	// Acknowledges says that Send returns nil only when the messages are safe.
	Acknowledges bool
	// Loses says that the sender cannot be made to wait.
	Loses bool
}

// limit is how long a condition is waited for before a test fails.
const limit = 20 * time.Second

// Run tests the receivers that open returns, a fresh one for each call.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	t.Run("once and in order", func(t *testing.T) { testOnceInOrder(t, open(t)) })
	t.Run("one batch at a time", func(t *testing.T) { testBounded(t, open(t)) })
	t.Run("refused is not lost", func(t *testing.T) { testRefused(t, open(t)) })
	t.Run("the end finishes the batch", func(t *testing.T) { testEnd(t, open(t)) })
	t.Run("an idle one ends", func(t *testing.T) { start(t, open(t), &Sink{}).stop() })
}

func testOnceInOrder(t *testing.T, s Subject) {
	sink := &Sink{}
	r := start(t, s, sink)
	var want []string
	for round, n := range []int{1, 10, 500} {
		var part []string
		for i := range n {
			part = append(part, fmt.Sprintf("<13>Nov 20 10:00:00 host app: round %d event %d", round, i))
		}
		if err := s.Send(part); err != nil {
			t.Fatalf("send: %v", err)
		}
		want = append(want, part...)
		sink.Wait(t, len(want))
	}
	r.stop()
	sink.Want(t, want)
	for _, e := range sink.Events() {
		if e.Source == "" || e.Time == 0 || e.Ingested == 0 {
			t.Fatalf("event without source or time: %+v", e)
		}
	}
}

func testBounded(t *testing.T, s Subject) {
	if s.Loses {
		t.Skip("its sender cannot be made to wait")
	}
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	sink := &Sink{Before: func() error {
		once.Do(func() { close(entered) })
		<-release
		return nil
	}}
	r := start(t, s, sink)
	var want []string
	for i := range 40_000 {
		want = append(want, fmt.Sprintf("<13>Nov 20 10:00:00 host app: %0100d", i))
	}
	sent := make(chan error, 1)
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { sent <- s.Send(want) })
	await(t, entered, "a batch")
	if s.Acknowledges {
		select {
		case <-sent:
			t.Error("acknowledged before it was safe")
		default:
		}
	}
	close(release)
	if err := <-sent; err != nil {
		t.Errorf("send: %v", err)
	}
	sink.Wait(t, len(want))
	r.stop()
	sink.Want(t, want)
	if sink.atOnce > 1 {
		t.Errorf("%d batches of one sender were under way at once", sink.atOnce)
	}
	if sink.largest > 8192 {
		t.Errorf("a batch had %d events", sink.largest)
	}
}

func testRefused(t *testing.T, s Subject) {
	if s.Loses {
		t.Skip("its sender cannot be made to wait")
	}
	refusals := 3
	sink := &Sink{Before: func() error { // is called by one at a time
		if refusals--; refusals >= 0 {
			return llama.Errorf(llama.Unavailable, "the disk is full")
		}
		return nil
	}}
	r := start(t, s, sink)
	want := []string{"<13>one", "<13>two", "<13>three"}
	err := s.Send(want)
	for s.Acknowledges && err != nil {
		err = s.Send(want)
	}
	if s.Acknowledges && refusals >= 0 {
		t.Error("acknowledged although it was refused")
	}
	sink.Wait(t, len(want))
	r.stop()
	sink.Want(t, want)
}

func testEnd(t *testing.T, s Subject) {
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	sink := &Sink{Before: func() error {
		once.Do(func() { close(entered) })
		<-release
		return nil
	}}
	r := start(t, s, sink)
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { s.Send([]string{"<13>held"}) }) // may fail: the receiver goes
	await(t, entered, "a batch")
	r.cancel()
	select {
	case <-r.ended:
		t.Error("ended before its batch was safe")
	default:
	}
	close(release)
	r.stop()
	sink.Want(t, []string{"<13>held"})
	if sink.cancelled {
		t.Error("the batch held was put with a context that had ended")
	}
}

func await(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(limit):
		t.Fatalf("no %s after %v", what, limit)
	}
}

// A running is a receiver under way.
type running struct {
	t      *testing.T
	s      Subject
	label  string
	cancel context.CancelFunc
	ended  chan struct{}
	err    error
	all    sync.WaitGroup
}

func start(t *testing.T, s Subject, sink *Sink) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, s: s, cancel: cancel, ended: make(chan struct{})}
	r.label = fmt.Sprintf("%s-%p", t.Name(), r)
	r.all.Go(func() {
		defer close(r.ended)
		// Goroutines inherit labels, so that those of this receiver are known.
		pprof.Do(ctx, pprof.Labels("receiver", r.label), func(ctx context.Context) {
			r.err = s.Receiver.Run(ctx, sink)
		})
	})
	t.Cleanup(func() { cancel(); r.all.Wait() })
	return r
}

// stop ends the receiver and checks that nothing of it is left.
func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	await(r.t, r.ended, "end of Run")
	if r.err != nil {
		r.t.Errorf("Run: %v", r.err)
	}
	if err := r.s.Receiver.Close(); err != nil {
		r.t.Errorf("Close: %v", err)
	}
	Eventually(r.t, "end of its goroutines", func() bool {
		var stacks bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		return !bytes.Contains(stacks.Bytes(), fmt.Appendf(nil, "%q:%q", "receiver", r.label))
	})
}

// Eventually waits until a condition holds.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("no %s after %v", what, limit)
		}
	}
}

// A Sink keeps the events it takes, as an archive would: a repeat of a position
// is trimmed, a gap refused.
type Sink struct {
	Before func() error // runs before a batch is taken; an error refuses it

	mu        sync.Mutex
	events    []llama.Event
	next      map[[2]string]uint64
	under     int
	atOnce    int
	largest   int
	cancelled bool
}

// Put is llama.Sink's.
func (s *Sink) Put(ctx context.Context, b *llama.Batch) error {
	s.enter(len(b.Events))
	var err error
	if s.Before != nil {
		err = s.Before()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under--
	s.cancelled = s.cancelled || ctx.Err() != nil
	if err != nil {
		for i := range b.Events { // a sink may change what it refuses
			b.Events[i].Message = "spoiled"
		}
		return err
	}
	return s.take(b)
}

// PutDecoded is Put of events that are decoded on the way.
func (s *Sink) PutDecoded(ctx context.Context, b *llama.Batch, decoder func() (decode func(*llama.Event) error)) error {
	decode := decoder()
	for i := range b.Events {
		if err := decode(&b.Events[i]); err != nil {
			return err
		}
	}
	return s.Put(ctx, b)
}

func (s *Sink) enter(events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under++
	s.atOnce, s.largest = max(s.atOnce, s.under), max(s.largest, events)
}

func (s *Sink) take(b *llama.Batch) error {
	first := uint64(0)
	if p := b.Position; p.Named() {
		key := [2]string{p.Source, p.Epoch}
		if s.next == nil {
			s.next = map[[2]string]uint64{}
		}
		first = s.next[key]
		if p.First > first {
			return &llama.GapError{Source: p.Source, Epoch: p.Epoch, Want: first, First: p.First}
		}
		s.next[key] = max(first, p.Last+1)
	}
	for i := range b.Events {
		e := b.Events[i]
		if b.Position.Named() && e.Place < first {
			continue
		}
		s.events = append(s.events, clone(e))
	}
	return nil
}

// clone returns e in memory of its own.
func clone(e llama.Event) llama.Event {
	e.Collection, e.Source, e.Message = strings.Clone(e.Collection), strings.Clone(e.Source), strings.Clone(e.Message)
	e.Fields = slices.Clone(e.Fields)
	for i := range e.Fields {
		f := &e.Fields[i]
		f.Name, f.Value = strings.Clone(f.Name), strings.Clone(f.Value)
	}
	return e
}

// Next is the number expected next of an epoch of source.
func (s *Sink) Next(source, epoch string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next[[2]string{source, epoch}]
}

// Events returns what was taken so far.
func (s *Sink) Events() []llama.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Messages returns the messages of what was taken so far.
func (s *Sink) Messages() []string {
	var out []string
	for _, e := range s.Events() {
		out = append(out, e.Message)
	}
	return out
}

// Wait waits until n events were taken.
func (s *Sink) Wait(t *testing.T, n int) {
	t.Helper()
	Eventually(t, fmt.Sprintf("%d events", n), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.events) >= n
	})
}

// Want compares the messages taken with want.
func (s *Sink) Want(t *testing.T, want []string) {
	t.Helper()
	got := s.Messages()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("message %d: got %q, want %q", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %d messages, want %d", len(got), len(want))
	}
}

// Forget loses all positions, as an archive that was replaced.
func (s *Sink) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = nil
}
