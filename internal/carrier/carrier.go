// Package carrier carries envelopes between central and its nodes. It promises
// little, so that much can implement it: a message arrives at most once, in
// order while a connection lasts, and at nobody but the one it is for. What is
// lost while a connection is down is its users' to send again; they are told
// when a connection is there.
//
// A Link is one party's end over core NATS. Node n receives what central
// publishes as down.n.<kind> and publishes up.n.<kind>; the broker lets it do
// nothing else. That is a Broker, a NATS server in central's process, or one
// elsewhere that asks central's Gate who may connect. A Poll is a node's end where
// nothing but HTTPS requests get through, and a Door is what it calls; Both joins
// that to central's Link. Any is a node's end that tries one way after the other.
package carrier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama"
)

// A Kind says what a message is about, so that it can be routed unread.
type Kind string

// The kinds from central to a node, and those from a node to central.
const (
	Task   Kind = "task"
	Cancel Kind = "cancel"
	Ack    Kind = "ack"

	Hello Kind = "hello"
	Frame Kind = "frame"
	State Kind = "state"
)

// A Message is an envelope on its way. Node is who it is for when central sends
// it, and who it is from when central receives it: the carrier vouches for that
// only as far as its broker is trusted.
type Message struct {
	Node string
	Kind Kind
	Data []byte
}

// MaxMessage is the largest message that is carried.
const MaxMessage = 1 << 20

// A Handler is told what happens at a Link. Neither function is called twice at
// once; a slow one makes messages wait, and in the end get lost.
type Handler struct {
	Message   func(Message)
	Connected func() // a connection is there, for the first time or again
}

// A Dial says where the broker is and as whom to connect.
type Dial struct {
	URLs   []string // of brokers that are not in this process: tls://, or wss:// with a path
	Key    Key
	Node   string // the node's id; empty for central
	Way    Way
	broker *Broker
}

// A Link is one party's end. Its methods may be called by many at once.
type Link struct {
	node      string // empty for central
	conn      *nats.Conn
	connected chan struct{} // holds one when the handler should be told
	log       *slog.Logger
}

const (
	// maxWaiting bounds what waits for a slow handler.
	maxWaiting      = 1 << 14
	maxWaitingBytes = 64 << 20
)

// Open makes a link. It returns at once; the connection is made, and made again
// whenever it is lost, until Close.
func Open(d Dial, log *slog.Logger) (*Link, error) {
	l := &Link{node: d.Node, connected: make(chan struct{}, 1), log: log}
	conn, err := connect(d, cmp.Or(d.Node, central), log,
		nats.ConnectHandler(func(*nats.Conn) { l.signal() }),
		nats.ReconnectHandler(func(*nats.Conn) { l.signal() }),
	)
	if err != nil {
		return nil, err
	}
	l.conn = conn
	return l, nil
}

// connect makes a connection that is made again whenever it is lost.
func connect(d Dial, who string, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	closed := &shut{}
	options := append(d.Way.options(d.URLs), nkey(d.Key),
		nats.Name("llama "+who),
		nats.CustomInboxPrefix(inbox(who)),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(500*time.Millisecond),
		nats.PingInterval(20*time.Second), // a line that was cut says nothing
		nats.IgnoreAuthErrorAbort(),       // who is let in may change
		nats.ReconnectBufSize(-1),         // what cannot be sent now is an error now
		nats.NoEcho(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { log.Debug("carrier disconnected", "error", err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { closed.out(log, err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrAuthorization) {
				closed.out(log, err)
				return
			}
			log.Warn("carrier lost or was refused something", "error", err)
		}),
	)
	if d.broker != nil {
		options = append(options, nats.InProcessServer(d.broker.server))
	}
	conn, err := nats.Connect(strings.Join(plainURLs(d.URLs), ","), append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to broker: %w", err)
	}
	return conn, nil
}

// Close ends the connection. What was sent just before may be lost.
func (l *Link) Close() error {
	l.conn.Close()
	return nil
}

func (l *Link) up() bool { return l.conn.IsConnected() }

func (l *Link) signal() {
	select {
	case l.connected <- struct{}{}:
	default: // it is going to be told anyway
	}
}

// Send hands a message to the broker. nil does not say that it arrives. Node is
// ignored at a node's link.
func (l *Link) Send(m Message) error {
	subject, err := l.subject(m)
	if err != nil {
		return err
	}
	if len(m.Data) > MaxMessage {
		return tooLarge(m)
	}
	if err := l.conn.Publish(subject, m.Data); err != nil {
		return llama.Errorf(llama.Unavailable, "the broker cannot be reached: %w", err)
	}
	return nil
}

// A shut says why a connection is not made. That it is not let in, a person should
// know, and once in a while is enough.
type shut struct {
	mu   sync.Mutex
	said time.Time
}

// sayAgain is how long after a warning the same is said again.
const sayAgain = 10 * time.Minute

func (s *shut) out(log *slog.Logger, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(err, nats.ErrAuthorization) && !errors.Is(err, errShut) {
		log.Debug("carrier not connected", "error", err)
		return
	}
	if time.Since(s.said) > sayAgain {
		s.said = time.Now()
		log.Warn("not let in: the node may have been revoked, or central may not be there to say who it is", "error", err)
	}
}

func tooLarge(m Message) error {
	return llama.Errorf(llama.TooLarge, "a message of %d bytes is larger than the carrier's %d", len(m.Data), MaxMessage)
}

func (l *Link) subject(m Message) (string, error) {
	if l.node != "" {
		return "up." + l.node + "." + string(m.Kind), nil
	}
	if !token(m.Node) {
		return "", llama.Errorf(llama.Invalid, "%q is not a node's id", m.Node)
	}
	return "down." + m.Node + "." + string(m.Kind), nil
}

// token reports whether s may be one part of a subject.
func token(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func inbox(user string) string { return "_INBOX_" + user }

// Run hands messages to h until ctx ends. It may run once.
func (l *Link) Run(ctx context.Context, h Handler) error {
	subject := "up.*.*"
	if l.node != "" {
		subject = "down." + l.node + ".*"
	}
	sub, err := l.conn.SubscribeSync(subject)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	defer sub.Unsubscribe() // the link may be closed already
	if err := sub.SetPendingLimits(maxWaiting, maxWaitingBytes); err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.deliver(ctx, sub, h.Message) })
	group.Go(func() error { return l.announce(ctx, h.Connected) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func (l *Link) deliver(ctx context.Context, sub *nats.Subscription, to func(Message)) error {
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, nats.ErrSlowConsumer):
			continue // the error handler has said so
		case err != nil:
			return fmt.Errorf("receive from broker: %w", err)
		}
		parts := strings.Split(msg.Subject, ".") // three, as subscribed
		to(Message{Node: parts[1], Kind: Kind(parts[2]), Data: msg.Data})
	}
}

// announce says that a connection is there once the broker knows the
// subscription, so that an answer finds its way.
func (l *Link) announce(ctx context.Context, tell func()) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.connected:
		}
		if l.conn.FlushTimeout(5*time.Second) == nil { // else the connection is gone again
			tell()
		}
	}
}
