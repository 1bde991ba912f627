package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// llamaServer is `llama up` over a folder of its own.
type llamaServer struct {
	program string
	dir     string // holds the configuration, the master key and the data
	more    string // configuration below node:
	proc    *process
	client  *http.Client // asks the operator's socket
	at      struct {
		PID    int    `json:"pid"`
		Syslog string `json:"syslog"` // host:port
		Ingest string `json:"ingest"` // host:port
	}
	token string // of the ingest door
}

// build builds the program, unless one is given, as a release is built.
func (o *options) build(ctx context.Context) error {
	if o.llama != "" {
		return nil
	}
	o.llama = filepath.Join(o.temporary, "llama-program") // not where its data goes
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "timetzdata", "-ldflags", "-s -w",
		"-o", o.llama, "github.com/llama-logs/llama/cmd/llama")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build llama: %w: %s", err, out)
	}
	return nil
}

func (o *options) newLlama(dir string) *llamaServer {
	s := &llamaServer{program: o.llama, dir: dir, more: o.config}
	s.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(s.data(), "node.sock"))
	}}}
	return s
}

func (s *llamaServer) name() string      { return "llama" }
func (s *llamaServer) home() string      { return s.dir }
func (s *llamaServer) data() string      { return filepath.Join(s.dir, "data") }
func (s *llamaServer) keeps() string     { return filepath.Join(s.data(), "node") }
func (s *llamaServer) running() *process { return s.proc }

// spawn starts the process and waits for nothing.
func (s *llamaServer) spawn(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	config := fmt.Sprintf("data: %q\nmaster_key: %q\nlog: {level: warn}\ncentral: {listen: 127.0.0.1:0}\n"+
		"node:\n  syslog: 127.0.0.1:0\n  ingest: 127.0.0.1:0\n  parsers: {zone: UTC}\n", s.data(), filepath.Join(s.dir, "master.key"))
	for line := range strings.Lines(s.more) {
		config += "  " + strings.TrimRight(line, "\n") + "\n"
	}
	file := filepath.Join(s.dir, "llama.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	s.client.CloseIdleConnections() // to the process before
	var err error
	s.proc, err = startProcess(ctx, filepath.Join(s.dir, "said"), s.program, "up", "-c", file)
	return err
}

func (s *llamaServer) start(ctx context.Context) error {
	if err := s.spawn(ctx); err != nil {
		return err
	}
	if err := s.proc.until(ctx, s.readAddresses); err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(s.data(), "ingest-token"))
	s.token = strings.TrimSpace(string(token))
	return err
}

// readAddresses reads where the process listens; the file of one that was killed
// does not count.
func (s *llamaServer) readAddresses() error {
	text, err := os.ReadFile(filepath.Join(s.data(), "listening.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &s.at); err != nil {
		return err
	}
	if s.at.PID != s.proc.cmd.Process.Pid {
		return fs.ErrNotExist
	}
	return nil
}

func (s *llamaServer) ask(ctx context.Context, q ask) (answer, error) {
	return post(ctx, s.client, "http://node/select/logsql/query", q)
}

// stored reads the counter of the archive, which counts what is synced.
func (s *llamaServer) stored(ctx context.Context) (uint64, error) {
	n, err := s.metric(ctx, "llama_archive_stored_events_total")
	return uint64(n), err
}

func (s *llamaServer) metric(ctx context.Context, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://node/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	found := errors.New("there is no metric " + name)
	var value float64
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			value, found = strconv.ParseFloat(text, 64)
		}
	}
	return value, errors.Join(lines.Err(), found)
}
