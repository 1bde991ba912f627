package carrier_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/carrier/carriertest"
)

func broker(t *testing.T, o carrier.BrokerOptions) *carrier.Broker {
	t.Helper()
	b, err := carrier.OpenBroker(o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func link(t *testing.T, d carrier.Dial) *carrier.Link {
	t.Helper()
	l, err := carrier.Open(d, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func node(t *testing.T, b *carrier.Broker, id string) carrier.Dial {
	t.Helper()
	d, err := b.Node(id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	carriertest.Run(t, func(t *testing.T) carriertest.Network {
		b := broker(t, carrier.BrokerOptions{})
		return carriertest.Network{
			Central: link(t, b.Central()),
			Node:    func(id string) carriertest.Link { return link(t, node(t, b, id)) },
			Cut:     b.Cut,
		}
	})
}

// TestExternal runs the suite over a NATS server that is a program of its own.
func TestExternal(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the NATS server")
	}
	binary := filepath.Join(t.TempDir(), "nats-server")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		t.Skipf("the NATS server cannot be built here: %v: %s", err, out)
	}
	carriertest.Run(t, func(t *testing.T) carriertest.Network {
		url := external(t, binary)
		dial := func(user, node string) *carrier.Link {
			return link(t, carrier.Dial{URLs: []string{url}, User: user, Password: "secret", Node: node})
		}
		return carriertest.Network{
			Central: dial("central", ""),
			Node:    func(id string) carriertest.Link { return dial(id, id) },
		}
	})
}

// external runs a server that lets in central and the nodes a and b, and
// returns its address.
func external(t *testing.T, binary string) string {
	t.Helper()
	dir := t.TempDir()
	var config strings.Builder
	config.WriteString("authorization { users: [\n{user: central, password: secret, permissions: {publish: \"down.>\", subscribe: [\"up.>\"]}}\n")
	for _, id := range []string{"a", "b"} {
		fmt.Fprintf(&config, "{user: %s, password: secret, permissions: {publish: \"up.%s.>\", subscribe: [\"down.%s.>\"]}}\n", id, id, id)
	}
	config.WriteString("] }\n")
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-c", file, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	ports := filepath.Join(dir, fmt.Sprintf("nats-server_%d.ports", cmd.Process.Pid))
	return urlIn(t, ports)
}

func urlIn(t *testing.T, file string) string {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		data, err := os.ReadFile(file)
		if _, rest, ok := strings.Cut(string(data), "nats://"); err == nil && ok {
			address, _, _ := strings.Cut(rest, `"`)
			return "nats://" + address
		}
		<-tick.C
	}
	t.Fatal("the NATS server does not come up")
	return ""
}

// TestHostileNode proves that a node with right credentials and its own client
// reaches nothing but its own subjects.
func TestHostileNode(t *testing.T) {
	t.Parallel()
	b := broker(t, carrier.BrokerOptions{Host: "127.0.0.1", Port: -1})
	central := carriertest.Start(t, link(t, b.Central()))
	victim := carriertest.Start(t, link(t, node(t, b, "victim")))
	d := node(t, b, "hostile")

	refused := make(chan error, 100)
	conn, err := nats.Connect(b.URL(), nats.UserInfo(d.User, d.Password), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		refused <- err
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	subscriptions := []string{">", "*.*.*", "down.>", "down.*.*", "down.victim.*", "down.victim.task", "up.>", "up.victim.*", "up.hostile.*",
		"_INBOX.>", "_INBOX_victim.>", "_INBOX_central.>", "$SYS.>", "$JS.>"}
	spied := make(chan *nats.Msg, 100)
	for _, s := range subscriptions {
		if _, err := conn.ChanSubscribe(s, spied); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ChanQueueSubscribe(s, "queue", spied); err != nil {
			t.Fatal(err)
		}
	}
	publications := []string{"up.victim.hello", "up.victim.frame", "down.victim.task", "down.hostile.task", "down.victim.cancel", "_INBOX_victim.x", "$SYS.REQ.SERVER.PING", "$JS.API.INFO", "up"}
	for _, p := range publications {
		if err := conn.PublishRequest(p, "down.victim.task", []byte("forged")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2*len(subscriptions) + len(publications) {
		select {
		case err := <-refused:
			if !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
				t.Errorf("got %v, want a violation", err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%d things were refused, want %d", i, 2*len(subscriptions)+len(publications))
		}
	}
	if err := central.Send(carrier.Message{Node: "victim", Kind: carrier.Task, Data: []byte("secret")}); err != nil {
		t.Fatal(err)
	}
	if err := victim.Send(carrier.Message{Kind: carrier.Frame, Data: []byte("secret")}); err != nil {
		t.Fatal(err)
	}
	if got := victim.Received(t, 1); string(got[0].Data) != "secret" || len(got) != 1 {
		t.Errorf("the victim got %q", got)
	}
	if got := central.Received(t, 1); string(got[0].Data) != "secret" || len(got) != 1 {
		t.Errorf("central got %q", got)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-spied:
		t.Errorf("it read %s", m.Subject)
	default:
	}
}

func TestStrangersAndRevokedAreShutOut(t *testing.T) {
	t.Parallel()
	b := broker(t, carrier.BrokerOptions{Host: "127.0.0.1", Port: -1})
	old := node(t, b, "a")
	closed := make(chan struct{})
	conn, err := nats.Connect(b.URL(), nats.UserInfo(old.User, old.Password), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b.Revoke("a")
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("a revoked node stays connected")
	}
	fresh := node(t, b, "a")
	tests := []struct {
		name, user, password string
		ok                   bool
	}{
		{"nobody", "", "", false},
		{"a stranger", "b", "b", false},
		{"no password", "a", "", false},
		{"the revoked password", "a", old.Password, false},
		{"another's name", "central", fresh.Password, false},
		{"the right one", "a", fresh.Password, true},
	}
	for _, tt := range tests {
		conn, err := nats.Connect(b.URL(), nats.UserInfo(tt.user, tt.password))
		if (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want let in: %v", tt.name, err, tt.ok)
		}
		if err == nil {
			conn.Close()
		}
	}
	for _, id := range []string{"", "central", "a.b", "*", "A"} {
		if _, err := b.Node(id); err == nil {
			t.Errorf("%q was taken for a node's id", id)
		}
	}
}

func TestNoPortByDefault(t *testing.T) {
	t.Parallel()
	b := broker(t, carrier.BrokerOptions{})
	if url := b.URL(); url != "" {
		t.Errorf("listens on %s", url)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l := link(t, broker(t, carrier.BrokerOptions{}).Central())
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx, carrier.Handler{Message: func(carrier.Message) {}, Connected: func() {}}); err != nil {
		t.Error(err)
	}
}
