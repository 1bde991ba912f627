package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/store"
	"golang.org/x/crypto/argon2"
)

// knownID is the query that a world has from the beginning.
const knownID = "8f14e45f-ceea-467f-9575-1b5d3d1f0c2a"

// A world is central without central: queries that tests fill in.
type world struct {
	mu        sync.Mutex
	queries   map[string]*Query
	open      []Query
	rows      [][]llama.Field
	rowsErr   error // after the rows
	changes   []Change
	watchErr  error
	arrivals  []Arrival
	tailErr   error
	asked     []Question
	followed  []Following
	cancelled []string
	commands  []string
	answers   []CommandAnswer // to commands
	err       error           // of everything
	sick      error           // what /healthz is told
}

func newWorld() *world {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &world{
		queries: map[string]*Query{knownID: {
			ID: knownID, Query: "error", Normal: "error", Targets: []string{"a", "b"}, User: "analyst", State: Done,
			Created: at, Ended: at, Expires: at.Add(time.Hour), Rows: 2, Columns: []string{"_time", "_msg", "n"},
		}},
		rows: [][]llama.Field{
			{{Name: "_time", Value: "2026-01-02T03:04:05Z"}, {Name: "_msg", Value: `say "hi", twice`}, {Name: "n", Value: "-1.0", Kind: llama.Number}},
			{{Name: "_time", Value: "2026-01-02T03:04:06Z"}, {Name: "_msg", Value: "=cmd()"}, {Name: "other", Value: "true", Kind: llama.Bool}},
		},
	}
}

func (w *world) Submit(_ context.Context, q Question) (Query, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, q)
	if strings.HasPrefix(q.Text, "|") {
		return Query{}, fmt.Errorf("plan: %w", &query.Error{Column: 1, Problem: "a filter is expected"})
	}
	return Query{ID: knownID, Query: q.Text, Targets: q.Targets, User: q.User, State: Queued}, w.err
}

func (w *world) Query(_ context.Context, id string) (Query, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if q, ok := w.queries[id]; ok && w.err == nil {
		return *q, nil
	}
	if w.err != nil {
		return Query{}, w.err
	}
	return Query{}, llama.Errorf(llama.NotFound, "there is no query %s", id)
}

func (w *world) List(context.Context, QueryFilter) (QueryPage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var p QueryPage
	for _, q := range w.queries {
		p.Queries = append(p.Queries, *q)
	}
	return p, w.err
}

func (w *world) Open(context.Context) ([]Query, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.open), w.err
}

func (w *world) Command(_ context.Context, user, target, action string, arguments any) ([]CommandAnswer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commands = append(w.commands, fmt.Sprintf("%s %s %s %+v", user, target, action, arguments))
	return w.answers, w.err
}

func (w *world) Cancel(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancelled = append(w.cancelled, id)
	return w.err
}

func (w *world) Rows(_ context.Context, _ string, offset, limit int64, emit func([]llama.Field) error) error {
	for i, row := range w.rows {
		if int64(i) < offset || limit > 0 && int64(i) >= offset+limit {
			continue
		}
		if err := emit(row); err != nil {
			return err
		}
	}
	return w.rowsErr
}

// fewLines are rows as they are kept.
type fewLines struct{ text []byte }

func (l fewLines) Count() int            { return bytes.Count(l.text, []byte{'\n'}) }
func (l fewLines) Text() ([]byte, error) { return l.text, nil }
func (l fewLines) Target() string        { return "a" }
func (l fewLines) Packed() []byte {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return e.EncodeAll(l.text, nil)
}

func (w *world) Lines(ctx context.Context, id string, offset, limit int64, emit func(Lines) error) error {
	return w.Rows(ctx, id, offset, limit, func(row []llama.Field) error {
		return emit(fewLines{append(llama.AppendFlat(nil, row), '\n')})
	})
}

