package carrier

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// central is the user that central connects as. No node's id looks so.
const central = "central"

// A Broker is a NATS server in this process: core only, without a port unless
// one is asked for. Who connects is who Central or Node were called for, and may
// do only what its part needs.
type Broker struct {
	server *server.Server

	mu    sync.Mutex
	users map[string]user
}

type user struct {
	password [sha256.Size]byte // hashed, so that comparing takes equally long
	conns    map[uint64]bool
}

// BrokerOptions say how a broker runs. The zero value is good for one process.
type BrokerOptions struct {
	Host string // where it listens; empty for nowhere
	Port int    // -1 for any that is free
}

// OpenBroker starts a broker.
func OpenBroker(o BrokerOptions, log *slog.Logger) (*Broker, error) {
	b := &Broker{users: map[string]user{}}
	srv, err := server.NewServer(&server.Options{
		ServerName:                 "llama",
		Host:                       o.Host,
		Port:                       o.Port,
		DontListen:                 o.Host == "",
		NoSigs:                     true,
		NoLog:                      true,
		NoSystemAccount:            true,
		MaxPayload:                 MaxMessage,
		MaxPending:                 2 * maxWaitingBytes,
		MaxSubs:                    64,
		MaxControlLine:             1 << 10,
		AuthTimeout:                5,
		WriteDeadline:              10 * time.Second,
		CustomClientAuthentication: b,
	})
	if err != nil {
		return nil, fmt.Errorf("open broker: %w", err)
	}
	srv.SetLoggerV2(brokerLog{log}, false, false, false)
	b.server = srv
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		b.Close()
		return nil, errors.New("open broker: it is not ready after 10 s; another program may have its port")
	}
	return b, nil
}

// Close ends all connections and the broker.
func (b *Broker) Close() error {
	b.server.Shutdown()
	b.server.WaitForShutdown()
	return nil
}

// URL returns where the broker listens, or "" when it does not.
func (b *Broker) URL() string {
	if b.server.Addr() == nil {
		return ""
	}
	return "nats://" + b.server.Addr().String()
}

// Central returns how central connects. An earlier Dial of central ends.
func (b *Broker) Central() Dial { return b.admit(central, "") }

// Node returns how the node with the given id connects. An earlier Dial of it
// ends.
func (b *Broker) Node(id string) (Dial, error) {
	if !token(id) || id == central {
		return Dial{}, fmt.Errorf("%q cannot be a node's id: it takes lower-case letters, digits and hyphens", id)
	}
	return b.admit(id, id), nil
}

func (b *Broker) admit(name, node string) Dial {
	b.Revoke(name)
	password := rand.Text()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users[name] = user{password: sha256.Sum256([]byte(password)), conns: map[uint64]bool{}}
	return Dial{User: name, Password: password, Node: node, broker: b}
}

// Revoke shuts out a node and ends its connections.
func (b *Broker) Revoke(id string) {
	b.mu.Lock()
	u := b.users[id]
	delete(b.users, id)
	b.mu.Unlock()
	for conn := range u.conns {
		b.server.DisconnectClientByID(conn) // fails when it is gone
	}
}

// Check is called by the NATS server for each connection.
func (b *Broker) Check(c server.ClientAuthentication) bool {
	name := c.GetOpts().Username
	hash := sha256.Sum256([]byte(c.GetOpts().Password))
	b.mu.Lock()
	defer b.mu.Unlock()
	u, known := b.users[name]
	if !known || subtle.ConstantTimeCompare(hash[:], u.password[:]) != 1 {
		return false
	}
	u.conns[c.GetID()] = true
	c.RegisterUser(&server.User{Username: name, Permissions: permissions(name)})
	return true
}

func permissions(name string) *server.Permissions {
	publish, subscribe := "up."+name+".*", "down."+name+".*"
	if name == central {
		publish, subscribe = "down.*.*", "up.*.*"
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{publish}},
		Subscribe: &server.SubjectPermission{Allow: []string{subscribe, inbox(name) + ".>"}},
	}
}

// brokerLog hands on what of the NATS server's log a person should see.
type brokerLog struct{ log *slog.Logger }

func (l brokerLog) Errorf(format string, v ...any) {
	l.log.Error("broker", "error", fmt.Sprintf(format, v...))
}
func (l brokerLog) Fatalf(format string, v ...any) {
	l.log.Error("broker", "error", fmt.Sprintf(format, v...))
}
func (l brokerLog) Warnf(format string, v ...any) {
	l.log.Warn("broker", "problem", fmt.Sprintf(format, v...))
}
func (brokerLog) Noticef(string, ...any) {}
func (brokerLog) Debugf(string, ...any)  {}
func (brokerLog) Tracef(string, ...any)  {}
