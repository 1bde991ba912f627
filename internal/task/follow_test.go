package task

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
)

// ticker follows: it emits a row whenever it is asked to.
func ticker() (does fake, emit chan int, began, ended chan struct{}) {
	emit, began, ended = make(chan int), make(chan struct{}, 10), make(chan struct{}, 10)
	does.follow = func(ctx context.Context, t Task, out func([]Row, uint64)) error {
		began <- struct{}{}
		defer func() { ended <- struct{}{} }()
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case n := <-emit:
				out([]Row{numbered(n)}, 0)
			}
		}
	}
	return does, emit, began, ended
}

func TestTailShowsWhatPasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Lease: 100 * time.Millisecond})
	does, emit, began, ended := ticker()
	w.site("a", does)
	const count = 5 * tailWindow // needs acknowledgements on the way
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	next := 0
	feed := make(chan struct{})
	defer running(t, func(ctx context.Context) error {
		await(t, "following began", began)
		for n := range count {
			select {
			case emit <- n:
			case <-ctx.Done():
				return nil
			}
			if n%10 == 9 {
				select {
				case <-feed: // as fast as the watcher
				case <-ctx.Done():
					return nil
				}
			}
		}
		return nil
	})()
	asked := false
	for l, err := range w.central.Tail(ctx, Request{Query: "*", User: "eva"}) {
		if !asked && err == nil {
			if asked = true; l.Target != "" || len(l.Rows) > 0 {
				t.Fatalf("first is %+v, want nothing yet", l)
			}
			continue
		}
		if err != nil || l.Lost != 0 || l.Target != "a" {
			t.Fatalf("got %+v, %v", l, err)
		}
		for _, row := range l.Rows {
			if text(row) != text(numbered(next)) {
				t.Fatalf("got %s, want row %d", text(row), next)
			}
			if next++; next%10 == 0 && next < count {
				feed <- struct{}{}
			}
		}
		if next == count {
			cancel()
		}
	}
	await(t, "following ended", ended)
	if len(w.central.tails) != 0 {
		t.Error("central has not forgotten the tail")
	}
}

// A late link takes a while for each message.
type late struct {
	Link
	delay time.Duration
	group sync.WaitGroup
}

func (l *late) Send(m carrier.Message) error {
	at := time.Now().Add(l.delay)
	l.group.Go(func() {
		time.Sleep(time.Until(at))
		l.Link.Send(m)
	})
	return nil
}

// TestLateAcknowledgementsLoseNothing: the watcher is as fast as the node, which has more to
// show than may be under way, and central's acknowledgements come late.
func TestLateAcknowledgementsLoseNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.halt()
	slow := &late{delay: 30 * time.Millisecond}
	w.wrap = func(l Link) Link { slow.Link = l; return slow }
	w.start()
	w.wrap = func(l Link) Link { return l }
	const count = 10 * tailWindow
	w.site("a", fake{follow: func(ctx context.Context, _ Task, out func([]Row, uint64)) error {
		for n := range count {
			out([]Row{numbered(n)}, 0)
		}
		<-ctx.Done()
		return ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	next := 0
	for l, err := range w.central.Tail(ctx, Request{Query: "*"}) {
		if err != nil || l.Lost != 0 {
			t.Fatalf("after %d rows: lost %d, %v", next, l.Lost, err)
		}
		for _, row := range l.Rows {
			if text(row) != text(numbered(next)) {
				t.Fatalf("got %s, want row %d", text(row), next)
			}
			next++
		}
		if next == count {
			cancel()
		}
	}
	if next != count {
		t.Errorf("%d rows of %d", next, count)
	}
	w.halt()
	slow.group.Wait()
}

// TestTailIsPatientForAWhile: acknowledgements that never come are waited for as long as
// there is patience, which comes back with time.
func TestTailIsPatientForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one := &tail{news: make(chan struct{}, 1), sent: tailWindow}
		waited := func() time.Duration {
			began := time.Now()
			one.wait(t.Context())
			return time.Since(began)
		}
		if got := waited(); got < tailPatience || got > tailPatience*11/10 {
			t.Errorf("first waited %v", got)
		}
		if got := waited(); got > tailPatience/10 {
			t.Errorf("right after that waited %v", got)
		}
		time.Sleep(tailPatience * tailPatienceShare)
		if got := waited(); got < tailPatience || got > tailPatience*11/10 {
			t.Errorf("later waited %v", got)
		}
		one.ack(1)
		if got := waited(); got != 0 {
			t.Errorf("with room waited %v", got)
		}
	})
}

func TestTailCountsWhatIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Lease: 100 * time.Millisecond})
	const count = 10 * tailWindow
	flooded := make(chan struct{})
	over := sync.OnceFunc(func() { close(flooded) })
	w.site("a", fake{follow: func(ctx context.Context, _ Task, out func([]Row, uint64)) error {
		for n := range count {
			out([]Row{numbered(n), numbered(n)}, 0)
		}
		over()
		<-ctx.Done() // nothing more comes, and what was lost is told all the same
		return ctx.Err()
	}})
	var got, lost uint64
	first := true
	for l, err := range w.central.Tail(t.Context(), Request{Query: "*"}) {
		if err != nil {
			t.Fatal(err)
		}
		if first {
			await(t, "the flood", flooded) // the watcher is slow
			first = false
		}
		got += uint64(len(l.Rows))
		lost += l.Lost
		if got+lost >= 2*count {
			break
		}
	}
	if lost == 0 || got == 0 || got+lost > 2*count {
		t.Errorf("got %d rows and %d lost of %d", got, lost, 2*count)
	}
}

