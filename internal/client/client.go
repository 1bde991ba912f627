// Package client calls central's REST API; the CLI uses it for all that concerns
// central.
//
// A Client has one method for each thing a person asks for: signing in, asking a
// query and reading its rows, following live, listing. Errors keep what the
// server said: a *Problem has its code, so llama.CodeOf works on it, and the
// column where a query is wrong. What changes nothing is tried again when the
// connection fails; what changes something is not.
//
// credentials.go keeps what a sign-in got in a file. The wire types here have
// only what the CLI shows; the OpenAPI document has all.
package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/llama-logs/llama"
)

// Options say whom to call.
type Options struct {
	URL   string // of central: https://logs.example.com:8080
	Token string // from a sign-in; empty before one
	CA    []byte // certificates in PEM to trust instead of the system's
	// KeepToken is told a newer token when the server gave one.
	KeepToken func(token string)
}

// Client calls one central. Its methods may be called by many at once.
type Client struct {
	base *url.URL
	http *http.Client
	keep func(string)

	mu    sync.Mutex
	token string
}

const (
	prefix      = "/api/v1"
	tokenHeader = "Llama-Token" // where a newer token is
	connectTime = 10 * time.Second
	answerTime  = 60 * time.Second // until the headers of an answer
	maxAnswer   = 64 << 20         // bytes of an answer that is not a stream
	retries     = 3                // of what changes nothing
)

// New makes a client. Plain HTTP is for this machine only: a URL that would send
// a password over a network in clear is refused.
func New(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(o.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, llama.Errorf(llama.Invalid, "%q is not the URL of a central; one looks like https://logs.example.com:8080", o.URL)
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) {
		return nil, llama.Errorf(llama.Invalid, "%s would send passwords and logs in clear; use https", o.URL)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(o.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(o.CA) {
			return nil, llama.Errorf(llama.Invalid, "the certificate authority's file holds no certificate in PEM")
		}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
		DisableCompression:  isLoopback(base.Hostname()), // it would take longer than what it saves
		TLSHandshakeTimeout: connectTime, ResponseHeaderTimeout: answerTime, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 4,
	}
	c := &Client{base: base, keep: o.KeepToken, token: o.Token}
	// A redirect would carry the token elsewhere; the API has none.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &http.Client{Transport: transport, CheckRedirect: stay}
	return c, nil
}

// isLoopback reports whether a host is this machine for certain.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Fingerprint returns the SHA-256 of the first certificate in pem, for people to
// compare.
func Fingerprint(text []byte) (string, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return "", llama.Errorf(llama.Invalid, "there is no certificate in PEM")
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:]), nil
}

// call sends in as JSON, if it is not nil, and decodes the answer into out, if
// that is not nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read answer of %s: %w", c.base.Host, err)
	}
	return nil
}

// send does one request and returns its answer, whose body the caller closes. It
// tries again what changes nothing.
func (c *Client) send(ctx context.Context, method, path string, in any, headers ...string) (*http.Response, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	for try := 1; ; try++ {
		resp, err := c.once(ctx, method, path, body, headers)
		if err == nil || try > retries || method == http.MethodPost || !worthRetry(err) {
			return resp, err
		}
		if err := pause(ctx, time.Duration(try*try)*200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (c *Client) once(ctx context.Context, method, path string, body []byte, headers []string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base.String()+prefix+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if token := c.current(); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, unreachable(ctx, c.base.Host, err)
	}
	c.renew(resp.Header.Get(tokenHeader))
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, readProblem(resp)
	}
	return resp, nil
}

func (c *Client) current() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

func (c *Client) renew(token string) {
	if token == "" {
		return
	}
	c.mu.Lock()
	c.token = token
	c.mu.Unlock()
	if c.keep != nil {
		c.keep(token)
	}
}

// worthRetry reports whether the same request may succeed a moment later.
func worthRetry(err error) bool {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Status == http.StatusServiceUnavailable || p.Status == http.StatusBadGateway || p.Status == http.StatusGatewayTimeout
	}
	return llama.CodeOf(err) == llama.Unavailable
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
