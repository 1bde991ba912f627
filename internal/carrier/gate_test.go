package carrier_test

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
	"time"

	"github.com/nats-io/nats.go"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/carrier/carriertest"
	"github.com/llama-logs/llama/internal/envelope"
)

// built is the folder of what natsServer built; empty before.
var built string

// natsServer builds the NATS server's own program, once.
var natsServer = sync.OnceValues(func() (string, error) {
	var err error
	if built, err = os.MkdirTemp("", "llama-nats-"); err != nil {
		return "", err
	}
	binary := filepath.Join(built, "nats-server")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/nats-io/nats-server/v2").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// A cluster is NATS servers that are programs of their own, with the gate that
// they ask.
type cluster struct {
	t       *testing.T
	urls    []string
	servers []*exec.Cmd
	members *carrier.Members
	central carrier.Key
}

// newCluster starts so many servers with what Config prints, and central's gate.
func newCluster(t *testing.T, size int) *cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the NATS server")
	}
	binary, err := natsServer()
	if err != nil {
		t.Skipf("the NATS server cannot be built here: %v", err)
	}
	c := &cluster{t: t}
	own, err := envelope.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if c.central, err = carrier.KeyOf(own); err != nil {
		t.Fatal(err)
	}
	secrets, err := carrier.SecretsOf(own)
	if err != nil {
		t.Fatal(err)
	}
	c.members = carrier.NewMembers(c.central.Public())
	var routes []string
	for range size {
		routes = append(routes, freePort(t))
	}
	for i := range size {
		c.start(binary, i, secrets.Config(), routes)
	}
	gate, err := carrier.OpenGate(carrier.Dial{URLs: c.urls}, secrets, c.members, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { gate.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		gate.Close()
	})
	return c
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (c *cluster) start(binary string, i int, llama string, routes []string) {
	c.t.Helper()
	dir := c.t.TempDir()
	config := "include \"llama.conf\"\nserver_name: n" + fmt.Sprint(i) + "\n"
	if len(routes) > 1 {
		config += "cluster {\n  name: llama\n  listen: \"" + routes[i] + "\"\n  routes: [ " + "nats://" + strings.Join(routes, ", nats://") + " ]\n}\n"
	}
	for name, text := range map[string]string{"llama.conf": llama, "nats.conf": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	log := filepath.Join(dir, "log")
	cmd := exec.Command(binary, "-c", filepath.Join(dir, "nats.conf"), "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", dir, "-l", log)
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.servers = append(c.servers, cmd)
	c.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if said, err := os.ReadFile(log); err == nil && c.t.Failed() {
			c.t.Logf("server %d said:\n%s", i, said)
		}
	})
	c.urls = append(c.urls, urlIn(c.t, filepath.Join(dir, fmt.Sprintf("nats-server_%d.ports", cmd.Process.Pid))))
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

// node admits a node with a new key, and returns how it connects, first to the
// given server.
func (c *cluster) node(id string, first int) carrier.Dial {
	c.t.Helper()
	key := newKey()
	if err := c.members.Put(id, key.Public()); err != nil {
		c.t.Fatal(err)
	}
	return carrier.Dial{URLs: append([]string{c.urls[first]}, c.urls...), Key: key, Node: id}
}

func (c *cluster) Central() carrier.Dial { return carrier.Dial{URLs: c.urls, Key: c.central} }

// TestElsewhere runs the suite over a NATS server that is a program of its own.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	carriertest.Run(t, func(t *testing.T) carriertest.Network {
		c := newCluster(t, 1)
		return carriertest.Network{
			Central: link(t, c.Central()),
			Node:    func(id string) carriertest.Link { return link(t, c.node(id, 0)) },
		}
	})
}

func TestClusterLosesAMember(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	central := carriertest.Start(t, link(t, c.Central()))
	nodes := map[string]*carriertest.End{}
	for i, id := range []string{"a", "b", "c"} {
		nodes[id] = carriertest.Start(t, link(t, c.node(id, i)))
	}
	lost := c.servers[0]
	lost.Process.Kill()
	lost.Wait()
	// Whoever was there connects to another, and all hear each other. What is sent
	// meanwhile may be lost, as over any carrier.
	for id, n := range nodes {
		until(t, "a task arrives at "+id, func() bool {
			central.Send(carrier.Message{Node: id, Kind: carrier.Task, Data: []byte("for " + id)})
			return n.Has("for " + id)
		})
		until(t, "a frame of "+id+" arrives", func() bool {
			n.Send(carrier.Message{Kind: carrier.Frame, Data: []byte("from " + id)})
			return central.Has("from " + id)
		})
	}
	// A node that is new finds the gate through those that are left.
	late := carriertest.Start(t, link(t, c.node("late", 1)))
	until(t, "a late node is heard", func() bool {
		late.Send(carrier.Message{Kind: carrier.Hello, Data: []byte("late")})
		return central.Has("late")
	})
}

func TestRevokedIsShutOutElsewhere(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	for i := range c.servers {
		id := fmt.Sprintf("n%d", i)
		d := c.node(id, i)
		lost := make(chan struct{}, 1)
		conn := until1(t, "the node is let in", func() (*nats.Conn, error) {
			return nats.Connect(c.urls[i], carrier.Nkey(d.Key), nats.NoReconnect(), nats.Timeout(10*time.Second),
				nats.ClosedHandler(func(*nats.Conn) { lost <- struct{}{} }))
		})
		defer conn.Close()
		if err := c.members.Remove(id); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		select {
		case <-lost:
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("its connection ended after %v", took)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("a revoked node stays connected")
		}
		if conn, err := nats.Connect(c.urls[i], carrier.Nkey(d.Key), nats.Timeout(10*time.Second)); err == nil {
			conn.Close()
			t.Error("a revoked node is let in")
		}
	}
	if conn, err := nats.Connect(c.urls[0], carrier.Nkey(newKey())); err == nil {
		conn.Close()
		t.Error("a stranger is let in")
	}
	if conn, err := nats.Connect(c.urls[0]); err == nil {
		conn.Close()
		t.Error("who shows nothing is let in")
	}
}

// until waits for something to become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	until1(t, what, func() (struct{}, error) {
		if is() {
			return struct{}{}, nil
		}
		return struct{}{}, fmt.Errorf("not yet")
	})
}

// until1 waits for something that can be had.
func until1[T any](t *testing.T, what string, get func() (T, error)) T {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(40 * time.Second); ; <-tick.C {
		got, err := get()
		if err == nil {
			return got
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not after 40s: %v", what, err)
		}
	}
}
