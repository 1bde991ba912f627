package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/llama-logs/llama/internal/door"
)

// An instance is a `llama up` in a process of its own that a test starts, kills
// and starts again over the same data.
type instance struct {
	t      *testing.T
	home   string // holds the configuration and the key
	data   string
	ingest string // host:port, the same over all starts
	cmd    *exec.Cmd
	said   bytes.Buffer
}

// newInstance writes the configuration: all ports but the ingest door's are
// whatever is free. More goes below the key node.
func newInstance(t *testing.T, data string, more string) *instance {
	t.Helper()
	i := &instance{t: t, home: t.TempDir(), data: data, ingest: quietPort(t)}
	text := fmt.Sprintf("data: %s\nmaster_key: %s\nlog: {level: warn}\ncentral: {listen: 127.0.0.1:0}\nnode:\n  syslog: 127.0.0.1:0\n  ingest: %s\n%s",
		data, filepath.Join(i.home, "master.key"), i.ingest, more)
	if err := os.WriteFile(i.config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if i.cmd != nil {
			i.kill()
		}
		if t.Failed() {
			t.Logf("the process said:\n%s", i.said.String())
		}
	})
	return i
}

func (i *instance) config() string { return filepath.Join(i.home, "llama.yaml") }

// quietPort returns a free address below the ports that the system gives to
// connections, so that it stays free while the process is down.
func quietPort(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 15000+rand.IntN(15000))
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// llama returns a command line of this very program; TestMain puts it in PATH.
func (i *instance) llama(args ...string) *exec.Cmd {
	cmd := exec.Command("llama", args...)
	cmd.Env = append(os.Environ(), "HOME="+i.home, "XDG_DATA_HOME="+i.home, "XDG_CONFIG_HOME="+i.home)
	return cmd
}

// start returns when the ingest door answers.
func (i *instance) start() {
	i.t.Helper()
	i.cmd = i.llama("up", "-c", i.config())
	i.cmd.Stderr = &i.said
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	waitFor(i.t, "an answer of the ingest door", func() bool {
		resp, err := http.Get("http://" + i.ingest + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil && resp.StatusCode == http.StatusOK
	})
}

// kill ends the process at once, as a crash would.
func (i *instance) kill() {
	i.t.Helper()
	if err := i.cmd.Process.Kill(); err != nil {
		i.t.Fatalf("kill: %v", err)
	}
	i.cmd.Wait() // it was killed
	i.cmd = nil
}

// stop ends the process in order.
func (i *instance) stop() {
	i.t.Helper()
	if err := i.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		i.t.Fatal(err)
	}
	if err := i.cmd.Wait(); err != nil {
		i.t.Errorf("stop: %v", err)
	}
	i.cmd = nil
}

// door returns a client of the ingest door.
func (i *instance) door() *door.Client {
	i.t.Helper()
	token, err := readSecret(ingestTokenFile(i.data))
	if err != nil {
		i.t.Fatal(err)
	}
	return &door.Client{URL: "http://" + i.ingest, Token: token, HTTP: &http.Client{}}
}

// query asks the node's socket and returns its rows.
func (i *instance) query(text string) []map[string]any {
	i.t.Helper()
	cmd := i.llama("query", "--local", "--data", i.data, text)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		i.t.Fatalf("query %s: %v: %s", text, err, said.String())
	}
	var rows []map[string]any
	for line := range strings.Lines(out.String()) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			i.t.Fatalf("query %s: row %q: %v", text, line, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// number reads a column that may come as a number or as text.
func number(t *testing.T, v any) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(fmt.Sprint(v), 10, 64)
	if f, ok := v.(float64); ok {
		n, err = uint64(f), nil
	}
	if err != nil {
		t.Fatalf("%v is no number", v)
	}
	return n
}

// waitFor calls done every few milliseconds until it is true or patience is over.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s for %s", patience, what)
		case <-tick.C:
		}
	}
}
