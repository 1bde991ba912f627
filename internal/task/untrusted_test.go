package task

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/store"
)

// A spy is a user of a broker elsewhere to whom its operator has given every right,
// in central's own account: it hears all and can say all.
type spy struct {
	conn *nats.Conn

	mu    sync.Mutex
	heard []*nats.Msg
}

// elsewhere moves a world's central to a broker that has a spy.
func (w *world) elsewhere() *spy {
	w.t.Helper()
	secrets := must(carrier.SecretsOf(w.own))(w.t)
	spying := must(nkeys.CreateUser())(w.t)
	public := must(spying.PublicKey())(w.t)
	options := &server.Options{}
	if err := options.ProcessConfigString(secrets.Config()); err != nil {
		w.t.Fatal(err)
	}
	options.Host, options.Port, options.NoLog, options.NoSigs = "127.0.0.1", -1, true, true
	for _, account := range options.Accounts {
		if account.Name == "LLAMA" {
			options.Nkeys = append(options.Nkeys, &server.NkeyUser{Nkey: public, Account: account})
		}
	}
	options.AuthCallout.AuthUsers = append(options.AuthCallout.AuthUsers, public)
	srv := must(server.NewServer(options))(w.t)
	srv.Start()
	if !srv.ReadyForConnections(patience) {
		w.t.Fatal("the broker does not come up")
	}
	w.t.Cleanup(srv.Shutdown)
	w.urls = []string{srv.ClientURL()}

	gate := must(carrier.OpenGate(carrier.Dial{URLs: w.urls}, secrets, w.members, w.log))(w.t)
	stop := running(w.t, gate.Run)
	w.t.Cleanup(func() { stop(); gate.Close() })

	s := &spy{}
	s.conn = must(nats.Connect(srv.ClientURL(), nats.Nkey(public, spying.Sign)))(w.t)
	w.t.Cleanup(s.conn.Close)
	must(s.conn.Subscribe(">", func(m *nats.Msg) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.heard = append(s.heard, m)
	}))(w.t)
	if err := s.conn.Flush(); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (s *spy) all() []*nats.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*nats.Msg(nil), s.heard...)
}

// TestBrokerThatIsNotTrusted lets a broker's operator record, repeat, reorder,
// redirect, change and forge what passes, while queries run. It learns who writes to whom
// and how much; what central and the node do is as if it were not there.
func TestBrokerThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{PerUser: 100})
	w.halt()
	spy := w.elsewhere()
	w.start()
	var ran sync.Map
	does := fake{partial: func(_ context.Context, task Task, emit func(Frame) error, _ func(Progress)) error {
		if _, twice := ran.LoadOrStore(task.Query, true); twice {
			t.Errorf("%q ran twice", task.Query)
		}
		for n := 0; n < 200; n += 10 {
			if err := emit(frameOf(n, n+10)); err != nil {
				return err
			}
		}
		return nil
	}}
	w.site("a", does)
	w.site("b", emits(200, 400, 20))
	stop := make(chan struct{})
	var meddling sync.WaitGroup
	meddling.Go(func() { spy.meddle(t, w, stop) })
	queries := []string{"planted question 1", "planted question 2", "planted question 3", "planted question 4"}
	var ids []string
	for _, q := range queries {
		ids = append(ids, w.submit(Request{Query: q}))
	}
	for _, id := range ids {
		w.in(id, store.Done)
		if d := cmp.Diff(wantRows(0, 400), w.rows(id)); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
	close(stop)
	meddling.Wait()
	heard := spy.all()
	if len(heard) < 40 {
		t.Errorf("the spy has heard %d messages only", len(heard))
	}
	for _, m := range heard {
		for _, plain := range []string{"planted", "event", "_msg", "question"} {
			if bytes.Contains(m.Data, []byte(plain)) {
				t.Errorf("%s shows %q", m.Subject, plain)
			}
		}
	}
	if w.central.metrics.refused.Load() == 0 {
		t.Error("central has refused nothing, so nothing was tried")
	}
}

// counts is a Commander that counts.
type counts struct{ obeyed atomic.Int32 }

func (c *counts) Command(context.Context, uuid.UUID, Command) (any, error) {
	return c.obeyed.Add(1), nil
}

// TestOldCommandsAreNotObeyedAgain has the broker's operator keep commands, and repeat them
// once the node was started anew and remembers nothing.
func TestOldCommandsAreNotObeyedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.halt()
	spy := w.elsewhere()
	w.start()
	s, obeys := w.away("a", fake{}), &counts{}
	s.obeys = obeys
	s.start()
	tell := func() string {
		t.Helper()
		w.until("the node is online", func() bool { return w.central.Targets()[0].Online() })
		told := must(w.central.Command(t.Context(), Command{Action: "count", Target: "a"}))(t)
		return string(told[0].Text)
	}
	if got := tell(); got != "1" {
		t.Fatalf("the first command is number %s", got)
	}
	s.halt()
	kept := spy.all()
	s.start()
	w.until("the node has said that it is there anew", func() bool { return len(spy.all()) > len(kept) })
	for _, m := range kept {
		if err := spy.conn.Publish(m.Subject, m.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := spy.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := tell(); got != "2" {
		t.Errorf("the second command is number %s: those that were repeated were obeyed", got)
	}
}

// meddle does all of it, until stop.
func (s *spy) meddle(t *testing.T, w *world, stop <-chan struct{}) {
	stranger := must(envelope.NewIdentity())(t)
	random := rand.New(rand.NewPCG(1, 2))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		heard := s.all()
		if len(heard) == 0 {
			continue
		}
		m := heard[random.IntN(min(len(heard), 2000))]
		other := heard[random.IntN(min(len(heard), 2000))]
		bad := bytes.Clone(m.Data)
		if len(bad) > 0 {
			bad[random.IntN(len(bad))] ^= 1 << random.IntN(8)
		}
		forged := must(stranger.Peer(w.own.Public()).Seal(envelope.Header{Kind: kindFrame, Query: uuid.New(), Attempt: 1}, []byte("{}")))(t)
		for _, say := range []struct {
			subject string
			data    []byte
		}{{m.Subject, m.Data}, {other.Subject, m.Data}, {m.Subject, bad}, {m.Subject, forged}, {m.Subject, m.Data[:len(m.Data)/2]}, {other.Subject, nil}} {
			if err := s.conn.Publish(say.subject, say.data); err != nil {
				t.Error(err)
				return
			}
		}
	}
}
