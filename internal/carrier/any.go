package carrier

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama"
)

// An Any is a node's end that takes the first way that works, in the order given:
// as NATS over TLS, as WebSocket, over HTTPS requests. It looks for a better one when the
// one it has is lost.
type Any struct {
	dials    []Dial
	patience time.Duration // with a way that does not connect
	log      *slog.Logger

	mu   sync.Mutex
	now  link // nil while there is none
	key  Key
	anew func() // ends the way that there is; nil while there is none
}

// A link is a node's end of some kind.
type link interface {
	Send(Message) error
	Run(ctx context.Context, h Handler) error
	Close() error
	up() bool // there is a connection
}

// waysPatience is how long a way may take to connect, when there are others.
const waysPatience = 8 * time.Second

// NewAny makes an end of a node with the given id that reaches central's URLs: tls://,
// wss:// and https://, the last for requests to a Door. Those of brokers that are
// neighbours in urls and of one scheme are one way.
func NewAny(urls []string, key Key, node string, way Way, log *slog.Logger) (*Any, error) {
	a := &Any{patience: waysPatience, log: log, key: key}
	last := ""
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || !slices.Contains([]string{"tls", "nats", "wss", "ws", "https", "http"}, u.Scheme) {
			return nil, llama.Errorf(llama.Invalid, "%q is no URL of a broker; e.g. tls://logs.example.com:4222, wss://logs.example.com/carrier/ws or https://logs.example.com/carrier/poll", text)
		}
		if n := len(a.dials); n > 0 && u.Scheme == last && !request(u.Scheme) {
			a.dials[n-1].URLs = append(a.dials[n-1].URLs, text)
			continue
		}
		a.dials = append(a.dials, Dial{URLs: []string{text}, Node: node, Way: way})
		last = u.Scheme
	}
	if len(a.dials) == 0 {
		return nil, llama.Errorf(llama.Invalid, "no URL of a broker is known")
	}
	return a, nil
}

func request(scheme string) bool { return scheme == "https" || scheme == "http" }

func open(d Dial, log *slog.Logger) (link, error) {
	if u, err := url.Parse(d.URLs[0]); err == nil && request(u.Scheme) {
		return OpenPoll(d, log)
	}
	return Open(d, log)
}

// open opens a way with the key in force.
func (a *Any) open(d Dial, anew func()) (link, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d.Key = a.key
	l, err := open(d, a.log)
	if err == nil {
		a.now, a.anew = l, anew
	}
	return l, err
}

// UseKey connects anew, with another key.
func (a *Any) UseKey(key Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.key = key
	if a.anew != nil {
		a.anew()
	}
}

// Close does nothing: Run closes what it opens.
func (a *Any) Close() error { return nil }

// Send sends the way that there is.
func (a *Any) Send(m Message) error {
	a.mu.Lock()
	now := a.now
	a.mu.Unlock()
	if now == nil {
		return llama.Errorf(llama.Unavailable, "central cannot be reached")
	}
	return now.Send(m)
}

// Run hands messages to h until ctx ends.
func (a *Any) Run(ctx context.Context, h Handler) error {
	for i := 0; ctx.Err() == nil; i++ {
		worked, err := a.try(ctx, a.dials[i%len(a.dials)], h)
		if err != nil {
			return err
		}
		if worked {
			i = -1 // the best way may be back
		}
	}
	return nil
}

// try uses one way until ctx ends or, when there are others, the way has not been
// connected for a while.
func (a *Any) try(ctx context.Context, d Dial, h Handler) (worked bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := a.open(d, cancel)
	if err != nil {
		return false, err
	}
	defer func() {
		a.mu.Lock()
		a.now, a.anew = nil, nil
		a.mu.Unlock()
		l.Close()
	}()
	group, ctx := errgroup.WithContext(ctx)
	heard := make(chan struct{}, 1)
	told := h
	told.Connected = func() {
		worked = true
		select {
		case heard <- struct{}{}:
		default:
		}
		a.log.Info("connected to central", "way", d.URLs[0])
		h.Connected()
	}
	group.Go(func() error { defer cancel(); return l.Run(ctx, told) })
	if len(a.dials) > 1 {
		group.Go(func() error { defer cancel(); a.watch(ctx, l, heard); return nil })
	}
	err = group.Wait()
	return worked, err
}

// watch returns when a way has not been connected for as long as patience lasts.
func (a *Any) watch(ctx context.Context, l link, heard <-chan struct{}) {
	tick := time.NewTicker(a.patience / 8)
	defer tick.Stop()
	since := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-heard:
			since = time.Now()
		case now := <-tick.C:
			if l.up() {
				since = now
			} else if now.Sub(since) > a.patience {
				return
			}
		}
	}
}
