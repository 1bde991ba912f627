package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/client"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/store"
	"golang.org/x/crypto/argon2"
)

const (
	knownID     = "8f14e45f-ceea-467f-9575-1b5d3d1f0c2a"
	thePassword = "correct horse battery"
)

// A central answers every question with the same rows.
type central struct {
	mu        sync.Mutex
	question  api.Question
	hang      bool // never answers
	breaks    int  // streams that end before the query does
	watched   int
	cancelled chan string
}

var rows = [][]llama.Field{
	{{Name: "_msg", Value: "one"}, {Name: "n", Value: "1.0", Kind: llama.Number}},
	{{Name: "_msg", Value: "two"}},
}

func (c *central) Submit(_ context.Context, q api.Question) (api.Query, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.question = q
	if q.Text == "|" {
		return api.Query{}, &query.Error{Column: 1, Problem: "a filter is expected"}
	}
	return c.query(api.Queued), nil
}

func (c *central) query(state string) api.Query {
	return api.Query{ID: knownID, State: state, Targets: []string{"a"}, Columns: []string{"_msg", "n"}, Rows: 2, User: "eva"}
}

func (c *central) Query(_ context.Context, id string) (api.Query, error) {
	if id != knownID {
		return api.Query{}, llama.Errorf(llama.NotFound, "there is no query %s", id)
	}
	return c.query(api.Done), nil
}

func (c *central) List(context.Context, api.QueryFilter) (api.QueryPage, error) {
	return api.QueryPage{}, nil
}

func (c *central) Cancel(_ context.Context, id string) error {
	c.cancelled <- id
	return nil
}

func (c *central) Rows(_ context.Context, _ string, _, _ int64, emit func([]llama.Field) error) error {
	for _, row := range rows {
		if err := emit(row); err != nil {
			return err
		}
	}
	return nil
}

// lines are rows as they are kept.
type lines struct{ text []byte }

func (l lines) Count() int            { return bytes.Count(l.text, []byte{'\n'}) }
func (l lines) Text() ([]byte, error) { return l.text, nil }
func (l lines) Target() string        { return "a" }
func (l lines) Packed() []byte {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return e.EncodeAll(l.text, nil)
}

// Lines gives each row apart, so that what is packed is a stream of several frames.
func (c *central) Lines(ctx context.Context, id string, offset, limit int64, emit func(api.Lines) error) error {
	return c.Rows(ctx, id, offset, limit, func(row []llama.Field) error {
		return emit(lines{append(llama.AppendFlat(nil, row), '\n')})
	})
}

func (c *central) Watch(ctx context.Context, _ string, from int64, emit func(api.Change) error) error {
	c.mu.Lock()
	c.watched++
	broken, hang := c.watched <= c.breaks, c.hang
	c.mu.Unlock()
	running, done := c.query(api.Running), c.query(api.Done)
	if from < 1<<40 {
		return errors.New("rows were asked for")
	}
	if err := emit(api.Change{Query: &running}); err != nil || broken {
		return err
	}
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	err := emit(api.Change{Progress: &api.Progress{Progress: 0.5, EventsRead: 7}})
	return errors.Join(err, emit(api.Change{Query: &done}))
}

