package node

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/config"
)

// UplinkOptions say how a node reaches its central.
type UplinkOptions struct {
	Proxy     string   `yaml:"proxy" doc:"URL of an HTTP proxy that takes CONNECT; e.g. http://proxy.example.com:3128. Default: what HTTPS_PROXY names, if anything."`
	Carrier   string   `yaml:"carrier" doc:"auto, nats (TLS), websocket (on the page's port) or poll (HTTPS requests). auto takes the first that works."`
	URLs      []string `yaml:"urls" doc:"Where to go instead of where central said when the node joined: tls://HOST:PORT, wss://HOST/carrier/ws, https://HOST/carrier/poll."`
	CA        string   `yaml:"ca" doc:"File with authorities to trust instead of the one that central named when the node joined, PEM."`
	MachineID string   `yaml:"machine_id" doc:"File whose text is this machine's alone. The node's keys are of use only where it is the same. Default: /etc/machine-id."`
}

// ways are what carrier may say, with the schemes they stand for.
var ways = map[string][]string{"auto": nil, "nats": {"tls"}, "websocket": {"wss", "ws"}, "poll": {"https", "http"}}

// Validate says which option is wrong.
func (o *UplinkOptions) Validate() error {
	if _, ok := ways[o.Carrier]; !ok {
		return config.Wrong("carrier", "%q is none; auto, nats, websocket or poll", o.Carrier)
	}
	if _, err := o.proxy(); err != nil {
		return err
	}
	return nil
}

func (o *UplinkOptions) proxy() (*url.URL, error) {
	if o.Proxy == "" {
		return nil, nil
	}
	u, err := url.Parse(o.Proxy)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, config.Wrong("proxy", "%q is not the URL of an HTTP proxy; e.g. http://proxy.example.com:3128", o.Proxy)
	}
	return u, nil
}

// open makes the node's end of the carrier.
func (o *UplinkOptions) open(m *Membership, key carrier.Key, log *slog.Logger) (*carrier.Any, error) {
	urls := o.URLs
	if len(urls) == 0 {
		var err error
		if urls, err = m.urls(); err != nil {
			return nil, err
		}
	}
	if schemes := ways[o.Carrier]; schemes != nil {
		urls = slices.DeleteFunc(slices.Clone(urls), func(text string) bool {
			u, err := url.Parse(text)
			return err != nil || !slices.Contains(schemes, u.Scheme)
		})
		if len(urls) == 0 {
			return nil, config.Wrong("node.uplink.carrier", "central offers no way that is %s", o.Carrier)
		}
	}
	way := carrier.Way{}
	var err error
	if way.Proxy, err = o.proxy(); err != nil {
		return nil, err
	}
	if way.TLS, err = o.trust(m); err != nil {
		return nil, err
	}
	return carrier.NewAny(urls, key, m.Node, way, log)
}

func (o *UplinkOptions) trust(m *Membership) (*tls.Config, error) {
	text := []byte(m.Authority)
	if o.CA != "" {
		var err error
		if text, err = os.ReadFile(o.CA); err != nil {
			return nil, fmt.Errorf("node.uplink.ca: %w", err)
		}
	}
	if len(text) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, config.Wrong("node.uplink.ca", "there is no certificate in PEM")
	}
	return &tls.Config{RootCAs: pool}, nil
}

// urls returns all ways to central, the best first. Central's own broker and its page
// are on the host that the node joined at.
func (m *Membership) urls() ([]string, error) {
	page, err := url.Parse(m.URL)
	if err != nil {
		return nil, fmt.Errorf("read where central is: %w", err)
	}
	urls := slices.Clone(m.Brokers)
	if m.Port != 0 {
		urls = append(urls, "tls://"+net.JoinHostPort(page.Hostname(), strconv.Itoa(m.Port)))
	}
	secure := map[string]string{"https": "s"}[page.Scheme]
	if len(m.Brokers) == 0 {
		urls = append(urls, "ws"+secure+"://"+page.Host+"/carrier/ws")
	}
	return append(urls, "http"+secure+"://"+page.Host+"/carrier/poll"), nil
}