func (w *world) Watch(ctx context.Context, _ string, from int64, emit func(Change) error) error {
	for _, c := range w.changes {
		if c.Rows != nil && c.Offset < from {
			continue
		}
		if err := emit(c); err != nil {
			return err
		}
	}
	if w.watchErr == errHang {
		<-ctx.Done()
		return ctx.Err()
	}
	return w.watchErr
}

// errHang makes a Watch or Tail wait for its context.
var errHang = fmt.Errorf("hang")

func (w *world) Tail(ctx context.Context, f Following, emit func(Arrival) error) error {
	w.mu.Lock()
	w.followed = append(w.followed, f)
	w.mu.Unlock()
	for _, a := range w.arrivals {
		if err := emit(a); err != nil {
			return err
		}
	}
	if w.tailErr == errHang {
		<-ctx.Done()
		return ctx.Err()
	}
	return w.tailErr
}

func (w *world) Targets(context.Context) ([]Target, error) {
	return []Target{{Name: "a", State: "online"}, {Name: "b", State: "offline", Nodes: []Node{{ID: "b-1", State: "offline"}}}}, w.err
}

func (w *world) Collections(_ context.Context, target string) ([]Collection, error) {
	all := []Collection{{Name: "sshd", Target: "a"}, {Name: "sshd", Target: "b"}}
	return slices.DeleteFunc(all, func(c Collection) bool { return target != "" && c.Target != target }), w.err
}

func (w *world) AddCode(_ context.Context, c NewCode, by string) (MadeCode, error) {
	return MadeCode{ID: "1", Code: "llama1_x", Target: c.Target, Uses: c.Uses}, nil
}

func (w *world) Codes(context.Context) ([]EnrolmentCode, error) {
	return []EnrolmentCode{{ID: "1", Target: "a", By: "admin"}, {ID: "2", Target: "empty", By: "admin"}, {ID: "3", Target: "empty", By: "admin"}}, nil
}

func (w *world) RemoveCode(_ context.Context, id string) error { return w.gone("enrolment code", id) }

func (w *world) Join(context.Context, JoinRequest, string) (JoinAnswer, error) {
	return JoinAnswer{}, llama.Errorf(llama.Invalid, "planted: this is no request to join")
}

func (w *world) Revoke(_ context.Context, id string) error { return w.gone("node", id) }

func (w *world) gone(kind, id string) error {
	return llama.Errorf(llama.NotFound, "planted: there is no %s %q", kind, id)
}

func (w *world) BrokerConfig(context.Context) (string, error) { return "max_payload: 1", nil }

func (w *world) Statistics(context.Context) (Statistics, error) {
	return Statistics{Events: 7}, w.err
}

// thePassword is that of all users of tests.
const thePassword = "correct horse battery"

// hashed is thePassword's hash, cheap to check.
func hashedPassword() string {
	b64 := base64.RawStdEncoding
	salt := []byte("saltsaltsaltsalt")
	key := argon2.IDKey([]byte(thePassword), salt, 1, 64, 1, 32)
	return fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s", b64.EncodeToString(salt), b64.EncodeToString(key))
}

// A site is a server that runs.
type site struct {
	*world
	t      *testing.T
	db     *store.Store
	server *Server
	url    string
	http   *http.Client
	log    *bytes.Buffer
	stop   func()
}

// accounts has one for each role, and local, who is analyst on target a only.
func accounts() map[string][]store.Grant {
	return map[string][]store.Grant{
		"viewer": {{Role: "viewer"}}, "analyst": {{Role: "analyst"}}, "operator": {{Role: "operator"}}, "admin": {{Role: "admin"}},
		"local": {{Role: "analyst", Target: "a"}}, "nobody": nil,
	}
}

// keyring opens the keyring of a data folder, or makes it.
func keyring(t *testing.T, dir string) *seal.Keyring {
	t.Helper()
	file := filepath.Join(dir, "master.key")
	if _, err := seal.CreateKeyFile(file); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	master, err := seal.OpenKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fsys.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.OpenKeyring(files, "keyring", master)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close(); files.Close() })
	return keys
}