func TestTailEnds(t *testing.T) {
	t.Parallel()
	t.Run("when central is lost", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{Lease: 100 * time.Millisecond})
		does, _, began, ended := ticker()
		w.site("a", does)
		ctx, cancel := context.WithCancel(t.Context())
		defer running(t, func(context.Context) error {
			for range w.central.Tail(ctx, Request{Query: "*"}) {
			}
			return nil
		})()
		defer cancel()
		await(t, "following began", began)
		w.halt()
		await(t, "the lease ran out", ended)
	})
	t.Run("when no node follows", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{})
		w.site("a", fake{follow: func(context.Context, Task, func([]Row, uint64)) error {
			return llama.Errorf(llama.Invalid, "only filters can be followed live")
		}})
		var got []Lines
		for l, err := range w.central.Tail(t.Context(), Request{Query: "*"}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, l)
		}
		if len(got) != 2 || !strings.Contains(got[1].Error, "only filters") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("when the query is wrong", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{})
		w.away("a", nil)
		for _, q := range []string{"| x", "* | limit 1", "options(explain=true) x", "a:in(b | fields c)"} {
			for _, err := range w.central.Tail(t.Context(), Request{Query: q}) {
				if llama.CodeOf(err) != llama.Invalid {
					t.Errorf("%s: got %v", q, err)
				}
			}
		}
	})
}

// eventRow is a row of an event of a node.
func eventRow(node string, seq int) Row {
	return Row{{Name: llama.NameID, Value: node + "-" + strconv.Itoa(seq)}}
}

// TestTailGoesOnAfterARestart: a node that is restarted begins after the last of its
// events that was handed on, and what comes twice is shown once.
func TestTailGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Lease: 50 * time.Millisecond})
	begun := make(chan Task, 100)
	more := make(chan struct{}, 1)
	var s *site
	s = w.site("a", fake{follow: func(ctx context.Context, task Task, out func([]Row, uint64)) error {
		select {
		case begun <- task:
		default:
		}
		// As one of before the restart that was under way: it has been shown already.
		seq := int(max(task.After, 1))
		for ; seq <= int(task.After)+3; seq++ {
			out([]Row{eventRow(s.own.ID(), seq)}, 0)
		}
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for len(more) > 0 { // what a node sends at its start may be lost; more comes
			select {
			case <-tick.C:
				out([]Row{eventRow(s.own.ID(), seq)}, 0)
				seq++
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		<-ctx.Done()
		return ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	for l, err := range w.central.Tail(ctx, Request{Query: "*", After: []string{s.own.ID() + "-40"}}) {
		if err != nil || l.Error != "" || l.Lost != 0 {
			t.Fatalf("got %+v, %v", l, err)
		}
		for _, row := range l.Rows {
			got = append(got, strings.TrimPrefix(row[0].Value, s.own.ID()))
		}
		if len(got) == 3 && len(more) == 0 {
			s.halt()
			more <- struct{}{}
			s.start()
		}
		if len(got) >= 10 {
			break
		}
	}
	if text := strings.Join(got[:10], ""); text != "-41-42-43-44-45-46-47-48-49-50" {
		t.Errorf("got %s", text)
	}
	if first := (<-begun).After; first != 40 {
		t.Errorf("followed after %d, want 40", first)
	}
}

// TestTailOutlivesANodeThatRefuses: the others go on.
func TestTailOutlivesANodeThatRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Lease: 50 * time.Millisecond})
	refused := make(chan struct{})
	w.site("a", fake{follow: func(context.Context, Task, func([]Row, uint64)) error {
		return llama.Errorf(llama.NotFound, "that event is gone")
	}})
	w.site("b", fake{follow: func(ctx context.Context, _ Task, out func([]Row, uint64)) error {
		select {
		case <-refused:
			out([]Row{numbered(1)}, 0)
		case <-ctx.Done():
		}
		<-ctx.Done()
		return ctx.Err()
	}})
	for l, err := range w.central.Tail(t.Context(), Request{Query: "*"}) {
		if err != nil {
			t.Fatal(err)
		}
		if l.Error != "" {
			if l.Target != "a" || !strings.Contains(l.Error, "that event is gone") {
				t.Errorf("got %+v", l)
			}
			close(refused)
		}
		if len(l.Rows) > 0 {
			return // after the other has stopped
		}
	}
	t.Error("the tail ended with the node that refused")
}

func TestTailAfterRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	s := w.away("a", nil)
	for _, tt := range []struct {
		after []string
		code  llama.Code
	}{
		{[]string{"x"}, llama.Invalid}, {[]string{s.own.ID() + "-"}, llama.Invalid}, {[]string{s.own.ID() + "-0"}, llama.Invalid},
		{[]string{"other-7"}, llama.NotFound}, {[]string{s.own.ID() + "-1", s.own.ID() + "-2"}, llama.Invalid},
	} {
		for _, err := range w.central.Tail(t.Context(), Request{Query: "*", After: tt.after}) {
			if llama.CodeOf(err) != tt.code {
				t.Errorf("%v: got %v", tt.after, err)
			}
			break
		}
	}
}
