package carrier

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/llama-logs/llama/internal/envelope"
)

// Secrets are what central runs brokers elsewhere with. Their public halves are what
// Config tells those.
type Secrets struct {
	gate   Key           // the user who answers who may connect
	system Key           // the user who ends connections
	issuer nkeys.KeyPair // signs the answers
	box    nkeys.KeyPair // requests are sealed to it
}

// SecretsOf returns those of central.
func SecretsOf(central *envelope.Identity) (*Secrets, error) {
	seeds := map[string][]byte{"gate": nil, "system": nil, "issuer": nil, "box": nil}
	for purpose := range seeds {
		var err error
		if seeds[purpose], err = central.Derive("carrier " + purpose); err != nil {
			return nil, err
		}
	}
	s := &Secrets{gate: NewKey(seeds["gate"]), system: NewKey(seeds["system"])}
	var err error
	if s.issuer, err = nkeys.FromRawSeed(nkeys.PrefixByteAccount, seeds["issuer"]); err != nil {
		return nil, fmt.Errorf("make the key of the gate: %w", err)
	}
	box, err := nkeys.EncodeSeed(nkeys.PrefixByteCurve, seeds["box"])
	if err == nil {
		s.box, err = nkeys.FromCurveSeed(box)
	}
	if err != nil {
		return nil, fmt.Errorf("make the key of the gate: %w", err)
	}
	return s, nil
}

// Accounts of a broker elsewhere.
const (
	dataAccount   = "LLAMA"
	gateAccount   = "LLAMA_GATE"
	systemAccount = "LLAMA_SYSTEM"
)

// Config returns what a nats-server elsewhere has to be told, in the form of its
// configuration. There is no secret in it. Addresses, certificates and a cluster's
// routes are not its matter.
func (s *Secrets) Config() string {
	issuer, _ := s.issuer.PublicKey() // made here, so it has one
	box, _ := s.box.PublicKey()
	gate, system := name(nkeys.PrefixByteUser, s.gate.Public()), name(nkeys.PrefixByteUser, s.system.Public())
	return fmt.Sprintf(`# For a nats-server that carries what LLAMA's central and its nodes say, as
#   include "llama.conf"
# in its configuration. Nothing in here is secret. Central decides who may connect.
max_payload: %d
max_pending: %d
write_deadline: "10s"
system_account: %s
accounts {
  %s { users: [] }
  %s {
    users: [ { nkey: %s, permissions: { publish: { allow: [], deny: [">"] }, subscribe: ["$SYS.REQ.USER.AUTH"], allow_responses: { max: 1, expires: "10s" } } } ]
  }
  %s {
    users: [ { nkey: %s, permissions: {
      publish: ["$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.SERVER.*.KICK"]
      subscribe: ["%s.>"]
    } } ]
  }
}
authorization {
  timeout: 5
  auth_callout {
    issuer: %s
    account: %s
    auth_users: [ %s, %s ]
    xkey: %s
  }
}
`, MaxMessage, 2*maxWaitingBytes, systemAccount, dataAccount, gateAccount, gate, systemAccount, system, inbox("system"),
		issuer, gateAccount, gate, system, box)
}

// A Gate answers brokers elsewhere who may connect, and ends connections there of
// who may not any more.
type Gate struct {
	secrets *Secrets
	members *Members
	answers *nats.Conn
	system  *nats.Conn
	log     *slog.Logger

	mu   sync.Mutex
	gone []string      // whose connections are to be ended
	more chan struct{} // holds one when gone has some
}

// OpenGate makes a gate for members at the brokers of a Dial. It returns at once.
func OpenGate(d Dial, secrets *Secrets, members *Members, log *slog.Logger) (*Gate, error) {
	g := &Gate{secrets: secrets, members: members, log: log, more: make(chan struct{}, 1)}
	var err error
	dial := func(who string, key Key, more ...nats.Option) *nats.Conn {
		if err != nil {
			return nil
		}
		var conn *nats.Conn
		d := d
		d.Key = key
		conn, err = connect(d, who, log, more...)
		return conn
	}
	g.answers = dial("gate", secrets.gate)
	g.system = dial("system", secrets.system, nats.ConnectHandler(func(*nats.Conn) { g.signal() }), nats.ReconnectHandler(func(*nats.Conn) { g.signal() }))
	if err == nil {
		// In a queue, so that of several centrals one answers.
		_, err = g.answers.QueueSubscribe("$SYS.REQ.USER.AUTH", "llama", g.answer)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open gate: %w", err), g.Close())
	}
	members.watch(g.kick)
	return g, nil
}

// Close ends the gate's connections: the brokers let in nobody new.
func (g *Gate) Close() error {
	for _, conn := range []*nats.Conn{g.answers, g.system} {
		if conn != nil {
			conn.Close()
		}
	}
	return nil
}

// answerAge is how long a connection lives before its node has to prove itself
// again, in case a kick did not reach it.
const answerAge = 6 * time.Hour