func (c *central) Tail(ctx context.Context, f api.Following, emit func(api.Arrival) error) error {
	if f.Query == "|" {
		return &query.Error{Column: 1, Problem: "a filter is expected"}
	}
	if strings.Join(f.After, " ") != "a-1-7 b-1-8" {
		return errors.New("after " + strings.Join(f.After, " "))
	}
	stopped := &api.Stopped{Target: "a", Node: "a-1", Error: "gone"}
	if err := errors.Join(emit(api.Arrival{}), emit(api.Arrival{Stopped: stopped}), emit(api.Arrival{Rows: rows, Lost: 3})); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (c *central) Open(context.Context) ([]api.Query, error) { return nil, nil }

func (c *central) Targets(context.Context) ([]api.Target, error) {
	return []api.Target{{Name: "a", State: "online", Nodes: []api.Node{{ID: "a-1", State: "online"}}}}, nil
}

func (c *central) Collections(_ context.Context, target string) ([]api.Collection, error) {
	return []api.Collection{{Name: "sshd", Target: "a", Events: 7}}, nil
}

func (c *central) Statistics(context.Context) (api.Statistics, error) { return api.Statistics{}, nil }

func keyring(t *testing.T, dir string) *seal.Keyring {
	t.Helper()
	file := filepath.Join(dir, "master.key")
	if _, err := seal.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	master, err := seal.OpenKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.OpenKeyring(fsys.NewMem(), "keyring", master)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	return keys
}

// start runs the API over TLS and returns how to call it.
func start(t *testing.T, c *central) client.Options {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "central.db"), keyring(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	eva := store.Account{Name: "eva", Password: hash(thePassword), Grants: []store.Grant{{Role: "analyst"}}}
	if err := db.AddAccount(t.Context(), eva); err != nil {
		t.Fatal(err)
	}
	users, err := auth.Open(t.Context(), auth.Options{Dir: dir, Store: db})
	if err != nil {
		t.Fatal(err)
	}
	c.cancelled = make(chan string, 1)
	server, err := api.New(api.Options{Users: users, Queries: c, Results: c, Tail: c, Nodes: c})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := auth.OpenCA(dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Run(ctx, tls.NewListener(listener, ca.TLS())); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return client.Options{
		URL: "https://" + listener.Addr().String(),
		CA:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate().Raw}),
	}
}

// hash is an Argon2id hash that is cheap to check.
func hash(password string) string {
	b64, salt := base64.RawStdEncoding, []byte("saltsaltsaltsalt")
	key := argon2.IDKey([]byte(password), salt, 1, 64, 1, 32)
	return fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s", b64.EncodeToString(salt), b64.EncodeToString(key))
}

