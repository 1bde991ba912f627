// Package peers holds the tests that let programs of others send to the
// receivers: logger, rsyslog, syslog-ng, curl. A peer that is not there is
// skipped; fetch.sh unpacks those that cannot be installed side by side.
package peers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/llama-logs/llama/internal/parse"
	"github.com/llama-logs/llama/internal/pipeline"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/receive/receivetest"
)

const events = 200

// A door is a receiver under way, with the shipped parsers behind it.
type door struct {
	sink *receivetest.Sink
	addr net.Addr
	port string
}

type receiver interface {
	receivetest.Receiver
	Addr() net.Addr
}

func open(t *testing.T, transport, pki string) door {
	t.Helper()
	var r receiver
	var err error
	switch transport {
	case "udp":
		r, err = receive.OpenSyslogUDP(receive.SyslogUDPOptions{Listen: "127.0.0.1:0"})
	case "tcp":
		r, err = receive.OpenSyslogTCP(receive.SyslogTCPOptions{Listen: "127.0.0.1:0"})
	case "tls":
		r, err = receive.OpenSyslogTCP(receive.SyslogTCPOptions{Listen: "127.0.0.1:0", TLS: &receive.TLSOptions{
			Cert: pki + "/server.pem", Key: pki + "/server.key", ClientCA: pki + "/ca.pem",
		}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, r)
}

func serve(t *testing.T, r receiver) door {
	t.Helper()
	parsers, err := parse.Load(parse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sink := &receivetest.Sink{}
	p, err := pipeline.New(pipeline.Options{}, parsers, sink)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := r.Run(ctx, p.From(pipeline.Origin{})); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); all.Wait(); r.Close() })
	_, port, _ := net.SplitHostPort(r.Addr().String())
	return door{sink, r.Addr(), port}
}

// check waits for the events numbered from 0, each once and in order.
func (d door) check(t *testing.T, field, value string) {
	t.Helper()
	d.sink.Wait(t, events)
	var want []string
	for i := range events {
		want = append(want, message(i))
	}
	d.sink.Want(t, want)
	for _, e := range d.sink.Events() {
		if got, _ := e.Lookup(field); got != value {
			t.Fatalf("%s: got %q, want %q; event %+v", field, got, value, e)
		}
	}
}

func message(i int) string { return fmt.Sprintf("event %d of größe [x=\"%d\"]", i, i*i) }

// program returns where a program is, or skips the test.
func program(t *testing.T, name, hint string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skipf("%s is not installed; %s", name, hint)
	return ""
}

func file(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLogger(t *testing.T) {
	t.Parallel()
	logger := program(t, "logger", "it is part of bsdutils or util-linux")
	for _, transport := range []string{"udp", "tcp"} {
		for _, options := range []string{"--rfc3164", "--rfc5424", "--rfc5424 --octet-count", "--rfc3164 --octet-count"} {
			if transport == "udp" && strings.Contains(options, "octet") {
				continue
			}
			t.Run(transport+" "+options, func(t *testing.T) {
				t.Parallel()
				d := open(t, transport, "")
				var lines strings.Builder
				for i := range events {
					lines.WriteString(message(i) + "\n")
				}
				args := append(strings.Fields(options), "--"+transport, "--server", "127.0.0.1", "--port", d.port, "--tag", "app", "--file", file(t, t.TempDir()+"/in", lines.String()))
				if out, err := exec.Command(logger, args...).CombinedOutput(); err != nil {
					t.Fatalf("%v: %v: %s", args, err, out)
				}
				d.check(t, "process.name", "app")
			})
		}
	}
}

// A daemon forwards what comes to a socket.
type daemon struct {
	name    string
	command func(t *testing.T, dir, config string) *exec.Cmd
	config  func(dir, forward string) string
	forward []forward
}

type forward struct {
	name, transport string
	action          string // with {port} and {pki}
}

var daemons = []daemon{
	{
		name: "rsyslogd",
		command: func(t *testing.T, dir, config string) *exec.Cmd {
			return exec.Command(program(t, "rsyslogd", "apt-get install rsyslog rsyslog-openssl"), "-n", "-f", config, "-i", dir+"/pid")
		},
		config: func(dir, forward string) string {
			return `global(workDirectory="` + dir + `" DefaultNetstreamDriverCAFile="{pki}/ca.pem"
  DefaultNetstreamDriverCertFile="{pki}/client.pem" DefaultNetstreamDriverKeyFile="{pki}/client.key")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="` + dir + `/in" RateLimit.Interval="0" ParseTrusted="off" UseSysTimeStamp="off")
action(type="omfwd" target="127.0.0.1" port="{port}" ` + forward + `)
`
		},
		forward: []forward{
			{"udp", "udp", `protocol="udp" template="RSYSLOG_TraditionalForwardFormat"`},
			{"udp, RFC 5424", "udp", `protocol="udp" template="RSYSLOG_SyslogProtocol23Format"`},
			{"tcp", "tcp", `protocol="tcp" template="RSYSLOG_ForwardFormat"`},
			{"tcp, octet-counted", "tcp", `protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"`},
			{"tls, octet-counted", "tls", `protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format" ` +
				`StreamDriver="ossl" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost"`},
		},
	},
	{
		name: "syslog-ng",
		command: func(t *testing.T, dir, config string) *exec.Cmd {
			args := []string{"-F", "--no-caps", "-f", config, "-R", dir + "/persist", "-c", dir + "/control", "-p", dir + "/pid"}
			root := unpacked(t)
			if root == "" {
				return exec.Command(program(t, "syslog-ng", "test/peers/fetch.sh unpacks it"), args...)
			}
			modules, _ := filepath.Glob(root + "/usr/lib/syslog-ng/*/libafsocket.so")
			if len(modules) == 0 {
				t.Fatalf("%s holds no modules of syslog-ng", root)
			}
			c := exec.Command(root+"/usr/sbin/syslog-ng", append(args, "--module-path", filepath.Dir(modules[0]))...)
			libraries, _ := filepath.Glob(root + "/usr/lib/*")
			more, _ := filepath.Glob(root + "/lib/*")
			c.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(append(libraries, more...), ":"))
			return c
		},
		config: func(dir, forward string) string {
			return `@version: current
options { stats-freq(0); };
source in { unix-dgram("` + dir + `/in"); };
destination out { ` + forward + ` };
log { source(in); destination(out); };
`
		},
		forward: []forward{
			{"udp", "udp", `network("127.0.0.1" port({port}) transport("udp"));`},
			{"tcp", "tcp", `network("127.0.0.1" port({port}) transport("tcp"));`},
			{"tcp, octet-counted", "tcp", `syslog("127.0.0.1" port({port}) transport("tcp"));`},
			{"tls, octet-counted", "tls", `syslog("127.0.0.1" port({port}) transport("tls") tls(ca-file("{pki}/ca.pem") cert-file("{pki}/client.pem") key-file("{pki}/client.key") peer-verify(yes)));`},
		},
	},
}

