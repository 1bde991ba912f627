package central

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/config"
)

// BrokerOptions say through which broker central and its nodes talk.
type BrokerOptions struct {
	Listen    string   `yaml:"listen" doc:"Address where nodes reach the broker over TLS 1.3; empty for none. Central's own broker needs none: nodes reach it through the page's port, as WebSocket."`
	WebSocket string   `yaml:"websocket" doc:"For 'llama broker': address for WebSocket over TLS, e.g. 0.0.0.0:443; empty for none."`
	URLs      []string `yaml:"urls" doc:"Brokers elsewhere that central and its nodes use instead of central's own: a 'llama broker' or NATS servers; e.g. tls://broker.example.com:4222."`
	CA        string   `yaml:"ca" doc:"File with the authority of the certificates of those, PEM. Default: central's own, or any that the machine trusts."`
	Names     []string `yaml:"names" doc:"For 'llama broker': host names it is reached by, besides localhost and addresses."`
	TLS       *TLS     `yaml:"tls" doc:"For 'llama broker': a certificate of yours. Without it, it gets one from an authority of its own (DATA/ca.pem)."`
	Trust     string   `yaml:"trust" doc:"For 'llama broker': file with what 'llama broker config' printed."`
	Metrics   string   `yaml:"metrics" doc:"For 'llama broker': address on this machine for /metrics, /healthz and /readyz, e.g. 127.0.0.1:8222; empty for none. They are on the socket DATA/broker.sock as well."`
}

// Validate says which option is wrong.
func (o *BrokerOptions) Validate() error {
	var errs []error
	for _, a := range []struct{ key, address, example string }{{"listen", o.Listen, "0.0.0.0:4222"}, {"websocket", o.WebSocket, "0.0.0.0:443"}} {
		if _, _, err := hostAndPort(a.address); a.address != "" && err != nil {
			errs = append(errs, config.Wrong(a.key, "%q is not an address and a port; e.g. %s", a.address, a.example))
		}
	}
	if host, _, err := hostAndPort(o.Metrics); o.Metrics != "" && (err != nil || !net.ParseIP(host).IsLoopback()) {
		errs = append(errs, config.Wrong("metrics", "%q is not an address of this machine alone and a port; e.g. 127.0.0.1:8222", o.Metrics))
	}
	for _, text := range o.URLs {
		if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "tls" && u.Scheme != "wss" {
			errs = append(errs, config.Wrong("urls", "%q is not the URL of a broker; e.g. tls://broker.example.com:4222", text))
		}
	}
	return errors.Join(errs...)
}

// openBroker opens central's own broker and central's end of it, or the end of
// those elsewhere.
func (c *Central) openBroker(key carrier.Key, members *carrier.Members) (*carrier.Link, error) {
	if len(c.o.Broker.URLs) > 0 {
		return c.openGate(key, members)
	}
	options := carrier.BrokerOptions{WebSocket: true}
	if listen := c.o.Broker.Listen; listen != "" {
		var err error
		if options.Host, options.Port, err = hostAndPort(listen); err != nil {
			return nil, config.Wrong("broker.listen", "%v", err)
		}
		if options.TLS, err = c.TLS(); err != nil {
			return nil, err
		}
	}
	broker, err := carrier.OpenBroker(options, members, c.o.Log)
	if err != nil {
		return nil, err
	}
	c.broker = broker
	c.opened = append(c.opened, broker)
	return carrier.Open(broker.Dial(key, ""), c.o.Log)
}

// hostAndPort reads an address to listen on, as the broker wants it.
func hostAndPort(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%q is not a port", text)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if port == 0 {
		port = -1 // any that is free
	}
	return host, port, nil
}

// openGate opens central's end of brokers elsewhere, and answers them who may
// connect.
func (c *Central) openGate(key carrier.Key, members *carrier.Members) (*carrier.Link, error) {
	secrets, err := carrier.SecretsOf(c.identity)
	if err != nil {
		return nil, err
	}
	way := carrier.Way{}
	if file := c.o.Broker.CA; file != "" {
		if way.TLS, err = trusting(file); err != nil {
			return nil, err
		}
	}
	dial := carrier.Dial{URLs: oneScheme(c.o.Broker.URLs), Key: key, Way: way}
	if c.gate, err = carrier.OpenGate(dial, secrets, members, c.o.Log); err != nil {
		return nil, err
	}
	c.opened = append(c.opened, c.gate)
	return carrier.Open(dial, c.o.Log)
}

// oneScheme returns those of the first's scheme: a connection has one, and nodes may be
// offered more.
func oneScheme(urls []string) []string {
	scheme, _, _ := strings.Cut(urls[0], ":")
	return slices.DeleteFunc(slices.Clone(urls), func(u string) bool { return !strings.HasPrefix(u, scheme+":") })
}

// trusting trusts the authorities in a file.
func trusting(file string) (*tls.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("broker.ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, config.Wrong("broker.ca", "%s holds no certificate in PEM", file)
	}
	return &tls.Config{RootCAs: pool}, nil
}

// carriers answers nodes below /carrier/ on the page's port: ws is WebSocket to
// central's own broker, poll the door for those that can make requests only.
func (c *Central) carriers() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/carrier/poll/", c.door)
	if c.broker != nil {
		mux.Handle("/carrier/ws", c.broker.WebSocket())
	}
	return mux
}

// BrokerURL returns where nodes reach the broker over TLS, "" when only the page's
// port does.
func (c *Central) BrokerURL() string {
	if c.broker == nil {
		return strings.Join(c.o.Broker.URLs, ",")
	}
	return c.broker.URL()
}

// hostOf returns the host and port of a URL of ours.
func hostOf(text string) string {
	_, host, _ := strings.Cut(text, "://")
	return host
}
