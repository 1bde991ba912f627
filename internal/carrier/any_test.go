package carrier_test

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/carrier/carriertest"
)

// A site lets out what goes through its HTTP proxy, which takes CONNECT and wants
// a password, and counts what it lets out.
type proxy struct {
	url    *url.URL
	passed atomic.Int64
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	p := &proxy{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("site:open sesame"))
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != want {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer to.Close()
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer from.Close()
		p.passed.Add(1)
		io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n")
		var both sync.WaitGroup
		defer both.Wait()
		both.Go(func() { io.Copy(to, from); to.Close() })
		io.Copy(from, to)
		from.Close()
	}))
	t.Cleanup(server.CloseClientConnections)
	var err error
	if p.url, err = url.Parse(server.URL); err != nil {
		t.Fatal(err)
	}
	p.url.User = url.UserPassword("site", "open sesame")
	return p
}

// TestNodeTakesTheWayThatWorks offers three ways, of which all, two or one can be
// gone, through a proxy.
func TestNodeTakesTheWayThatWorks(t *testing.T) {
	t.Parallel()
	for _, open := range []string{"tls wss https", "wss https", "https"} {
		t.Run(open, func(t *testing.T) {
			t.Parallel()
			certificate := httptest.NewUnstartedServer(nil)
			certificate.StartTLS()
			t.Cleanup(certificate.Close)
			b := broker(t, carrier.BrokerOptions{Host: "127.0.0.1", Port: -1, TLS: certificate.TLS, WebSocket: true})
			door := carrier.NewDoor(b.members)
			front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasPrefix(r.URL.Path, "/carrier/poll/"):
					door.ServeHTTP(w, r)
				case r.URL.Path == "/carrier/ws" && strings.Contains(open, "wss"):
					b.WebSocket().ServeHTTP(w, r)
				default:
					w.WriteHeader(http.StatusForbidden) // as a firewall that looks inside
				}
			}))
			t.Cleanup(front.CloseClientConnections)
			central := carriertest.Start(t, both{carrier.NewBoth(link(t, b.Central()), door)})

			urls := []string{"tls://" + freePort(t), "wss://" + front.Listener.Addr().String() + "/carrier/ws", front.URL + "/carrier/poll"}
			if strings.Contains(open, "tls") {
				urls[0] = b.URL()
			}
			p := newProxy(t)
			way := carrier.Way{TLS: &tls.Config{RootCAs: pool(front)}, Proxy: p.url}
			d := node(t, b, "a")
			any, err := carrier.NewAny(urls, d.Key, "a", way, quiet())
			if err != nil {
				t.Fatal(err)
			}
			n := carriertest.Start(t, any.Hurry())
			until(t, "a task arrives", func() bool {
				central.Send(carrier.Message{Node: "a", Kind: carrier.Task, Data: []byte("ask")})
				return n.Has("ask")
			})
			until(t, "a frame arrives", func() bool {
				n.Send(carrier.Message{Kind: carrier.Frame, Data: []byte("answer")})
				return central.Has("answer")
			})
			if p.passed.Load() == 0 {
				t.Error("it did not go through the proxy")
			}
			// Another key, as when keys change: the way is taken again with it.
			next := newKey()
			if err := b.members.Put("a", d.Key.Public(), next.Public()); err != nil {
				t.Fatal(err)
			}
			any.UseKey(next)
			if err := b.members.Put("a", next.Public()); err != nil {
				t.Fatal(err)
			}
			until(t, "a task arrives again", func() bool {
				central.Send(carrier.Message{Node: "a", Kind: carrier.Task, Data: []byte("again")})
				return n.Has("again")
			})
		})
	}
}

func TestNewAnyRefuses(t *testing.T) {
	t.Parallel()
	for _, urls := range [][]string{nil, {"example.com"}, {"ftp://example.com"}, {"tls://"}, {"tls://a:1", "\x00"}} {
		if _, err := carrier.NewAny(urls, newKey(), "a", carrier.Way{}, quiet()); err == nil {
			t.Errorf("%q: no error", urls)
		}
	}
}
