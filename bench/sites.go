package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/node"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/seal"
)

// What sites measures: central in a process of its own, and very many nodes in this
// one, each whole: its keys, its connection, its archive with a few events. A question
// goes to one, ten, a hundred, ... of them, a target each, from API to API. Then small
// questions of one node are asked one after the other, and by eight at once.

const (
	siteEvents  = 100 // of each node
	siteClients = 8
	siteAsks    = 200 // one after the other
	siteRuns    = 5   // of each number of nodes
	siteTime    = 5 * time.Second
	siteJoins   = 4 // at once: central slows more from one address, as they might be guesses
)

func sites(ctx context.Context, o *options) (_ *report, err error) {
	c := &fleet{o: o, dir: filepath.Join(o.temporary, "sites"), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * siteClients}}}
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	nodes, stop := errgroup.Group{}, func() {}
	defer func() {
		stop()
		_, stopErr := c.central.stop(ctx)
		err = errors.Join(err, nodes.Wait(), stopErr)
	}()
	running, cancel := context.WithCancel(ctx)
	stop = cancel
	began := time.Now()
	if err := c.join(running, &nodes); err != nil {
		return nil, err
	}
	joined := time.Since(began)
	if err := c.settled(ctx); err != nil {
		return nil, err
	}
	r := newReport(fmt.Sprintf("%d nodes of a target each, %d events each", o.sites, siteEvents), "llama")
	r.set("llama", "nodes joined", "1/s", float64(o.sites)/joined.Seconds())
	for n := 1; ; n = min(10*n, o.sites) {
		took, err := c.aggregate(ctx, n)
		if err != nil {
			return nil, err
		}
		r.set("llama", fmt.Sprintf("one aggregate of %d", n), "ms", milliseconds(took))
		if n == o.sites {
			break
		}
	}
	r.set("llama", "central's peak memory", "MB", float64(c.central.memory())/1e6)
	return r, c.small(ctx, r)
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// A fleet is central and the nodes that join it.
type fleet struct {
	o       *options
	dir     string
	central *process
	client  *http.Client
	url     string
	token   string
	names   []string // of targets
}

// start starts central and signs in.
func (f *fleet) start(ctx context.Context) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	data := filepath.Join(f.dir, "central")
	config := fmt.Sprintf("data: %q\nmaster_key: %q\nlog: {level: warn}\ncentral: {listen: 127.0.0.1:0}\n", data, filepath.Join(f.dir, "central.key"))
	file := filepath.Join(f.dir, "central.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	var err error
	if f.central, err = startProcess(ctx, filepath.Join(f.dir, "said"), f.o.llama, "central", "-c", file); err != nil {
		return err
	}
	var at struct{ Page string }
	err = f.central.until(ctx, func() error {
		text, err := os.ReadFile(filepath.Join(data, "listening.json"))
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &at)
	})
	if err != nil {
		return err
	}
	f.url = at.Page
	first, err := os.ReadFile(filepath.Join(data, "initial-admin-password"))
	if err != nil {
		return err
	}
	const password = "only for as long as it is measured"
	old := strings.TrimSpace(string(first))
	if err := f.signIn(ctx, old); err != nil {
		return err
	}
	if _, err := f.call(ctx, "POST", "/session/password", map[string]string{"old": old, "new": password}); err != nil {
		return err
	}
	return f.signIn(ctx, password)
}

func (f *fleet) signIn(ctx context.Context, password string) error {
	text, err := f.call(ctx, "POST", "/session", map[string]string{"user": "admin", "password": password})
	if err != nil {
		return err
	}
	var s struct{ Token string }
	err = json.Unmarshal(text, &s)
	f.token = s.Token
	return err
}

// call asks the API and returns its answer.
func (f *fleet) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, f.url+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if f.token != "" {
		req.Header.Set("Authorization", "Bearer "+f.token)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}

