package carrier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama"
)

var errShut = errors.New("not let in")

// A Poll is a node's end over HTTPS requests to a Door.
type Poll struct {
	url  string // of the door, with a slash at its end
	key  Key
	http *http.Client
	log  *slog.Logger
	shut shut

	mu      sync.Mutex
	session string // "" while there is none
	waiting []Message
	bytes   int
	more    chan struct{} // holds one when something waits
}

// OpenPoll makes an end that calls the door at a URL. It returns at once.
func OpenPoll(d Dial, log *slog.Logger) (*Poll, error) {
	if len(d.URLs) != 1 {
		return nil, fmt.Errorf("open carrier over HTTPS: it has one URL, not %d", len(d.URLs))
	}
	transport := &http.Transport{
		Proxy:               func(r *http.Request) (*url.URL, error) { return dialer{d.Way.Proxy}.proxyFor(r.URL.Host) },
		TLSClientConfig:     d.Way.tls(),
		TLSHandshakeTimeout: connectTime, IdleConnTimeout: time.Minute,
		// HTTP/1.1: a connection that is silent is given up with its request.
		ResponseHeaderTimeout: waitAtMost + 2*connectTime,
	}
	return &Poll{
		url: strings.TrimSuffix(d.URLs[0], "/") + "/", key: d.Key, log: log, more: make(chan struct{}, 1),
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// Close drops idle connections.
func (p *Poll) Close() error {
	p.http.CloseIdleConnections()
	return nil
}

// Send puts a message among those that are posted next. nil does not say that it
// arrives.
func (p *Poll) Send(m Message) error {
	if len(m.Data) > MaxMessage {
		return tooLarge(m)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session == "" || p.bytes+len(m.Data) > maxWaitingBytes {
		return llama.Errorf(llama.Unavailable, "central cannot be reached")
	}
	p.waiting = append(p.waiting, m)
	p.bytes += len(m.Data)
	select {
	case p.more <- struct{}{}:
	default:
	}
	return nil
}

func (p *Poll) up() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session != ""
}

// Run hands messages to h until ctx ends. It may run once.
func (p *Poll) Run(ctx context.Context, h Handler) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		began := time.Now()
		if err := p.visit(ctx, h); ctx.Err() != nil {
			return nil
		} else if err != nil {
			p.shut.out(p.log, err)
		}
		if time.Since(began) > waitAtMost {
			wait = 100 * time.Millisecond
		}
		if !pause(ctx, wait) {
			return nil
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// visit opens a session and uses it as long as it lasts.
func (p *Poll) visit(ctx context.Context, h Handler) error {
	token, err := p.open(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.session, p.waiting, p.bytes = token, nil, 0
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.session = ""
	}()
	h.Connected()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.receive(ctx, token, h.Message) })
	group.Go(func() error { return p.post(ctx, token) })
	return group.Wait()
}

func (p *Poll) open(ctx context.Context) (token string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*connectTime)
	defer cancel()
	var out opened
	if err := p.ask(ctx, opening{}, &out); err != nil {
		return "", err
	}
	in := opening{Challenge: out.Challenge, Key: p.key.Public(), Sign: p.key.Sign(append([]byte(proves), out.Challenge...))}
	if err := p.ask(ctx, in, &out); err != nil {
		return "", err
	}
	return out.Node + "." + out.Token, nil
}

func (p *Poll) ask(ctx context.Context, in opening, out *opened) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	resp, err := p.request(ctx, http.MethodPost, "open", "", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 4<<10)).Decode(out); err != nil {
		return fmt.Errorf("read answer of %s: %w", p.url, err)
	}
	return nil
}

func (p *Poll) request(ctx context.Context, method, what, token string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.url+what, body)
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := p.http.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // what is there is better than nothing
		err := fmt.Errorf("%s answers %s: %s", p.url, resp.Status, bytes.TrimSpace(text))
		if resp.StatusCode == http.StatusForbidden {
			err = fmt.Errorf("%w: %w", errShut, err)
		}
		return nil, err
	}
	return resp, nil
}

func (p *Poll) receive(ctx context.Context, token string, to func(Message)) error {
	for {
		if err := p.receiveSome(ctx, token, to); err != nil {
			return err
		}
	}
}

func (p *Poll) receiveSome(ctx context.Context, token string, to func(Message)) error {
	ctx, cancel := context.WithTimeout(ctx, waitAtMost+slowLine)
	defer cancel()
	resp, err := p.request(ctx, http.MethodGet, "receive", token, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for {
		m, err := readMessage(resp.Body)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		m.Node = strings.SplitN(token, ".", 2)[0]
		to(m)
	}
}

// post posts what waits, as much at once as fits, in order.
func (p *Poll) post(ctx context.Context, token string) error {
	for {
		select {
		case <-ctx.Done():
			until := time.Now().Add(lastWords)
			for body := p.next(); body.Len() > 0 && time.Now().Before(until); body = p.next() {
				if p.postOne(ctx, token, body) != nil {
					break // what is not posted is as if lost under way
				}
			}
			return ctx.Err()
		case <-p.more:
		}
		for body := p.next(); body.Len() > 0; body = p.next() {
			if err := p.postOne(ctx, token, body); err != nil {
				return err
			}
		}
	}
}

// lastWords is how long after its end what was sent before may take to be posted.
const lastWords = time.Second

func (p *Poll) postOne(ctx context.Context, token string, body *bytes.Buffer) error {
	posting, cancel := context.WithTimeout(context.WithoutCancel(ctx), slowLine)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastWords, cancel) })()
	resp, err := p.request(posting, http.MethodPost, "send", token, body)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (p *Poll) next() *bytes.Buffer {
	p.mu.Lock()
	defer p.mu.Unlock()
	var body bytes.Buffer
	for len(p.waiting) > 0 && body.Len()+len(p.waiting[0].Data) < maxBody/2 {
		m := p.waiting[0]
		writeMessage(&body, m) // into memory
		p.waiting, p.bytes = p.waiting[1:], p.bytes-len(m.Data)
	}
	return &body
}
