// Package carriertest holds what every carrier must do, whatever carries it.
package carriertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/carrier"
)

// A Link is one party's end of a carrier.
type Link interface {
	Send(carrier.Message) error
	Run(ctx context.Context, h carrier.Handler) error
	Close() error
}

// A Network is a carrier under test.
type Network struct {
	Central Link
	// Node opens the end of a node. Earlier ones of that id may end.
	Node func(id string) Link
	// Cut breaks all connections, which then come back; nil when that cannot be
	// done.
	Cut func()
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// Run tests a carrier; open makes a new one.
func Run(t *testing.T, open func(t *testing.T) Network) {
	t.Run("carries both ways, in order", func(t *testing.T) { carries(t, open(t)) })
	t.Run("keeps nodes apart", func(t *testing.T) { keepsApart(t, open(t)) })
	t.Run("refuses what is too large", func(t *testing.T) { refusesLarge(t, open(t)) })
	t.Run("brings the last words", func(t *testing.T) { lastWords(t, open(t)) })
	t.Run("comes back", func(t *testing.T) { comesBack(t, open(t)) })
}

// An End is a link that runs, with what it has received.
type End struct {
	Link
	mu        sync.Mutex
	got       []carrier.Message
	connected int
	changed   chan struct{}
	end       func() // ends it before the test does
}

// Start runs a link until the test ends and waits until it is connected.
func Start(t *testing.T, l Link) *End {
	t.Helper()
	e := &End{Link: l, changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		err := l.Run(ctx, carrier.Handler{
			Message:   func(m carrier.Message) { e.change(func() { e.got = append(e.got, m) }) },
			Connected: func() { e.change(func() { e.connected++ }) },
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
	})
	e.end = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		l.Close()
	})
	t.Cleanup(e.end)
	e.connections(t, 1)
	return e
}

func (e *End) change(by func()) {
	e.mu.Lock()
	by()
	e.mu.Unlock()
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

func (e *End) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		e.mu.Lock()
		ok := is()
		e.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-e.changed:
		case <-timeout:
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

func (e *End) connections(t *testing.T, n int) {
	t.Helper()
	e.until(t, fmt.Sprintf("connection %d", n), func() bool { return e.connected >= n })
}

// Received waits for n messages in all and returns them.
func (e *End) Received(t *testing.T, n int) []carrier.Message {
	t.Helper()
	e.until(t, fmt.Sprintf("message %d", n), func() bool { return len(e.got) >= n })
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]carrier.Message(nil), e.got...)
}

// Has reports whether a message with this text has come.
func (e *End) Has(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.got, func(m carrier.Message) bool { return string(m.Data) == text })
}

func send(t *testing.T, l Link, node string, k carrier.Kind, data []byte) {
	t.Helper()
	if err := l.Send(carrier.Message{Node: node, Kind: k, Data: data}); err != nil {
		t.Fatalf("send: %v", err)
	}
}

func want(t *testing.T, got carrier.Message, node string, k carrier.Kind, data []byte) {
	t.Helper()
	if got.Node != node || got.Kind != k || !bytes.Equal(got.Data, data) {
		t.Errorf("got %s %s with %d bytes, want %s %s with %d", got.Node, got.Kind, len(got.Data), node, k, len(data))
	}
}

func carries(t *testing.T, n Network) {
	central, node := Start(t, n.Central), Start(t, n.Node("a"))
	const count = 200
	for i := range count {
		send(t, central, "a", carrier.Task, fmt.Append(nil, i))
		send(t, node, "", carrier.Frame, fmt.Append(nil, i))
	}
	for i, m := range node.Received(t, count) {
		want(t, m, "a", carrier.Task, fmt.Append(nil, i))
	}
	for i, m := range central.Received(t, count) {
		want(t, m, "a", carrier.Frame, fmt.Append(nil, i))
	}
	big := bytes.Repeat([]byte("b"), carrier.MaxMessage)
	send(t, node, "", carrier.Frame, big)
	want(t, central.Received(t, count+1)[count], "a", carrier.Frame, big)
}

func keepsApart(t *testing.T, n Network) {
	central := Start(t, n.Central)
	a, b := Start(t, n.Node("a")), Start(t, n.Node("b"))
	send(t, central, "a", carrier.Task, []byte("for a"))
	send(t, central, "b", carrier.Task, []byte("for b"))
	send(t, a, "b", carrier.Hello, []byte("from a")) // a node cannot say it is another
	want(t, central.Received(t, 1)[0], "a", carrier.Hello, []byte("from a"))
	want(t, b.Received(t, 1)[0], "b", carrier.Task, []byte("for b"))
	want(t, a.Received(t, 1)[0], "a", carrier.Task, []byte("for a"))
	for _, id := range []string{"", "*", ">", "a.task", "a b", "A"} {
		if err := central.Send(carrier.Message{Node: id, Kind: carrier.Task}); llama.CodeOf(err) != llama.Invalid {
			t.Errorf("send to node %q: got %v, want a refusal", id, err)
		}
	}
}

func refusesLarge(t *testing.T, n Network) {
	central, node := Start(t, n.Central), Start(t, n.Node("a"))
	err := node.Send(carrier.Message{Kind: carrier.Frame, Data: make([]byte, carrier.MaxMessage+1)})
	if llama.CodeOf(err) != llama.TooLarge {
		t.Errorf("got %v, want too large", err)
	}
	send(t, node, "", carrier.Frame, []byte("small"))
	want(t, central.Received(t, 1)[0], "a", carrier.Frame, []byte("small"))
}

// lastWords: what a node sends right before it ends in order arrives.
func lastWords(t *testing.T, n Network) {
	const words = 50
	central, node := Start(t, n.Central), Start(t, n.Node("a"))
	for i := range words {
		send(t, node, "", carrier.Hello, bytes.Repeat([]byte{byte(i)}, 64<<10))
	}
	node.end()
	for i, m := range central.Received(t, words) {
		want(t, m, "a", carrier.Hello, bytes.Repeat([]byte{byte(i)}, 64<<10))
	}
}

func comesBack(t *testing.T, n Network) {
	if n.Cut == nil {
		t.Skip("this carrier's connections cannot be cut from here")
	}
	central, node := Start(t, n.Central), Start(t, n.Node("a"))
	n.Cut()
	central.connections(t, 2)
	node.connections(t, 2)
	send(t, central, "a", carrier.Task, []byte("again"))
	want(t, node.Received(t, 1)[0], "a", carrier.Task, []byte("again"))
}