// join makes all nodes, some at a time, and lets them run.
func (f *fleet) join(ctx context.Context, nodes *errgroup.Group) error {
	lines := filepath.Join(f.dir, "events.ndjson")
	text := strings.Repeat("{\"_msg\":\"one of many\",\"level\":\"info\"}\n", siteEvents)
	if err := os.WriteFile(lines, []byte(text), 0o600); err != nil {
		return err
	}
	f.names = make([]string, f.o.sites)
	group, ctx2 := errgroup.WithContext(ctx)
	group.SetLimit(siteJoins)
	for i := range f.names {
		f.names[i] = fmt.Sprintf("site-%04d", i)
		group.Go(func() error {
			n, err := f.open(ctx2, f.names[i], lines)
			if err != nil {
				return fmt.Errorf("node of %s: %w", f.names[i], err)
			}
			nodes.Go(func() error { return errors.Join(n.RunJoined(ctx), n.Close()) })
			return nil
		})
	}
	return group.Wait()
}

// open makes the node of a target, which follows a file of events.
func (f *fleet) open(ctx context.Context, target, lines string) (*node.Node, error) {
	made, err := f.call(ctx, "POST", "/enrolments", map[string]string{"target": target})
	if err != nil {
		return nil, err
	}
	var code struct{ Code string }
	if err := json.Unmarshal(made, &code); err != nil {
		return nil, err
	}
	parsed, err := envelope.ParseCode(code.Code)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(f.dir, target)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	if _, err := seal.CreateKeyFile(data + ".key"); err != nil {
		return nil, err
	}
	master, err := seal.OpenKeyFile(data + ".key")
	if err != nil {
		return nil, err
	}
	o := node.Default()
	o.Syslog, o.Ingest = "", ""
	if _, err := node.JoinCentral(ctx, node.JoinOptions{Data: data, Master: master, URL: f.url, Code: parsed, Uplink: o.Uplink, Version: "bench"}); err != nil {
		return nil, err
	}
	o.Receivers = []node.Receiver{{Files: &receive.FilesOptions{Paths: []string{lines}}}}
	o.Env = node.Env{Data: data, Master: master, Version: "bench", Joined: true, Log: slog.New(slog.DiscardHandler)}
	return node.Open(o)
}

// settled waits until all nodes answer with all of their events.
func (f *fleet) settled(ctx context.Context) error {
	for began := time.Now(); ; {
		n, err := f.count(ctx, f.o.sites)
		if err == nil && n == f.o.sites*siteEvents {
			return nil
		}
		if time.Since(began) > 5*time.Minute {
			return errors.Join(fmt.Errorf("%d of %d events are there after 5 min", n, f.o.sites*siteEvents), err)
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// count asks the first n targets how many events they have.
func (f *fleet) count(ctx context.Context, n int) (events int, err error) {
	answer, err := f.call(ctx, "POST", "/ask?wait=1m", map[string]any{"query": "* | stats count() n", "targets": f.names[:n]})
	if err != nil {
		return 0, err
	}
	var row struct{ N int }
	err = json.Unmarshal(answer, &row)
	return row.N, err
}

// aggregate returns the median time of a count over n nodes.
func (f *fleet) aggregate(ctx context.Context, n int) (time.Duration, error) {
	var all []time.Duration
	for range siteRuns {
		began := time.Now()
		events, err := f.count(ctx, n)
		if err != nil {
			return 0, err
		}
		if events != n*siteEvents {
			return 0, fmt.Errorf("%d nodes have %d events, want %d", n, events, n*siteEvents)
		}
		all = append(all, time.Since(began))
	}
	return median(all), nil
}

// small measures small questions of one node.
func (f *fleet) small(ctx context.Context, r *report) error {
	var took []time.Duration
	for i := range siteAsks {
		began := time.Now()
		if _, err := f.count(ctx, 1); err != nil {
			return err
		}
		if i > 0 {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	r.set("llama", "small question, median", "ms", milliseconds(quantile(took, 0.5)))
	r.set("llama", "small question, p99", "ms", milliseconds(quantile(took, 0.99)))
	var asked atomic.Int64
	var clients sync.WaitGroup
	var failed atomic.Pointer[error]
	end := time.Now().Add(siteTime)
	for range siteClients {
		clients.Go(func() {
			for time.Now().Before(end) {
				if _, err := f.count(ctx, 1); err != nil {
					failed.Store(&err)
					return
				}
				asked.Add(1)
			}
		})
	}
	clients.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	r.set("llama", fmt.Sprintf("small questions of %d clients", siteClients), "1/s", float64(asked.Load())/siteTime.Seconds())
	return nil
}
