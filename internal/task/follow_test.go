package task

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llama-logs/llama"
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
		for _, err := range w.central.Tail(t.Context(), Request{Query: "| x"}) {
			if llama.CodeOf(err) != llama.Invalid {
				t.Errorf("got %v", err)
			}
		}
	})
}
