package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// peerServer is VictoriaLogs over a folder of its own. What fields make a stream
// decides how fast and small it is; the best for the corpora here is the program
// alone, and for some questions host and program.
type peerServer struct {
	program string
	label   string // the column's heading
	dir     string
	streams []string // fields of JSON lines that make a stream
	proc    *process
	client  *http.Client
	http    string // host:port
	syslog  string // host:port
}

// The heading of the peer by what it is given: its syslog path keeps the header's
// fields only, its JSON path is given what LLAMA's parsers find.
const (
	peerSyslog = "VL syslog"
	peerJSON   = "VL JSON"
)

func (o *options) newPeer(dir, label string, streams ...string) *peerServer {
	return &peerServer{program: o.peer, label: label, dir: dir, streams: streams, client: &http.Client{}}
}

func (s *peerServer) name() string      { return s.label }
func (s *peerServer) home() string      { return s.dir }
func (s *peerServer) keeps() string     { return filepath.Join(s.dir, "store") }
func (s *peerServer) running() *process { return s.proc }

func (s *peerServer) spawn(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.http, err = freePort(); err != nil {
		return err
	}
	if s.syslog, err = freePort(); err != nil {
		return err
	}
	s.client.CloseIdleConnections() // to the process before
	s.proc, err = startProcess(ctx, filepath.Join(s.dir, "said"), s.program,
		"-storageDataPath="+s.keeps(), "-retentionPeriod=100y", "-futureRetention=100y", "-loggerLevel=WARN",
		"-httpListenAddr="+s.http, "-search.maxQueryDuration=5m",
		"-syslog.listenAddr.tcp="+s.syslog, "-syslog.timezone=UTC", `-syslog.streamFields.tcp=["app_name"]`)
	return err
}

func (s *peerServer) start(ctx context.Context) error {
	if err := s.spawn(ctx); err != nil {
		return err
	}
	return s.proc.until(ctx, func() error {
		resp, err := s.client.Get("http://" + s.http + "/health")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

func (s *peerServer) ask(ctx context.Context, q ask) (answer, error) {
	return post(ctx, s.client, "http://"+s.http+"/select/logsql/query", q)
}

func (s *peerServer) stored(context.Context) (uint64, error) { return 0, errors.ErrUnsupported }

// insert is where it takes JSON lines.
func (s *peerServer) insert() string {
	return "http://" + s.http + "/insert/jsonline?" + url.Values{
		"_stream_fields": {strings.Join(s.streams, ",")}, "_time_field": {"_time"}, "_msg_field": {"_msg"},
	}.Encode()
}

// freePort returns an address that nothing listens on. Another program may take
// it before it is used; the server then says so.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