// unpacked returns where fetch.sh put syslog-ng, or nothing.
func unpacked(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("LLAMA_PEERS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = cache + "/llama/peers"
	}
	if _, err := os.Stat(dir + "/syslog-ng/usr/sbin/syslog-ng"); err != nil {
		return ""
	}
	return dir + "/syslog-ng"
}

func TestDaemonsForward(t *testing.T) {
	t.Parallel()
	pki := newPKI(t)
	for _, d := range daemons {
		for _, f := range d.forward {
			t.Run(d.name+" "+f.name, func(t *testing.T) {
				t.Parallel()
				dir, err := os.MkdirTemp("", "llama") // t.TempDir's names are too long for a socket
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { os.RemoveAll(dir) })
				out := open(t, f.transport, pki)
				config := strings.NewReplacer("{port}", out.port, "{pki}", pki).Replace(d.config(dir, f.action))
				start(t, d.command(t, dir, file(t, dir+"/conf", config)), dir)
				send(t, dir+"/in")
				out.check(t, "process.name", "app")
			})
		}
	}
}

// start runs a daemon until the test ends, and shows what it said if it failed.
func start(t *testing.T, c *exec.Cmd, dir string) {
	t.Helper()
	said, err := os.Create(dir + "/said")
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout, c.Stderr, c.Dir = said, said, dir
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
		said.Close()
		if text, _ := os.ReadFile(dir + "/said"); t.Failed() {
			t.Logf("%s said:\n%s", c.Path, text)
		}
	})
}

// send gives a daemon's socket the events.
func send(t *testing.T, socket string) {
	t.Helper()
	var conn net.Conn
	receivetest.Eventually(t, "socket "+socket, func() bool {
		var err error
		conn, err = net.Dial("unixgram", socket)
		return err == nil
	})
	defer conn.Close()
	for i := range events {
		if _, err := fmt.Fprintf(conn, "<13>Nov 20 10:00:00 app: %s", message(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCurl(t *testing.T) {
	t.Parallel()
	curl := program(t, "curl", "apt-get install curl")
	dir := t.TempDir()
	h, err := receive.OpenHTTP(receive.HTTPOptions{Listen: "127.0.0.1:0", Tokens: file(t, dir+"/token", "0123456789abcdefghij\n")})
	if err != nil {
		t.Fatal(err)
	}
	d := serve(t, h)
	var lines strings.Builder
	for i := range events {
		fmt.Fprintf(&lines, "{\"_time\":\"2026-11-20T10:00:00Z\",\"message\":%q,\"process\":{\"name\":\"app\"}}\n", message(i))
	}
	out, err := exec.Command(curl, "--silent", "--show-error", "--fail", "--header", "Authorization: Bearer 0123456789abcdefghij",
		"--data-binary", "@"+file(t, dir+"/in", lines.String()), "http://"+d.addr.String()+"/insert/jsonl?collection=app").CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf(`"accepted":%d`, events)) {
		t.Fatalf("%v: %s", err, out)
	}
	d.check(t, "process.name", "app")
}
