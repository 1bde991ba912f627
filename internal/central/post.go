package central

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/config"
)

// A Post is the role of a broker alone, for a machine between central and its nodes.
type Post struct {
	post    *carrier.Post
	options carrier.PostOptions
	log     *slog.Logger
	health  []net.Listener // where it says how it is, the socket first
}

var _ io.Closer = (*Post)(nil)

// OpenPost starts a broker that asks the central whose configuration it trusts. Its
// certificate authority, if it needs one, lies in data.
func OpenPost(o BrokerOptions, data string, log *slog.Logger) (*Post, error) {
	if o.Trust == "" {
		return nil, config.Wrong("broker.trust", "is missing; a file with what 'llama broker config' printed")
	}
	if o.Listen == "" {
		return nil, config.Wrong("broker.listen", "is missing; e.g. 0.0.0.0:4222")
	}
	trust, err := os.ReadFile(o.Trust)
	if err != nil {
		return nil, fmt.Errorf("broker.trust: %w", err)
	}
	p := &Post{log: log, options: carrier.PostOptions{Trust: string(trust)}}
	if p.options.Host, p.options.Port, err = hostAndPort(o.Listen); err != nil {
		return nil, config.Wrong("broker.listen", "%v", err)
	}
	if o.WebSocket != "" {
		if p.options.WebSocketHost, p.options.WebSocketPort, err = hostAndPort(o.WebSocket); err != nil {
			return nil, config.Wrong("broker.websocket", "%v", err)
		}
	}
	if p.options.TLS, _, err = certificate(data, "broker.tls", o.TLS, withHostname(o.Names), log); err != nil {
		return nil, err
	}
	if err := p.openHealth(data, o.Metrics); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if p.post, err = carrier.OpenPost(p.options, log); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// URL returns where central and nodes connect.
func (p *Post) URL() string { return p.post.URL() }

// WebSocketURL returns where nodes connect that use WebSocket; "" for nowhere.
func (p *Post) WebSocketURL() string { return p.post.WebSocketURL(p.options) }

// Close ends all connections and the broker.
func (p *Post) Close() (err error) {
	if p.post != nil {
		err = p.post.Close()
	}
	for _, l := range p.health {
		if closed := l.Close(); !errors.Is(closed, net.ErrClosed) { // who serves it has closed it
			err = errors.Join(err, closed)
		}
	}
	return err
}
