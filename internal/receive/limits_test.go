package receive_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/receive/receivetest"
	"github.com/prometheus/client_golang/prometheus"
)

// certificate makes a self-signed one and returns its files, and it as a CA.
func certificate(t testing.TB) (*receive.TLSOptions, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	o := &receive.TLSOptions{Cert: t.TempDir() + "/cert.pem", Key: t.TempDir() + "/key.pem"}
	for path, block := range map[string]*pem.Block{o.Cert: {Type: "CERTIFICATE", Bytes: der}, o.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return o, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestSyslogTLSConforms(t *testing.T) {
	t.Parallel()
	o, client := certificate(t)
	receivetest.Run(t, func(t *testing.T) receivetest.Subject {
		s := openTCP(t, receive.SyslogTCPOptions{TLS: o})
		raw := dial(t, s.Addr())
		config := client.Clone()
		config.ServerName = "127.0.0.1"
		conn := tls.Client(raw, config)
		return receivetest.Subject{Receiver: s, Send: func(messages []string) error {
			_, err := io.WriteString(conn, strings.Join(messages, "\n")+"\n")
			return err
		}}
	})
}

func TestClientCertificatesAreDemanded(t *testing.T) {
	t.Parallel()
	o, client := certificate(t)
	o.ClientCA = o.Cert
	sink := &receivetest.Sink{}
	s := openTCP(t, receive.SyslogTCPOptions{TLS: o})
	run(t, s, sink)
	stranger := client.Clone()
	stranger.Certificates = nil
	conn, err := tls.Dial("tcp", s.Addr().String(), stranger)
	if err == nil { // with TLS 1.3 the refusal comes with the first read
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	if err == nil {
		t.Error("a client without certificate was let in")
	}
	conn, err = tls.Dial("tcp", s.Addr().String(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "<13>known\n")
	sink.Wait(t, 1)
	sink.Want(t, []string{"<13>known"})
}

func TestHTTPS(t *testing.T) {
	t.Parallel()
	o, client := certificate(t)
	sink := &receivetest.Sink{}
	h := openHTTP(t, receive.HTTPOptions{TLS: o})
	run(t, h, sink)
	transport := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest("POST", "https://"+h.Addr().String()+"/insert/lines?collection=a", strings.NewReader("one\ntwo\n"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 200 || answer.ProtoMajor != 2 {
		t.Errorf("got %s over %s", answer.Status, answer.Proto)
	}
	sink.Want(t, []string{"one", "two"})
}

// metric returns the value of a receiver's metric.
func metric(t testing.TB, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "llama_receive_"+name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestPeersAreLimited(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	sink := &receivetest.Sink{}
	s := openTCP(t, receive.SyslogTCPOptions{MaxPeers: 1, Env: receive.Env{Name: "dmz", Metrics: receive.NewMetrics(reg)}})
	run(t, s, sink)
	first := dial(t, s.Addr())
	io.WriteString(first, "<13>first\n")
	sink.Wait(t, 1)
	if _, err := dial(t, s.Addr()).Read(make([]byte, 1)); err == nil {
		t.Error("a second peer was let in")
	}
	if n := metric(t, reg, "refused_connections_total"); n != 1 {
		t.Errorf("%v were counted as refused, want 1", n)
	}
	first.Close()
	receivetest.Eventually(t, "end of the first peer", func() bool { return metric(t, reg, "connections") == 0 })
	io.WriteString(dial(t, s.Addr()), "<13>third\n")
	sink.Wait(t, 2)
}

func TestIdlePeersAreClosed(t *testing.T) {
	t.Parallel()
	s := openTCP(t, receive.SyslogTCPOptions{IdleAfter: 20 * time.Millisecond})
	run(t, s, &receivetest.Sink{})
	conn := dial(t, s.Addr())
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want an end", err)
	}
}

// What comes over HTTP is cut in TestLongLinesAreCut.
func TestLongMessagesAreCut(t *testing.T) {
	t.Parallel()
	long := "<13>" + strings.Repeat("x", 3<<20)
	want := []string{long[:1024], "<13>a"}
	tests := []struct {
		name string
		send func(t *testing.T, sink *receivetest.Sink)
	}{
		{"lines", func(t *testing.T, sink *receivetest.Sink) {
			s := openTCP(t, receive.SyslogTCPOptions{MaxMessage: config.KiB})
			run(t, s, sink)
			fmt.Fprintf(dial(t, s.Addr()), "%s\n<13>a\n", long)
		}},
		{"counted", func(t *testing.T, sink *receivetest.Sink) {
			s := openTCP(t, receive.SyslogTCPOptions{MaxMessage: config.KiB})
			run(t, s, sink)
			fmt.Fprintf(dial(t, s.Addr()), "%d %s5 <13>a", len(long), long)
		}},
		{"TLS", func(t *testing.T, sink *receivetest.Sink) {
			o, client := certificate(t)
			client.ServerName = "127.0.0.1"
			s := openTCP(t, receive.SyslogTCPOptions{MaxMessage: config.KiB, TLS: o})
			run(t, s, sink)
			fmt.Fprintf(tls.Client(dial(t, s.Addr()), client), "%s\n5 <13>a", long)
		}},
		{"UDP", func(t *testing.T, sink *receivetest.Sink) {
			s := openUDP(t, receive.SyslogUDPOptions{MaxMessage: config.KiB})
			run(t, s, sink)
			conn := dial(t, s.Addr())
			io.WriteString(conn, long[:1025])
			sink.Wait(t, 1)
			io.WriteString(conn, "<13>a")
		}},
		{"file", func(t *testing.T, sink *receivetest.Sink) {
			path := t.TempDir() + "/a.log"
			write(t, path, long+"\n<13>a\n")
			run(t, openFiles(t, receive.FilesOptions{Paths: []string{path}, MaxLine: config.KiB, Positions: sink}), sink)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sink := &receivetest.Sink{}
			tt.send(t, sink)
			sink.Wait(t, 2)
			sink.Want(t, want)
			for i, want := range []string{`["truncated"]`, ""} {
				if flags, _ := sink.Events()[i].Lookup("log.flags"); flags != want {
					t.Errorf("event %d: flags %q, want %q", i, flags, want)
				}
			}
		})
	}
}

func TestUDPCountsWhatItLoses(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	full := true
	sink := &receivetest.Sink{Before: func() error {
		if full {
			full = false
			return llama.Errorf(llama.Unavailable, "the disk is full")
		}
		return nil
	}}
	u := openUDP(t, receive.SyslogUDPOptions{Env: receive.Env{Metrics: receive.NewMetrics(reg)}})
	run(t, u, sink)
	conn := dial(t, u.Addr())
	io.WriteString(conn, "<13>lost\n")
	receivetest.Eventually(t, "count of the event lost", func() bool { return metric(t, reg, "dropped_events_total") == 1 })
	io.WriteString(conn, "<13>kept\x00")
	sink.Wait(t, 1)
	sink.Want(t, []string{"<13>kept"})
	if got := sink.Events()[0].Source; got != "syslog-udp 127.0.0.1" {
		t.Errorf("source %q", got)
	}
}

func TestUDPCountsWhatTheKernelDrops(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/net/udp"); err != nil {
		t.Skip("the kernel does not tell: not Linux")
	}
	reg := prometheus.NewRegistry()
	entered, release := make(chan struct{}, 1000), make(chan struct{})
	sink := &receivetest.Sink{Before: func() error {
		entered <- struct{}{}
		<-release
		return nil
	}}
	u := openUDP(t, receive.SyslogUDPOptions{Buffer: 4 * config.KiB, Env: receive.Env{Metrics: receive.NewMetrics(reg)}})
	run(t, u, sink)
	conn := dial(t, u.Addr())
	io.WriteString(conn, "<13>first")
	<-entered
	const sent = 200
	for range sent {
		io.WriteString(conn, "<13>"+strings.Repeat("x", 1000))
	}
	close(release)
	receivetest.Eventually(t, "balance of what came and what was dropped", func() bool {
		return len(sink.Events())-1+int(metric(t, reg, "kernel_dropped_datagrams_total")) == sent
	})
	if metric(t, reg, "kernel_dropped_datagrams_total") == 0 {
		t.Error("nothing was dropped; the test shows nothing")
	}
}

func TestUDPSocketsShareAPort(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/net/udp"); err != nil {
		t.Skip("not Linux")
	}
	sink := &receivetest.Sink{}
	u := openUDP(t, receive.SyslogUDPOptions{Sockets: 4})
	run(t, u, sink)
	for range 20 {
		io.WriteString(dial(t, u.Addr()), "<13>x")
	}
	sink.Wait(t, 20)
}

func TestBodiesAreLimited(t *testing.T) {
	t.Parallel()
	url := serveHTTP(t, receive.HTTPOptions{MaxBodies: 1}, &receivetest.Sink{})
	pipe, body := io.Pipe()
	r, err := http.NewRequest("POST", url+"/insert/lines?collection=a", pipe)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	done := make(chan error, 1)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	run(t, roundTrip{transport, r, done}, nil)
	io.WriteString(body, "x\n") // returns once the transport has taken it
	receivetest.Eventually(t, "refusal", func() bool {
		got := post(t, url+"/insert/lines?collection=a", "x")
		return got.status == 503 && got.header.Get("Retry-After") != ""
	})
	body.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestValidateNamesTheKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		options interface{ Validate() error }
		want    string
	}{
		{&receive.SyslogUDPOptions{Listen: ":514"}, ""},
		{&receive.SyslogUDPOptions{Listen: "514"}, `listen: "514" is not an address and a port`},
		{&receive.SyslogUDPOptions{Listen: ":514", Sockets: -1}, "sockets: -1 is out of range"},
		{&receive.SyslogUDPOptions{Listen: ":514", MaxMessage: 2 * config.MiB}, "max_message: 2MiB is out of range; from 480B to 1MiB"},
		{&receive.SyslogTCPOptions{Listen: ":514", MaxPeers: -1}, "max_peers: is negative"},
		{&receive.TLSOptions{Cert: "x"}, "key: is missing"},
		{&receive.HTTPOptions{Listen: ":80", Tokens: "x", MaxLine: config.GiB}, "max_line: 1GiB is out of range; up to 16MiB"},
		{&receive.FilesOptions{}, "paths: is missing"},
		{&receive.FilesOptions{Paths: []string{"["}}, `paths: "[" is not a pattern`},
		{&receive.FilesOptions{Paths: []string{"x"}, EventStart: "("}, "event_start: "},
	}
	for _, tt := range tests {
		err := tt.options.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%T: got %v, want %q", tt.options, err, tt.want)
		}
	}
}
