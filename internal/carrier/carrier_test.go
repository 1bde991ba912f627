package carrier_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/carrier/carriertest"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A place is a broker with who may connect.
type place struct {
	*carrier.Broker
	members *carrier.Members
	central carrier.Key
}

func newKey() carrier.Key {
	seed := make([]byte, carrier.SeedSize)
	rand.Read(seed)
	return carrier.NewKey(seed)
}

func broker(t *testing.T, o carrier.BrokerOptions) *place {
	t.Helper()
	central := newKey()
	members := carrier.NewMembers(central.Public())
	b, err := carrier.OpenBroker(o, members, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return &place{b, members, central}
}

func (p *place) Central() carrier.Dial { return p.Dial(p.central, "") }

func link(t *testing.T, d carrier.Dial) *carrier.Link {
	t.Helper()
	l, err := carrier.Open(d, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// node admits a node with a new key.
func node(t *testing.T, p *place, id string) carrier.Dial {
	t.Helper()
	key := newKey()
	if err := p.members.Put(id, key.Public()); err != nil {
		t.Fatal(err)
	}
	return p.Dial(key, id)
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

// TestWebSocket runs the suite as WebSocket behind another server, as the page's
// port has it.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	carriertest.Run(t, func(t *testing.T) carriertest.Network {
		b := broker(t, carrier.BrokerOptions{WebSocket: true})
		front := httptest.NewTLSServer(b.WebSocket())
		t.Cleanup(front.Close)
		way := carrier.Way{TLS: &tls.Config{RootCAs: pool(front)}}
		return carriertest.Network{
			Central: link(t, b.Central()),
			Node: func(id string) carriertest.Link {
				d := node(t, b, id)
				return link(t, carrier.Dial{URLs: []string{"wss" + strings.TrimPrefix(front.URL, "https") + "/carrier/ws"}, Key: d.Key, Node: id, Way: way})
			},
			Cut: b.Cut,
		}
	})
}

// TestRequests runs the suite over HTTPS requests, the other nodes over NATS.
func TestRequests(t *testing.T) {
	t.Parallel()
	carriertest.Run(t, func(t *testing.T) carriertest.Network {
		b := broker(t, carrier.BrokerOptions{})
		door := carrier.NewDoor(b.members)
		front := httptest.NewTLSServer(door)
		t.Cleanup(front.Close)
		way := carrier.Way{TLS: &tls.Config{RootCAs: pool(front)}}
		return carriertest.Network{
			Central: both{carrier.NewBoth(link(t, b.Central()), door)},
			Node: func(id string) carriertest.Link {
				d := node(t, b, id)
				if id != "a" {
					return link(t, d)
				}
				p, err := carrier.OpenPoll(carrier.Dial{URLs: []string{front.URL + "/carrier/poll"}, Key: d.Key, Way: way}, quiet())
				if err != nil {
					t.Fatal(err)
				}
				return p
			},
		}
	})
}

// both closes nothing: what it joins is closed with its broker.
type both struct{ *carrier.Both }

func (both) Close() error { return nil }

func pool(s *httptest.Server) *x509.CertPool {
	trusted := x509.NewCertPool()
	trusted.AddCert(s.Certificate())
	return trusted
}

func TestStrangersAndRevokedAreShutOut(t *testing.T) {
	t.Parallel()
	b := broker(t, carrier.BrokerOptions{Host: "127.0.0.1", Port: -1})
	old := node(t, b, "a")
	closed := make(chan struct{})
	conn, err := nats.Connect(b.URL(), carrier.Nkey(old.Key), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := b.members.Remove("a"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("a revoked node stays connected")
	}
	fresh := node(t, b, "a")
	public, _ := nkeys.Encode(nkeys.PrefixByteUser, fresh.Key.Public())
	tests := []struct {
		name string
		with nats.Option
		ok   bool
	}{
		{"nobody", nats.Name("nobody"), false},
		{"a password", nats.UserInfo("a", "a"), false},
		{"central's name", nats.UserInfo("central", ""), false},
		{"a stranger's key", carrier.Nkey(newKey()), false},
		{"the revoked key", carrier.Nkey(old.Key), false},
		{"a key without its private half", nats.Nkey(string(public), func(nonce []byte) ([]byte, error) { return newKey().Sign(nonce), nil }), false},
		{"a signature of something else", nats.Nkey(string(public), func([]byte) ([]byte, error) { return fresh.Key.Sign([]byte("yesterday's nonce")), nil }), false},
		{"the right one", carrier.Nkey(fresh.Key), true},
	}
	for _, tt := range tests {
		conn, err := nats.Connect(b.URL(), tt.with)
		if (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want let in: %v", tt.name, err, tt.ok)
		}
		if err == nil {
			conn.Close()
		}
	}
	for _, id := range []string{"", "central", "a.b", "*", "A"} {
		if err := b.members.Put(id, newKey().Public()); err == nil {
			t.Errorf("%q was taken for a node's id", id)
		}
	}
	if err := b.members.Put("b", fresh.Key.Public()); err == nil {
		t.Error("two nodes have one key")
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

func TestBrokerSpeaksTLS13Only(t *testing.T) {
	t.Parallel()
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	t.Cleanup(certificate.Close)
	b := broker(t, carrier.BrokerOptions{Host: "127.0.0.1", Port: -1, TLS: certificate.TLS})
	d := node(t, b, "a")
	for version, ok := range map[uint16]bool{tls.VersionTLS12: false, tls.VersionTLS13: true} {
		conn, err := nats.Connect(b.URL(), carrier.Nkey(d.Key), nats.Secure(&tls.Config{RootCAs: pool(certificate), MaxVersion: version}))
		if (err == nil) != ok {
			t.Errorf("%s: got %v, want let in: %v", tls.VersionName(version), err, ok)
		}
		if err == nil {
			conn.Close()
		}
	}
	if conn, err := nats.Connect("nats://"+strings.TrimPrefix(b.URL(), "tls://"), carrier.Nkey(d.Key)); err == nil {
		if _, err := conn.TLSConnectionState(); err != nil {
			t.Error("it was let in without TLS")
		}
		conn.Close()
	}
}
