package central_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/central"
	"github.com/llama-logs/llama/internal/client"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/node"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/prometheus/client_golang/prometheus"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// until waits for something to become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// A house is central and a node, put together as one process does, in a folder
// that may be used again.
type house struct {
	t       *testing.T
	data    string
	central central.Options
	node    node.Options

	running *node.Node
	url     string
	log     *safeBuffer
	stop    func()
}

// newHouse starts a house in a new folder.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, data: filepath.Join(t.TempDir(), "data"), central: central.Default(), node: node.Default(), log: &safeBuffer{}, stop: func() {}}
	h.central.Listen, h.node.Syslog, h.node.Ingest = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	if _, err := seal.CreateKeyFile(h.keyFile()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.stop() })
	h.start()
	return h
}

func (h *house) keyFile() string { return filepath.Join(filepath.Dir(h.data), "master.key") }

func (h *house) start() {
	h.t.Helper()
	if err := h.open(); err != nil {
		h.t.Fatal(err)
	}
}

// open is start for a house that may be refused; what was opened until then is
// closed.
func (h *house) open() (err error) {
	var opened []io.Closer
	closeAll := func() (err error) {
		for i := len(opened) - 1; i >= 0; i-- {
			err = errors.Join(err, opened[i].Close())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	if files, err := fsys.Dir(h.data); err != nil {
		return err
	} else {
		opened = append(opened, files)
	}
	master, err := seal.OpenKeyFile(h.keyFile())
	if err != nil {
		return err
	}
	tokens := filepath.Join(h.data, "ingest-token")
	if _, err := receive.CreateTokenFile(tokens); err != nil {
		return err
	}
	log, registry := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), prometheus.NewRegistry()
	page := fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}}
	h.central.Env = central.Env{Data: h.data, Master: master, Page: page, Log: log, Registry: registry}
	c, err := central.Open(h.t.Context(), h.central)
	if err != nil {
		return err
	}
	opened = append(opened, c)
	h.node.Env = node.Env{
		Data: h.data, Master: master, Tokens: tokens, Socket: filepath.Join(h.data, "node.sock"), Version: "v1", Log: log, Registry: registry, TLS: c.TLS,
	}
	n, err := node.Open(h.node)
	if err != nil {
		return err
	}
	opened = append(opened, n)
	dial, err := c.Enrol(h.t.Context(), "local", n.Identity())
	if err != nil {
		return err
	}
	link, err := carrier.Open(dial, log)
	if err != nil {
		return err
	}
	opened = append(opened, link)
	ctx, cancel := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	run := func(what string, run func(context.Context) error) {
		busy.Go(func() {
			if err := run(ctx); err != nil {
				h.t.Errorf("run %s: %v", what, err)
			}
		})
	}
	run("central", c.Run)
	run("node", func(ctx context.Context) error {
		return n.Run(ctx, node.Join{Central: c.Public(), Target: "local", Link: link})
	})
	h.running, h.url = n, c.URL()
	h.stop = sync.OnceFunc(func() {
		cancel()
		busy.Wait()
		if err := closeAll(); err != nil {
			h.t.Errorf("close: %v", err)
		}
	})
	return nil
}

const password = "correct horse battery staple"

// signIn returns a client of the user admin, whose first password it changes.
func (h *house) signIn() *client.Client {
	h.t.Helper()
	c, err := client.New(client.Options{URL: h.url})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(c.Close)
	first, err := os.ReadFile(auth.InitialPasswordFile(h.data))
	if err != nil { // it has been changed
		_, err := c.SignIn(h.t.Context(), "admin", password)
		for tries := 0; llama.CodeOf(err) == llama.Throttled && tries < 300; tries++ { // others have tried wrong ones
			time.Sleep(100 * time.Millisecond)
			_, err = c.SignIn(h.t.Context(), "admin", password)
		}
		if err != nil {
			h.t.Fatal(err)
		}
		return c
	}
	old := strings.TrimSpace(string(first))
	s, err := c.SignIn(h.t.Context(), "admin", old)
	if err != nil || !s.MustChangePassword {
		h.t.Fatalf("first sign-in: %+v, %v", s, err)
	}
	if err := c.ChangePassword(h.t.Context(), old, password); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// send sends lines to the ingest door and returns when they are safe.
func (h *house) send(collection string, lines ...string) {
	h.t.Helper()
	token, err := os.ReadFile(filepath.Join(h.data, "ingest-token"))
	if err != nil {
		h.t.Fatal(err)
	}
	url := fmt.Sprintf("http://%s/insert/jsonl?collection=%s", h.running.Addr(node.KindHTTP, false), collection)
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, url, strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("send: %s %s, %v", resp.Status, answer, err)
	}
}

// syslog sends a line over TCP. It is not acknowledged.
func (h *house) syslog(line string) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.running.Addr(node.KindSyslogTCP, false).String())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		h.t.Fatal(err)
	}
}

// numbered returns n events as JSON lines.
func numbered(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"_msg":"event %d of many","n":%d,"host.name":"h%d"}`, i, i, i%10)
	}
	return lines
}

// ask asks a query and returns it as it ended, with its rows.
func ask(t *testing.T, c *client.Client, q client.Question) (client.Query, []string) {
	t.Helper()
	answer, err := c.Ask(t.Context(), q, client.Watching{})
	if err != nil {
		t.Fatalf("ask %s: %v", q.Query, err)
	}
	return answer, rowsOf(t, c, answer.ID)
}

func rowsOf(t *testing.T, c *client.Client, id string) []string {
	t.Helper()
	var rows []string
	if err := c.Rows(t.Context(), id, func(row []byte) error {
		rows = append(rows, string(row))
		return nil
	}); err != nil {
		t.Fatalf("rows of %s: %v", id, err)
	}
	return rows
}

// A safeBuffer is a buffer that many may write to at once.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
