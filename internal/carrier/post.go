package carrier

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A Post is a broker in a process of its own, that asks central's gate who may
// connect. It knows no secret and keeps nothing.
type Post struct{ server *server.Server }

// PostOptions say how a post runs.
type PostOptions struct {
	Host          string
	Port          int // -1 for any that is free
	WebSocketHost string
	WebSocketPort int // 0 for none, -1 for any that is free
	TLS           *tls.Config
	Trust         string // what Secrets.Config returned
}

// OpenPost starts a post.
func OpenPost(o PostOptions, log *slog.Logger) (*Post, error) {
	options := limits()
	if err := options.ProcessConfigString(o.Trust); err != nil {
		return nil, fmt.Errorf("read what 'llama broker config' printed: %w", err)
	}
	if options.AuthCallout == nil {
		return nil, errors.New("read what 'llama broker config' printed: it does not say who decides who may connect")
	}
	if o.TLS == nil {
		return nil, errors.New("open broker: it needs a certificate")
	}
	options.Host, options.Port = o.Host, o.Port
	secure(options, o.TLS)
	if o.WebSocketPort != 0 {
		options.Websocket = server.WebsocketOpts{
			Host: o.WebSocketHost, Port: o.WebSocketPort, TLSConfig: options.TLSConfig.Clone(), HandshakeTimeout: 10 * time.Second,
		}
	}
	srv, err := startServer(options, log)
	if err != nil {
		return nil, err
	}
	return &Post{srv}, nil
}

// URL returns where nodes and central connect.
func (p *Post) URL() string { return "tls://" + p.server.Addr().String() }

// WebSocketURL returns where those come that use WebSocket; "" for nowhere.
func (p *Post) WebSocketURL(o PostOptions) string {
	if o.WebSocketPort == 0 {
		return ""
	}
	return p.server.WebsocketURL()
}

// Close ends all connections and the post.
func (p *Post) Close() error {
	p.server.Shutdown()
	p.server.WaitForShutdown()
	return nil
}