// answer decides about one connection. It says nothing where nothing can be
// trusted: the broker then refuses after a while.
func (g *Gate) answer(m *nats.Msg) {
	data := m.Data
	xkey := m.Header.Get("Nats-Server-Xkey")
	data, err := g.secrets.box.Open(data, xkey)
	if err != nil {
		g.log.Warn("a broker asks in clear who may connect; its configuration is not what 'llama broker config' prints", "error", err)
		return
	}
	request, err := jwt.DecodeAuthorizationRequestClaims(string(data))
	if err != nil {
		g.log.Warn("a broker's question is not understood", "error", err)
		return
	}
	response := jwt.NewAuthorizationResponseClaims(request.UserNkey)
	response.Audience = request.Server.ID
	response.Jwt, err = g.user(request)
	if err != nil {
		response.Error = err.Error()
	}
	text, err := response.Encode(g.secrets.issuer)
	if err != nil {
		g.log.Error("answer to a broker not made", "error", err)
		return
	}
	sealed, err := g.secrets.box.Seal([]byte(text), xkey)
	if err == nil {
		err = m.Respond(sealed)
	}
	if err != nil {
		g.log.Debug("answer to a broker not sent", "error", err)
	}
}

// user returns what a connection may do, as the broker reads it.
func (g *Gate) user(r *jwt.AuthorizationRequestClaims) (string, error) {
	member, ok := g.members.who(r.ConnectOptions.Nkey, r.ConnectOptions.SignedNonce, []byte(r.ClientInformation.Nonce))
	if !ok {
		return "", errors.New("this is the key of nobody who may connect")
	}
	user := jwt.NewUserClaims(r.UserNkey)
	user.Name, user.Audience = member, dataAccount
	if member != central {
		user.Expires = time.Now().Add(answerAge).Unix()
	}
	rights := rightsOf(member)
	user.Pub.Allow.Add(rights.publish...)
	user.Sub.Allow.Add(rights.subscribe...)
	user.Limits.Payload, user.Limits.Subs = MaxMessage, 64
	user.AllowedConnectionTypes.Add(jwt.ConnectionTypeStandard, jwt.ConnectionTypeWebsocket)
	text, err := user.Encode(g.secrets.issuer)
	if err != nil {
		return "", fmt.Errorf("encode rights of %s: %w", member, err)
	}
	return text, nil
}

// kick has the connections of a member ended.
func (g *Gate) kick(name string) {
	g.mu.Lock()
	g.gone = append(g.gone, name)
	g.mu.Unlock()
	g.signal()
}

func (g *Gate) signal() {
	select {
	case g.more <- struct{}{}:
	default:
	}
}

// Run ends connections until ctx ends. What cannot be reached now is tried again.
func (g *Gate) Run(ctx context.Context) error {
	again := time.NewTicker(2 * time.Second)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.more:
		case <-again.C:
		}
		g.mu.Lock()
		gone := g.gone
		g.gone = nil
		g.mu.Unlock()
		for _, name := range gone {
			if err := g.end(name); err != nil {
				g.log.Debug("connections not ended", "name", name, "error", err)
				g.mu.Lock()
				g.gone = append(g.gone, name)
				g.mu.Unlock()
			}
		}
	}
}

// kickWait is how long servers may take to say what connections they have.
const kickWait = 500 * time.Millisecond

// end ends the connections of a member at all servers of a cluster. Those are
// looked up by the member's name, so it works after a restart of central, too.
func (g *Gate) end(member string) error {
	box, err := g.system.SubscribeSync(g.system.NewInbox())
	if err != nil {
		return err
	}
	defer box.Unsubscribe() // the connection may be closed already
	ask, err := json.Marshal(map[string]any{"auth": true, "user": member, "limit": 1 << 10})
	if err != nil {
		return err
	}
	if err := g.system.PublishRequest("$SYS.REQ.SERVER.PING.CONNZ", box.Subject, ask); err != nil {
		return err
	}
	heard := false
	for end := time.Now().Add(kickWait); ; {
		m, err := box.NextMsg(time.Until(end))
		if errors.Is(err, nats.ErrTimeout) && heard {
			return nil
		}
		if err != nil {
			return err
		}
		heard = true
		if err := g.endAt(m.Data, box.Subject); err != nil {
			return err
		}
	}
}

// endAt ends what one server has said that it has. Servers do what they are asked
// only if they may answer; those answers say of no connections.
func (g *Gate) endAt(said []byte, answers string) error {
	var connections struct {
		Server struct {
			ID string `json:"id"`
		} `json:"server"`
		Data struct {
			Connections []struct {
				ID uint64 `json:"cid"`
			} `json:"connections"`
		} `json:"data"`
	}
	if err := json.Unmarshal(said, &connections); err != nil {
		return fmt.Errorf("read a server's connections: %w", err)
	}
	if !serverID(connections.Server.ID) {
		return errors.New("a server's id is none")
	}
	for _, c := range connections.Data.Connections {
		ask, err := json.Marshal(map[string]uint64{"cid": c.ID})
		if err != nil {
			return err
		}
		if err := g.system.PublishRequest("$SYS.REQ.SERVER."+connections.Server.ID+".KICK", answers, ask); err != nil {
			return err
		}
	}
	return g.system.FlushTimeout(connectTime)
}

func serverID(id string) bool {
	raw, err := nkeys.Decode(nkeys.PrefixByteServer, []byte(id))
	return err == nil && len(raw) == ed25519.PublicKeySize
}