// newSite runs a server on a free port, over TLS when secure.
func newSite(t *testing.T, secure bool) *site {
	t.Helper()
	return newSiteIn(t, t.TempDir(), secure, auth.Options{})
}

// newSiteIn is newSite on a data folder, which it may have been on before.
func newSiteIn(t *testing.T, dir string, secure bool, o auth.Options) *site {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(dir, "central.db"), keyring(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	some, err := db.HasAccounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, grants := range accounts() {
		if some {
			break
		}
		if err := db.AddAccount(t.Context(), store.Account{Name: name, Password: hashedPassword(), Created: time.Now(), Grants: grants}); err != nil {
			t.Fatal(err)
		}
	}
	o.Dir, o.Store = dir, db
	users, err := auth.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, users, db, dir, secure)
}

func serve(t *testing.T, users *auth.Auth, db *store.Store, dir string, secure bool) *site {
	t.Helper()
	w := newWorld()
	s := &site{t: t, world: w, db: db, log: &bytes.Buffer{}, http: &http.Client{Timeout: 10 * time.Second}}
	var err error
	s.server, err = New(Options{
		Users: users, Queries: w, Results: w, Tail: w, Nodes: w, Directory: db, Schedules: db, Saved: db, Usage: db, Commands: w, Enrolment: w, Hosts: []string{"logs.example.com"},
		Log: slog.New(slog.NewTextHandler(s.log, nil)), KeepAlive: 20 * time.Millisecond,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "llama_up 1\n") }),
		Healthy: func(context.Context) error { return w.sick },
		Page: fstest.MapFS{
			"index.html":         {Data: []byte("<!doctype html><title>LLAMA</title>" + strings.Repeat(" ", 2000))},
			"assets/app-1a2b.js": {Data: []byte("export {}")},
			"favicon.svg":        {Data: []byte("<svg/>")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	if secure {
		ca, err := auth.OpenCA(dir, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(ca.Certificate())
		s.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
		listener = tls.NewListener(listener, ca.TLS())
		s.url = "https://" + listener.Addr().String()
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.server.Run(ctx, listener); err != nil {
			t.Error(err)
		}
	})
	s.stop = func() { cancel(); running.Wait() }
	t.Cleanup(func() { s.http.CloseIdleConnections(); s.stop() })
	return s
}

// request makes a request for path, below prefix unless it begins with two slashes. Each
// header is "Name: value".
func (s *site) request(method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	if rest, ok := strings.CutPrefix(path, "/"); ok && strings.HasPrefix(rest, "/") {
		path = rest
	} else {
		path = prefix + path
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	return r
}

// ask does a request and reads its answer.
func (s *site) ask(method, path, body string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	resp, err := s.http.Do(s.request(method, path, body, headers...))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(text)
}

// as returns the header of a user who has signed in as a program does.
func (s *site) as(user string) string {
	s.t.Helper()
	resp, text := s.ask("POST", "/session", fmt.Sprintf(`{"user":%q,"password":%q}`, user, thePassword))
	var got SignedInSession
	if err := json.Unmarshal([]byte(text), &got); err != nil || resp.StatusCode != http.StatusOK || got.Token == "" {
		s.t.Fatalf("sign in as %s: %s %s", user, resp.Status, text)
	}
	return "Authorization: Bearer " + got.Token
}

// wantProblem checks an answer that is a problem.
func wantProblem(t *testing.T, resp *http.Response, text string, status int, code llama.Code, detail string) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(text), &p); err != nil || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%s %q is no problem: %v", resp.Status, text, err)
	}
	if resp.StatusCode != status || p.Status != status || p.Code != string(code) || !strings.Contains(p.Detail, detail) {
		t.Errorf("got %d %s; want %d, %q, %q", resp.StatusCode, text, status, code, detail)
	}
	return p
}
