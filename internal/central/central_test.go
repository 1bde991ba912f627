package central_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/client"
)

func TestSecondStartFindsEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.send("app", numbered(1000)...)
	before := h.signIn()
	count := client.Question{Query: "_collection:app | stats by (host.name) count() n | sort by (host.name) | limit 2", Name: "count"}
	want := []string{`{"host.name":"h0","n":100}`, `{"host.name":"h1","n":100}`}
	asked, rows := ask(t, before, count)
	if d := cmp.Diff(want, rows); d != "" {
		t.Errorf("first start: -want +got\n%s", d)
	}
	if asked.Tasks[0].Rows != 10 || asked.Tasks[0].EventsRead != 1000 {
		t.Errorf("10 groups of 1000 events were sent; the task says %+v", asked.Tasks[0])
	}
	h.stop()
	h.start()
	if _, err := os.Stat(auth.InitialPasswordFile(h.data)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first password is not in force any more, its file: %v", err)
	}
	after := h.signIn()
	if d := cmp.Diff(want, rowsOf(t, after, asked.ID)); d != "" {
		t.Errorf("rows of the query before: -want +got\n%s", d)
	}
	again, rows := ask(t, after, count)
	if d := cmp.Diff(want, rows); d != "" || again.Tasks[0].Node != asked.Tasks[0].Node {
		t.Errorf("asked again, of node %s after %s: -want +got\n%s", again.Tasks[0].Node, asked.Tasks[0].Node, d)
	}
	if again.Tasks[0].EventsRead != 1000 { // from the disk, now or by what a start asks itself
		t.Errorf("the task has not read the 1000 events: %+v", again.Tasks[0])
	}
	until(t, "the node has said hello", func() bool { // it may answer before that
		held, err := after.Collections(t.Context(), "local")
		return err == nil && len(held) == 1 && held[0].Events == 1000 && held[0].Bytes > 0
	})
}

func TestCollectionsInTheHeadHaveASize(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.send("small", numbered(10)...)
	h.send("large", numbered(1000)...)
	held, err := h.signIn().Collections(t.Context(), "")
	if err != nil || len(held) != 2 || held[0].Name != "large" || held[1].Bytes == 0 || held[0].Bytes < 10*held[1].Bytes {
		t.Errorf("got %+v, %v", held, err)
	}
}

func TestLiveTail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.signIn()
	t.Run("begins before the first event", func(t *testing.T) {
		session, err := c.SignIn(t.Context(), "admin", password)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/api/v1/tail", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+session.Token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != ": begun\n" || err != nil {
			t.Errorf("the stream begins with %q, %v", line, err)
		}
	})
	t.Run("shows what arrives and matches", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan string, 1)
		ended := make(chan error, 1)
		var following sync.WaitGroup
		defer following.Wait()
		defer cancel() // runs before the wait
		following.Go(func() {
			ended <- c.Tail(ctx, client.Following{Filter: "wanted", Row: func(row []byte) error {
				select {
				case first <- string(row):
				default:
				}
				return nil
			}})
		})
		var row string
		until(t, "an event is shown", func() bool { // those before the node follows are not
			h.syslog("<13>Nov 20 10:00:00 host app: other")
			h.syslog("<13>Nov 20 10:00:00 host app: wanted")
			select {
			case row = <-first:
				return true
			case err := <-ended:
				t.Fatalf("the tail ended: %v", err)
			default:
			}
			return false
		})
		var event map[string]any
		if err := json.Unmarshal([]byte(row), &event); err != nil || event["_msg"] != "wanted" || event["host.name"] != "host" {
			t.Errorf("got %s, %v", row, err)
		}
	})
}

func TestUnknownNamesAreAnsweredWithNearOnes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.send("sshd", `{"_msg":"x"}`)
	c := h.signIn()
	q, err := c.Ask(t.Context(), client.Question{Query: "_collection:shd"}, client.Watching{})
	if err != nil || q.State != "failed" || !strings.Contains(q.Tasks[0].Error, `there is no collection "shd"; there is "sshd"`) {
		t.Errorf("a collection: %+v, %v", q, err)
	}
	_, err = c.Ask(t.Context(), client.Question{Query: "*", Targets: []string{"locl"}}, client.Watching{})
	if llama.CodeOf(err) != llama.NotFound || !strings.Contains(err.Error(), `"local"`) {
		t.Errorf("a target: %v", err)
	}
	_, err = c.Ask(t.Context(), client.Question{Query: "* | limit x"}, client.Watching{})
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Column != 11 {
		t.Errorf("a query: %v", err)
	}
}

func TestCancelEndsTheWorkAtTheNode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for range 5 {
		h.send("app", numbered(10_000)...)
	}
	c := h.signIn()
	// Its rows are many: the node has to wait for central again and again.
	slow := client.Question{Query: "_collection:app | sort by (n) | fields n, _msg, _time, _id"}
	ended := ""
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		q, err := c.Ask(ctx, slow, client.Watching{State: func(q client.Query) {
			if q.State == "running" {
				cancel()
			}
		}})
		cancel()
		if err == nil {
			continue // it was too quick
		}
		if q, err = c.Query(t.Context(), q.ID); err != nil {
			t.Fatal(err)
		}
		if ended = q.State; ended == "cancelled" {
			break
		}
	}
	if ended != "cancelled" {
		t.Fatalf("the query ended as %q, want cancelled", ended)
	}
	until(t, "the node holds no task", func() bool { return metric(t, h, "llama_task_node_held_tasks") == "0" })
}

func TestQueryGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.send("app", numbered(5_000)...)
	c := h.signIn()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ids := make(chan string, 1)
	var asking sync.WaitGroup
	asking.Go(func() {
		// It cannot tell when the process goes; it is asked for again below.
		c.Ask(ctx, client.Question{Query: "_collection:app | sort by (n) | fields n"}, client.Watching{State: func(q client.Query) {
			select {
			case ids <- q.ID:
			default:
			}
		}})
	})
	id := <-ids
	h.stop()
	h.start()
	again := h.signIn()
	var q client.Query
	until(t, "the query has ended", func() bool {
		var err error
		if q, err = again.Query(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return q.State != "queued" && q.State != "delivered" && q.State != "running"
	})
	rows := rowsOf(t, again, id)
	if q.State != "done" || len(rows) != 5_000 || rows[0] != `{"n":0}` || rows[4_999] != `{"n":4999}` {
		t.Errorf("state %s, %d rows, %+v", q.State, len(rows), q.Tasks)
	}
	cancel()
	asking.Wait()
}

func TestResultsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.stop()
	h.central.Results.Lifetime = time.Second
	h.start()
	c := h.signIn()
	h.send("app", numbered(10)...)
	q, rows := ask(t, c, client.Question{Query: "_collection:app"})
	if len(rows) != 10 {
		t.Fatalf("%d rows", len(rows))
	}
	until(t, "the query is gone", func() bool {
		_, err := c.Query(t.Context(), q.ID)
		return llama.CodeOf(err) == llama.NotFound
	})
	if err := c.Rows(t.Context(), q.ID, func([]byte) error { return nil }); llama.CodeOf(err) != llama.NotFound {
		t.Errorf("its rows: %v", err)
	}
}

func TestMetricsAndHealth(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.send("app", numbered(5)...)
	ask(t, h.signIn(), client.Question{Query: "*"})
	for name, want := range map[string]string{
		"llama_archive_stored_events_total":                   "5",
		`llama_task_central_queries_total{state="done"}`:      "1",
		`llama_task_node_tasks_total{state="done"}`:           "1",
		`llama_api_sign_ins_total{outcome="ok"}`:              "1",
		`llama_receive_rejected_lines_total{receiver="http"}`: "0",
	} {
		if got := metric(t, h, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	resp, err := http.Get(h.url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "ok\n" {
		t.Errorf("/healthz says %q, %v", text, err)
	}
}

func TestNumbersAreKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.signIn()
	until(t, "central's numbers are kept", func() bool {
		rows := records(t, c, "/metrics", "metric.name:=llama_task_central_live_queries | limit 1 | fields _collection, metric.value")
		return len(rows) == 1 && rows[0] == `{"_collection":"metrics","metric.value":0}`
	})
	if rows := records(t, c, "/audit", "metric.name:*"); len(rows) != 0 {
		t.Errorf("the audit log has numbers: %q", rows)
	}
	if rows := records(t, c, "/metrics", "event.action:*"); len(rows) != 0 {
		t.Errorf("the numbers have the audit log: %q", rows)
	}
}

// records asks what central keeps of itself.
func records(t *testing.T, c *client.Client, path, query string) (rows []string) {
	t.Helper()
	err := c.Lines(t.Context(), path+"?"+url.Values{"query": {query}}.Encode(), func(line []byte) error {
		rows = append(rows, strings.TrimSpace(string(line)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// metric returns a metric's value as text, "" when it is not there.
func metric(t *testing.T, h *house, name string) string {
	t.Helper()
	resp, err := http.Get(h.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.send("app", numbered(5)...)
	seen := map[string]bool{}
	err := filepath.WalkDir(h.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		seen[d.Name()] = true
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v; others may read it", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"session.key", "initial-admin-password", "ingest-token", "keyring", "identity", "central.db", "central.db-wal", "node.sock"} {
		if !seen[name] {
			t.Errorf("%s was not looked at", name)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	other := filepath.Join(t.TempDir(), "other.key")
	tests := []struct {
		name   string
		damage func(t *testing.T, h *house)
		want   string
	}{
		{"another key", func(t *testing.T, h *house) { replaceKey(t, h, other) }, "master key"},
		{"a newer keyring", func(t *testing.T, h *house) { overwrite(t, filepath.Join(h.data, "central", "keyring"), 8, 9) }, "version 9"},
		{"a newer database", newerDatabase, "version 999"},
		{"a newer archive", func(t *testing.T, h *house) { overwrite(t, filepath.Join(h.data, "node", "archive", "keyring"), 8, 9) }, "version 9"},
		{"the page's port in use", func(t *testing.T, h *house) { h.central.Listen = taken(t) }, "central.listen: "},
		{"the syslog port in use", func(t *testing.T, h *house) { h.node.Syslog = taken(t) }, "node.syslog: "},
		{"the ingest port in use", func(t *testing.T, h *house) { h.node.Ingest = taken(t) }, "node.ingest: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.t = t
			h.send("app", numbered(5)...)
			h.stop()
			tt.damage(t, h)
			before := files(t, h.data)
			err := h.open()
			if err == nil {
				h.stop()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one sentence with %q", err, tt.want)
			}
			if d := cmp.Diff(before, files(t, h.data)); d != "" {
				t.Errorf("files changed: -before +after\n%s", d)
			}
		})
	}
}

func TestDataHasOneProcess(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second := *h
	err := second.open()
	if err == nil {
		second.stop()
		t.Fatal("a second one opened the same data")
	}
	if !strings.Contains(err.Error(), "another") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q", err)
	}
	if _, rows := ask(t, h.signIn(), client.Question{Query: "* | stats count() n"}); !slices.Equal(rows, []string{`{"n":0}`}) {
		t.Errorf("the first answers %v", rows)
	}
}

// files returns the content of all files below dir, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = fmt.Sprintf("%x", content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
