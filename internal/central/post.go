package central

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/config"
)

// A Post is the role of a broker alone, for a machine between central and its nodes.
type Post struct {
	post    *carrier.Post
	options carrier.PostOptions
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
	p := &Post{options: carrier.PostOptions{Trust: string(trust)}}
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
	if p.post, err = carrier.OpenPost(p.options, log); err != nil {
		return nil, err
	}
	return p, nil
}

// URL returns where central and nodes connect.
func (p *Post) URL() string { return p.post.URL() }

// WebSocketURL returns where nodes connect that use WebSocket; "" for nowhere.
func (p *Post) WebSocketURL() string { return p.post.WebSocketURL(p.options) }

// Close ends all connections and the broker.
func (p *Post) Close() error { return p.post.Close() }