// signedIn returns a client that is signed in as eva.
func signedIn(t *testing.T, c *central) *client.Client {
	t.Helper()
	cl, err := client.New(start(t, c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if _, err := cl.SignIn(t.Context(), "eva", thePassword); err != nil {
		t.Fatal(err)
	}
	return cl
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	o := start(t, &central{})
	var kept string
	o.KeepToken = func(token string) { kept = token }
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Session(t.Context()); llama.CodeOf(err) != llama.Unauthorized {
		t.Errorf("before: %v", err)
	}
	if _, err := c.SignIn(t.Context(), "eva", "guess"); llama.CodeOf(err) != llama.Unauthorized {
		t.Errorf("with a wrong password: %v", err)
	}
	s, err := c.SignIn(t.Context(), "eva", thePassword)
	if err != nil || s.User != "eva" || !slices.Equal(s.Grants, []client.Grant{{Role: "analyst"}}) || s.Token == "" || kept != s.Token {
		t.Fatalf("got %+v, %v; kept %q", s, err, kept)
	}
	o.Token = kept
	again, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if s, err := again.Session(t.Context()); err != nil || s.User != "eva" {
		t.Errorf("with the kept token: %+v, %v", s, err)
	}
	if err := c.ChangePassword(t.Context(), thePassword, "another passphrase"); err != nil {
		t.Error(err)
	}
	if err := c.SignOut(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := again.Session(t.Context()); llama.CodeOf(err) != llama.Unauthorized {
		t.Errorf("after signing out: %v", err)
	}
}

func TestAskAndRead(t *testing.T) {
	t.Parallel()
	server := &central{breaks: 1}
	c := signedIn(t, server)
	var states []string
	var progress []float64
	q, err := c.Ask(t.Context(), client.Question{Query: "error", Targets: []string{"a"}, From: "-1h", Limit: 5}, client.Watching{
		State:    func(q client.Query) { states = append(states, q.State) },
		Progress: func(p client.Progress) { progress = append(progress, p.Progress) },
	})
	if err != nil || q.State != "done" || q.ID != knownID || q.Rows != 2 {
		t.Fatalf("got %+v, %v", q, err)
	}
	if !slices.Equal(states, []string{"running", "running", "done"}) || !slices.Equal(progress, []float64{0.5}) {
		t.Errorf("states %q, progress %v", states, progress)
	}
	if a := server.question; a.Text != "error" || a.Limit != 5 || time.Since(a.From) < time.Hour || a.User != "eva" {
		t.Errorf("asked %+v", a)
	}
	var got []string
	if err := c.Rows(t.Context(), q.ID, func(row []byte) error { got = append(got, string(row)); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{`{"_msg":"one","n":1.0}`, `{"_msg":"two"}`}; !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
	var csv strings.Builder
	if err := c.Export(t.Context(), q.ID, "csv", true, &csv); err != nil || csv.String() != "_msg,n\r\none,1.0\r\ntwo,\r\n" {
		t.Errorf("export %q, %v", csv.String(), err)
	}
}

func TestAskCancelsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	server := &central{hang: true}
	c := signedIn(t, server)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Ask(ctx, client.Question{Query: "error"}, client.Watching{State: func(client.Query) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if id := <-server.cancelled; id != knownID {
		t.Errorf("cancelled %q", id)
	}
}

func TestErrorsKeepTheirColumn(t *testing.T) {
	t.Parallel()
	c := signedIn(t, &central{})
	_, ask := c.Ask(t.Context(), client.Question{Query: "|"}, client.Watching{})
	_, format := c.FormatQuery(t.Context(), "(")
	tail := c.Tail(t.Context(), client.Following{Filter: "|"})
	for name, err := range map[string]error{"ask": ask, "format": format, "tail": tail} {
		p, ok := errors.AsType[*client.Problem](err)
		if !ok || p.Column == 0 || llama.CodeOf(err) != llama.Invalid || p.Status != 400 {
			t.Errorf("%s: got %#v", name, err)
		}
	}
	if _, err := c.Query(t.Context(), "00000000-0000-4000-8000-000000000000"); llama.CodeOf(err) != llama.NotFound {
		t.Errorf("unknown query: %v", err)
	}
	if normal, err := c.FormatQuery(t.Context(), "error"); err != nil || normal != "error" {
		t.Errorf("format: %q, %v", normal, err)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	c := signedIn(t, &central{})
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	var gone int64
	stopped := ""
	f := client.Following{
		Filter: "error", Targets: []string{"a"}, After: []string{"a-1-7", "b-1-8"},
		Row: func(row []byte) error {
			if got = append(got, string(row)); len(got) == 2 {
				cancel()
			}
			return nil
		},
		Lost:    func(n int64) error { gone += n; return nil },
		Stopped: func(target, node, reason string) error { stopped = target + " " + node + " " + reason; return nil },
	}
	err := c.Tail(ctx, f)
	if !errors.Is(err, context.Canceled) || len(got) != 2 || got[1] != `{"_msg":"two"}` || gone != 3 || stopped != "a a-1 gone" {
		t.Errorf("got %q, lost %d, stopped %q, %v", got, gone, stopped, err)
	}
	stop := errors.New("enough")
	f.Filter, f.Targets = "", nil
	f.Row = func([]byte) error { return stop }
	if err := c.Tail(t.Context(), f); !errors.Is(err, stop) {
		t.Errorf("an emit that fails: %v", err)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	c := signedIn(t, &central{})
	targets, err := c.Targets(t.Context())
	if err != nil || len(targets) != 1 || targets[0].Nodes[0].ID != "a-1" || !targets[0].Nodes[0].LastSeen.IsZero() {
		t.Errorf("targets %+v, %v", targets, err)
	}
	collections, err := c.Collections(t.Context(), "a")
	if err != nil || len(collections) != 1 || collections[0].Events != 7 {
		t.Errorf("collections %+v, %v", collections, err)
	}
}

func TestUnknownAuthority(t *testing.T) {
	t.Parallel()
	o := start(t, &central{})
	o.CA = nil
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Session(t.Context()); llama.CodeOf(err) != llama.Invalid || !strings.Contains(err.Error(), "LLAMA_CA") {
		t.Errorf("got %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "logs.example.com", "ftp://logs.example.com", "http://logs.example.com:8080", "http://192.0.2.7", "https://", "::"} {
		if _, err := client.New(client.Options{URL: u}); llama.CodeOf(err) != llama.Invalid {
			t.Errorf("%q: got %v", u, err)
		}
	}
	for _, u := range []string{"http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:8080/", "https://logs.example.com/llama/"} {
		if _, err := client.New(client.Options{URL: u}); err != nil {
			t.Errorf("%q: got %v", u, err)
		}
	}
	if _, err := client.New(client.Options{URL: "https://x", CA: []byte("no PEM")}); llama.CodeOf(err) != llama.Invalid {
		t.Errorf("bad authority: %v", err)
	}
}
