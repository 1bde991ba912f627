package carrier

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// A Way says how a party gets out to its broker. Its zero value trusts the system's
// authorities and uses the proxy that the environment names, if it names one.
type Way struct {
	TLS   *tls.Config // whom to trust; at least TLS 1.3 is used, whatever it says
	Proxy *url.URL    // of an HTTP proxy that takes CONNECT
}

// connectTime bounds the making of a connection, and each step of it.
const connectTime = 10 * time.Second

func (w Way) tls() *tls.Config {
	config := &tls.Config{}
	if w.TLS != nil {
		config = w.TLS.Clone()
	}
	config.MinVersion = tls.VersionTLS13
	return config
}

// options are what NATS needs to go this way.
func (w Way) options(urls []string) []nats.Option {
	options := []nats.Option{
		nats.Timeout(connectTime), nats.SetCustomDialer(dialer{w.Proxy}), nats.SkipHostLookup(),
		// Brokers say where else they listen; the addresses of a machine behind a
		// proxy are of no use, and it is not for them to send us elsewhere.
		nats.IgnoreDiscoveredServers(),
	}
	for _, u := range urls {
		if parsed, err := url.Parse(u); err == nil && (parsed.Scheme == "tls" || parsed.Scheme == "wss") {
			options = append(options, nats.Secure(w.tls()))
			break
		}
	}
	for _, u := range urls {
		if parsed, err := url.Parse(u); err == nil && strings.Trim(parsed.Path, "/") != "" {
			return append(options, nats.ProxyPath(strings.TrimPrefix(parsed.Path, "/")))
		}
	}
	return options
}

// plainURLs are urls without their paths, which NATS is told otherwise.
func plainURLs(urls []string) []string {
	var plain []string
	for _, u := range urls {
		if parsed, err := url.Parse(u); err == nil {
			u = parsed.Scheme + "://" + parsed.Host
		}
		plain = append(plain, u)
	}
	return plain
}

func nkey(key Key) nats.Option {
	return nats.Nkey(name(nkeys.PrefixByteUser, key.Public()), func(nonce []byte) ([]byte, error) { return key.Sign(nonce), nil })
}

// A dialer connects, through an HTTP proxy if there is one.
type dialer struct{ proxy *url.URL }

func (d dialer) proxyFor(address string) (*url.URL, error) {
	if d.proxy != nil {
		return d.proxy, nil
	}
	return http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: address}})
}

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	proxy, err := d.proxyFor(address)
	if err != nil {
		return nil, fmt.Errorf("find the proxy to %s: %w", address, err)
	}
	plain := net.Dialer{Timeout: connectTime}
	if proxy == nil {
		return plain.Dial(network, address)
	}
	conn, err := dialProxy(plain, proxy)
	if err != nil {
		return nil, fmt.Errorf("connect to the proxy %s: %w", proxy.Host, err)
	}
	tunnel, err := tunnel(conn, proxy, address)
	if err != nil {
		conn.Close() // the first error counts
		return nil, fmt.Errorf("the proxy %s does not connect to %s: %w", proxy.Host, address, err)
	}
	return tunnel, nil
}

func dialProxy(d net.Dialer, proxy *url.URL) (net.Conn, error) {
	port := proxy.Port()
	switch {
	case proxy.Scheme == "https" && port == "":
		port = "443"
	case port == "":
		port = "80"
	}
	address := net.JoinHostPort(proxy.Hostname(), port)
	if proxy.Scheme == "https" {
		return (&tls.Dialer{NetDialer: &d, Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext(context.Background(), "tcp", address)
	}
	return d.Dial("tcp", address)
}

// tunnel asks a proxy to connect to address.
func tunnel(conn net.Conn, proxy *url.URL, address string) (net.Conn, error) {
	if err := conn.SetDeadline(time.Now().Add(connectTime)); err != nil {
		return nil, err
	}
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	buffered := bufio.NewReader(conn)
	answer, err := http.ReadResponse(buffered, request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", answer.Status)
	}
	return &tunnelled{conn, buffered}, conn.SetDeadline(time.Time{})
}

// A tunnelled connection begins with what came behind the proxy's answer.
type tunnelled struct {
	net.Conn
	buffered *bufio.Reader
}

func (t *tunnelled) Read(p []byte) (int, error) { return t.buffered.Read(p) }
