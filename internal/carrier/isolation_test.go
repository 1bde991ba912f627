package carrier_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/carrier/carriertest"
)

// TestStolenCredentialReachesNothing connects with the key of one node and a client
// of NATS's own, and tries what that can say against another node and central: at
// central's own broker, there as WebSocket, and at servers elsewhere, of which one
// keeps streams.
func TestStolenCredentialReachesNothing(t *testing.T) {
	t.Parallel()
	t.Run("own broker", func(t *testing.T) {
		t.Parallel()
		b := broker(t, carrier.BrokerOptions{Host: "127.0.0.1", Port: -1, WebSocket: true})
		front := httptest.NewServer(b.WebSocket())
		t.Cleanup(front.Close)
		for _, url := range []string{b.URL(), "ws" + strings.TrimPrefix(front.URL, "http")} {
			stolen := node(t, b, "hostile")
			attack(t, url, stolen.Key, link(t, b.Central()), link(t, node(t, b, "victim")))
		}
	})
	t.Run("cluster elsewhere", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, 2)
		attack(t, c.urls[1], c.node("hostile", 1).Key, link(t, c.Central()), link(t, c.node("victim", 0)))
	})
}

// secrets of the victim and central that pass while the attack goes on.
const secret = "a secret that passes by"

func attack(t *testing.T, url string, stolen carrier.Key, centralLink, victimLink *carrier.Link) {
	t.Helper()
	central, victim := carriertest.Start(t, centralLink), carriertest.Start(t, victimLink)
	refused := make(chan error, 1000)
	conn := until1(t, "the stolen key connects", func() (*nats.Conn, error) {
		return nats.Connect(url, carrier.Nkey(stolen), nats.Timeout(10*time.Second), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			refused <- err
		}))
	})
	defer conn.Close()
	spied := make(chan *nats.Msg, 1000)
	tries := 0
	for _, subject := range []string{
		">", "*", "*.>", "*.*.*", "down.>", "down.*.*", "down.*.task", "down.victim.*", "down.victim.task", "down.victim.cancel", "down.victim.ack",
		"up.>", "up.*.*", "up.victim.*", "up.victim.frame", "up.hostile.*", "up.hostile.hello", "down.hostile", "down.*.>", "down.victim.>",
		"_INBOX.>", "_INBOX_victim.>", "_INBOX_central.>", "_INBOX_system.>", "_INBOX*.>", "$SYS.>", "$SYS.REQ.>", "$SYS.REQ.USER.AUTH", "$SYS.ACCOUNT.>",
		"$JS.>", "$JS.API.>", "$KV.>", "$O.>", "$SRV.>", "$G.>", "_R_.>",
	} {
		for _, queue := range []string{"", "llama", "q"} {
			if _, err := conn.ChanQueueSubscribe(subject, queue, spied); err != nil {
				t.Fatal(err)
			}
			tries++
		}
	}
	for _, subject := range []string{
		"up.victim.hello", "up.victim.frame", "up.victim.state", "up.central.hello", "down.victim.task", "down.victim.cancel", "down.victim.ack",
		"down.hostile.task", "up", "down", "up.hostile", "up.hostile.a.b", "_INBOX_victim.x", "_INBOX_central.x", "_INBOX_system.x", "_INBOX_hostile.x",
		"$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.USER.INFO", "$SYS.REQ.USER.AUTH", "$SYS.REQ.SERVER.N.KICK",
		"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.CREATE.x", "$JS.API.CONSUMER.LIST.x", "$SRV.PING", "$SRV.INFO",
	} {
		if err := conn.PublishRequest(subject, "down.victim.task", []byte("forged")); err != nil {
			t.Fatal(err)
		}
		tries++
	}
	for i := range tries {
		select {
		case err := <-refused:
			if !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
				t.Errorf("got %v, want a violation", err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%d of %d things were refused", i, tries)
		}
	}
	for i := range 3 {
		if err := central.Send(carrier.Message{Node: "victim", Kind: carrier.Task, Data: fmt.Append(nil, secret, i)}); err != nil {
			t.Fatal(err)
		}
		if err := victim.Send(carrier.Message{Kind: carrier.Frame, Data: fmt.Append(nil, secret, i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, end := range []*carriertest.End{central, victim} {
		if got := end.Received(t, 3); len(got) != 3 || !strings.HasPrefix(string(got[0].Data), secret) {
			t.Errorf("with an attacker there: %v", got)
		}
	}
	// A reply named to another is all that it may say of itself: that goes nowhere.
	if err := conn.PublishRequest("up.hostile.hello", "down.victim.task", []byte("forged")); err != nil {
		t.Fatal(err)
	}
	if got := central.Received(t, 4); got[3].Node != "hostile" || len(victim.Received(t, 3)) != 3 {
		t.Errorf("got %v", got)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-spied:
		t.Errorf("it read %s: %s", m.Subject, m.Data)
	default:
	}
}
