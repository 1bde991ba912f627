package carrier

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A Broker is a NATS server in this process: core only, without a port unless
// one is asked for. Members may connect, and do only what their part needs.
type Broker struct {
	server  *server.Server
	members *Members
	secure  bool

	mu    sync.Mutex
	conns map[string]map[uint64]string // of each member, with their keys; those that have ended may be among them
}

// BrokerOptions say how a broker runs. The zero value is good for one process.
type BrokerOptions struct {
	Host      string      // where it listens; empty for nowhere
	Port      int         // -1 for any that is free
	TLS       *tls.Config // what listens shows it; nil for none, which is for tests
	WebSocket bool        // whether WebSocket may be used
}

// OpenBroker starts a broker that central's process decides for.
func OpenBroker(o BrokerOptions, members *Members, log *slog.Logger) (*Broker, error) {
	b := &Broker{members: members, secure: o.TLS != nil, conns: map[string]map[uint64]string{}}
	options := limits()
	options.Host, options.Port, options.DontListen = o.Host, o.Port, o.Host == ""
	options.NoSystemAccount = true
	options.CustomClientAuthentication = b
	secure(options, o.TLS)
	if o.WebSocket {
		// On this machine only: others come in through the page's port.
		options.Websocket = server.WebsocketOpts{Host: "127.0.0.1", Port: -1, NoTLS: true, HandshakeTimeout: 10 * time.Second}
	}
	var err error
	if b.server, err = startServer(options, log); err != nil {
		return nil, err
	}
	members.watch(b.kick)
	return b, nil
}

// limits are what all our brokers have in common.
func limits() *server.Options {
	return &server.Options{
		ServerName: "llama", NoSigs: true, NoLog: true, AlwaysEnableNonce: true,
		MaxPayload: MaxMessage, MaxPending: 2 * maxWaitingBytes, MaxSubs: 64, MaxControlLine: 4 << 10,
		AuthTimeout: 5, WriteDeadline: 10 * time.Second,
	}
}

func secure(options *server.Options, config *tls.Config) {
	if config == nil {
		return
	}
	options.TLS, options.TLSTimeout = true, 10
	options.TLSConfig = config.Clone()
	options.TLSConfig.MinVersion = tls.VersionTLS13
	options.TLSConfig.NextProtos = nil
}

func startServer(options *server.Options, log *slog.Logger) (*server.Server, error) {
	srv, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("open broker: %w", err)
	}
	srv.SetLoggerV2(brokerLog{log}, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		srv.Shutdown()
		return nil, errors.New("open broker: it is not ready after 10 s; another program may have its port")
	}
	return srv, nil
}

// Close ends all connections and the broker.
func (b *Broker) Close() error {
	b.server.Shutdown()
	b.server.WaitForShutdown()
	return nil
}

// URL returns where the broker listens, or "" when it does not.
func (b *Broker) URL() string {
	switch {
	case b.server.Addr() == nil:
		return ""
	case b.secure:
		return "tls://" + b.server.Addr().String()
	}
	return "nats://" + b.server.Addr().String()
}

// Dial returns how a party in this process connects; node is empty for central.
func (b *Broker) Dial(key Key, node string) Dial { return Dial{Key: key, Node: node, broker: b} }

// WebSocket answers nodes that come as WebSocket; nil when they may not.
func (b *Broker) WebSocket() http.Handler {
	at, err := url.Parse(b.server.WebsocketURL())
	if err != nil || at.Port() == "0" {
		return nil
	}
	at.Scheme = "http"
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(at)
			r.Out.URL.Path, r.Out.URL.RawQuery = "/", ""
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // the node says what it met
	}
}

// kick ends the connections that a member has made with keys which are not its keys
// any more.
func (b *Broker) kick(name string) {
	b.mu.Lock()
	var gone []uint64
	for conn, nkey := range b.conns[name] {
		if who, ok := b.members.behind(nkey); !ok || who != name {
			gone = append(gone, conn)
			delete(b.conns[name], conn)
		}
	}
	b.mu.Unlock()
	for _, conn := range gone {
		b.server.DisconnectClientByID(conn) // fails when it is gone
	}
}

// Check is called by the NATS server for each connection.
func (b *Broker) Check(c server.ClientAuthentication) bool {
	b.mu.Lock()
	defer b.mu.Unlock() // with it, kick sees the connection, or we see that the member is gone
	name, ok := b.members.who(c.GetOpts().Nkey, c.GetOpts().Sig, c.GetNonce())
	if !ok {
		return false
	}
	b.note(name, c.GetID(), c.GetOpts().Nkey)
	r := rightsOf(name)
	c.RegisterUser(&server.User{Username: name, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: r.publish},
		Subscribe: &server.SubjectPermission{Allow: r.subscribe},
	}})
	return true
}

// maxConns is how many connections of a member are remembered before those that
// have ended are forgotten.
const maxConns = 64

func (b *Broker) note(name string, id uint64, nkey string) {
	if b.conns[name] == nil {
		b.conns[name] = map[uint64]string{}
	}
	if len(b.conns[name]) >= maxConns {
		for old := range b.conns[name] {
			if b.server.GetClient(old) == nil {
				delete(b.conns[name], old)
			}
		}
	}
	b.conns[name][id] = nkey
}

// brokerLog hands on what of the NATS server's log a person should see.
type brokerLog struct{ log *slog.Logger }

func (l brokerLog) Errorf(format string, v ...any) {
	// Most are of connections that strangers make: counted by who reads debug.
	l.log.Debug("broker", "error", fmt.Sprintf(format, v...))
}
func (l brokerLog) Fatalf(format string, v ...any) {
	l.log.Error("broker", "error", fmt.Sprintf(format, v...))
}
func (l brokerLog) Warnf(format string, v ...any) {
	l.log.Debug("broker", "problem", fmt.Sprintf(format, v...))
}
func (brokerLog) Noticef(string, ...any) {}
func (brokerLog) Debugf(string, ...any)  {}
func (brokerLog) Tracef(string, ...any)  {}
