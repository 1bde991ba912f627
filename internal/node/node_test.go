package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/seal"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// nobody is a carrier to a central that is away.
type nobody struct{}

func (nobody) Send(carrier.Message) error { return errors.New("planted: nobody is there") }

func (nobody) Run(ctx context.Context, _ carrier.Handler) error {
	<-ctx.Done()
	return nil
}

// options are those of a node in a new folder, on free ports.
func options(t *testing.T) Options {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "master.key")
	if _, err := seal.CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	master, err := seal.OpenKeyFile(key)
	if err != nil {
		t.Fatal(err)
	}
	tokens := filepath.Join(data, "ingest-token")
	if _, err := receive.CreateTokenFile(tokens); err != nil {
		t.Fatal(err)
	}
	o := Default()
	o.Syslog, o.Ingest = "127.0.0.1:0", "127.0.0.1:0"
	o.Env = Env{Data: data, Master: master, Tokens: tokens, Socket: filepath.Join(data, "node.sock"), Log: slog.New(slog.DiscardHandler)}
	return o
}

// run opens and runs a node until the test ends.
func run(t *testing.T, o Options) *Node {
	t.Helper()
	n, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	central, err := envelope.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := n.Run(ctx, Join{Central: central.Public(), Target: "local", Link: nobody{}}); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// operator returns a client of the node's socket.
func operator(t *testing.T, n *Node) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", n.o.Socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// ask posts a form to the node's socket.
func ask(t *testing.T, n *Node, path string, form url.Values) (status int, text string) {
	t.Helper()
	resp, err := operator(t, n).PostForm("http://node"+path, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// put sends JSON lines to an ingest door and returns when they are safe.
func put(t *testing.T, n *Node, c *http.Client, door string, lines ...string) {
	t.Helper()
	token, err := os.ReadFile(n.o.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, door+"/insert/jsonl?collection=app", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s, %v", resp.Status, text, err)
	}
}

func TestOperatorAsksThroughTheSocket(t *testing.T) {
	t.Parallel()
	n := run(t, options(t))
	put(t, n, http.DefaultClient, "http://"+n.Addr(KindHTTP, false).String(),
		`{"_time":"2026-01-02T00:00:00Z","_msg":"one","n":1}`, `{"_time":"2026-01-03T00:00:00Z","_msg":"two","n":2}`)
	tests := []struct {
		name   string
		form   url.Values
		status int
		want   string
	}{
		{"all", url.Values{"query": {"* | fields n"}}, 200, "{\"n\":2}\n{\"n\":1}\n"},
		{"a range", url.Values{"query": {"* | fields n"}, "start": {"2026-01-01"}, "end": {"2026-01-02T12:00:00Z"}}, 200, "{\"n\":1}\n"},
		{"a limit", url.Values{"query": {"* | fields n"}, "limit": {"1"}}, 200, "{\"n\":2}\n"},
		{"nothing", url.Values{"query": {"three"}}, 200, ""},
		{"a wrong query", url.Values{"query": {"* | limit x"}}, 400, `"column":11`},
		{"a wrong limit", url.Values{"query": {"*"}, "limit": {"-1"}}, 400, "limit: "},
		{"a wrong start", url.Values{"query": {"*"}, "start": {"soon"}}, 400, "start: "},
		{"an unknown collection", url.Values{"query": {"_collection:ap"}}, 400, `there is \"app\"`},
		{"too long a query", url.Values{"query": {strings.Repeat("x", maxForm)}}, 400, "cannot be read"},
	}
	for _, tt := range tests {
		status, text := ask(t, n, "/select/logsql/query", tt.form)
		if status != tt.status || status == 200 && text != tt.want || !strings.Contains(text, tt.want) {
			t.Errorf("%s: %d %q, want %d %q", tt.name, status, text, tt.status, tt.want)
		}
	}
}

func TestOperatorFollowsThroughTheSocket(t *testing.T) {
	t.Parallel()
	n := run(t, options(t))
	if status, text := ask(t, n, "/select/logsql/tail", url.Values{"query": {"* | limit 1"}}); status != 400 {
		t.Errorf("a query with pipes: %d %s", status, text)
	}
	resp, err := operator(t, n).PostForm("http://node/select/logsql/tail", url.Values{"query": {"wanted"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	door := "http://" + n.Addr(KindHTTP, false).String()
	rows := make(chan map[string]any, 1)
	var reading, sending sync.WaitGroup
	stop := make(chan struct{})
	reading.Go(func() {
		var row map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&row); err != nil {
			t.Errorf("read: %v", err)
		}
		rows <- row
	})
	sending.Go(func() { // the answer's headers may come before the node follows
		for {
			put(t, n, http.DefaultClient, door, `{"_msg":"other"}`, `{"_msg":"wanted"}`)
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	if row := <-rows; row["_msg"] != "wanted" {
		t.Errorf("got %v", row)
	}
	close(stop)
	sending.Wait()
	reading.Wait()
}

func TestHealthAndMetrics(t *testing.T) {
	t.Parallel()
	n := run(t, options(t))
	for path, want := range map[string]string{"/healthz": "ok\n", "/metrics": "llama_task_node_held_tasks 0"} {
		resp, err := operator(t, n).Get("http://node" + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	if info, err := os.Stat(n.o.Socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
}

func TestNumbersAreKept(t *testing.T) {
	t.Parallel()
	n := run(t, options(t))
	asked := url.Values{"query": {"metric.name:=llama_archive_stored_events_total | limit 1 | fields _collection, metric.value"}}
	want := `{"_collection":"metrics","metric.value":0}` + "\n"
	var text string
	for end := time.Now().Add(time.Minute); text != want; {
		if _, text = ask(t, n, "/metrics/query", asked); time.Now().After(end) {
			t.Fatalf("the node's numbers are %q, want %q", text, want)
		}
	}
}

func TestReceiversOfEachKind(t *testing.T) {
	t.Parallel()
	o := options(t)
	file := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Syslog, o.Ingest = "", ""
	o.Receivers = []Receiver{
		{Name: "u", SyslogUDP: &receive.SyslogUDPOptions{Listen: "127.0.0.1:0"}},
		{Name: "t", SyslogTCP: &receive.SyslogTCPOptions{Listen: "127.0.0.1:0"}},
		{Name: "h", HTTP: &receive.HTTPOptions{Listen: "127.0.0.1:0"}},
		{Name: "f", Files: &receive.FilesOptions{Paths: []string{file}}},
	}
	n := run(t, o)
	for kind, network := range map[string]string{KindSyslogUDP: "udp", KindSyslogTCP: "tcp"} {
		conn, err := net.Dial(network, n.Addr(kind, false).String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "<13>Nov 20 10:00:00 host app: over %s\n", network)
	}
	put(t, n, http.DefaultClient, "http://"+n.Addr(KindHTTP, false).String(), `{"_msg":"over http"}`)
	want := "{\"_msg\":\"from a file\"}\n{\"_msg\":\"over http\"}\n{\"_msg\":\"over tcp\"}\n{\"_msg\":\"over udp\"}\n"
	var got string
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); got != want && time.Now().Before(end); <-tick.C {
		_, got = ask(t, n, "/select/logsql/query", url.Values{"query": {"* | fields _msg | sort by (_msg)"}})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestIngestBeyondLoopbackIsTLS(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Ingest = "0.0.0.0:0"
	if n, err := Open(o); err == nil || !strings.Contains(err.Error(), "node.ingest: ") || !strings.Contains(err.Error(), "tokens must not travel in the clear") {
		t.Errorf("without a certificate: %v, %v", n, err)
	}
	ca, err := auth.OpenCA(t.TempDir(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.TLS = func() (*tls.Config, error) { return ca.TLS(), nil }
	n := run(t, o)
	if n.Addr(KindHTTP, false) != nil {
		t.Error("there is a door without TLS")
	}
	_, port, err := net.SplitHostPort(n.Addr(KindHTTP, true).String())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	put(t, n, &http.Client{Transport: transport}, "https://localhost:"+port, `{"_msg":"sealed"}`)
	if _, text := ask(t, n, "/select/logsql/query", url.Values{"query": {"* | fields _msg"}}); text != "{\"_msg\":\"sealed\"}\n" {
		t.Errorf("got %q", text)
	}
}

// TestAnswersAtOnceDoNotMix: answers have their buffers one after the other, and each what is
// its own, also behind one that broke off.
func TestAnswersAtOnceDoNotMix(t *testing.T) {
	n := run(t, options(t))
	var lines []string
	for i := range 8 {
		lines = append(lines, fmt.Sprintf(`{"_msg":"word%d %s"}`, i, strings.Repeat(fmt.Sprint(i), 1000*i)))
	}
	put(t, n, http.DefaultClient, "http://"+n.Addr(KindHTTP, false).String(), lines...)
	for i, line := range lines {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for range 10 {
				if _, text := ask(t, n, "/select/logsql/query", url.Values{"query": {fmt.Sprintf("word%d | fields _msg", i)}}); text != line+"\n" {
					t.Fatalf("%d bytes, want the %d of one message", len(text), len(line)+1)
				}
				if status, text := ask(t, n, "/select/logsql/query", url.Values{"query": {fmt.Sprintf("_collection:none%d", i)}}); status != http.StatusBadRequest || strings.Contains(text, "word") {
					t.Fatalf("of a collection that is not there: %d %s", status, text)
				}
			}
		})
	}
}

// TestBuffersOfAnswersAreCleared: what is in them may be of a day that is destroyed then.
func TestBuffersOfAnswersAreCleared(t *testing.T) {
	t.Parallel()
	n := &Node{}
	l := n.newLines(httptest.NewRecorder())
	if err := l.lines([]byte("a secret\n"), 1); err != nil {
		t.Fatal(err)
	}
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	room := l.out.AvailableBuffer()[:l.out.Size()]
	if !bytes.Contains(room, []byte("secret")) {
		t.Fatal("the buffer did not have what was written")
	}
	n.spare(l)
	if bytes.Contains(room, []byte("secret")) {
		t.Error("the buffer has what was written")
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(t *testing.T, o *Options)
		want   string
	}{
		{"a long path", func(_ *testing.T, o *Options) { o.Socket = "/tmp/" + strings.Repeat("x", 120) }, "use a data directory with a shorter path"},
		{"a node on the same data", func(t *testing.T, o *Options) { run(t, *o) }, "another process"},
		{"a port in use", func(t *testing.T, o *Options) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			o.Syslog = ""
			o.Receivers = []Receiver{{SyslogTCP: &receive.SyslogTCPOptions{Listen: l.Addr().String()}}}
		}, "node.receivers[0]: "},
		{"a token file that others read", func(t *testing.T, o *Options) {
			if err := os.Chmod(o.Tokens, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "chmod 600"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			tt.change(t, &o)
			n, err := Open(o)
			if err == nil {
				n.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one sentence with %q", err, tt.want)
			}
		})
	}
}

// TestQueryOptionsRefuse: what cannot be is refused with its name.
func TestQueryOptionsRefuse(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]QueryOptions{
		"memory: 1KiB is too little":  {Memory: config.KiB},
		"memory_all: 1MiB is less":    {Memory: 2 * config.MiB, MemoryAll: config.MiB},
		"time: -1s is negative":       {Time: -time.Second},
		"rows: -1 is negative":        {Rows: -1},
		"workers: -1 is negative; e.": {Workers: -1},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
