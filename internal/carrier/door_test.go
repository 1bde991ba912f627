package carrier_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/carrier/carriertest"
)

// A visitor talks to a door as a program of somebody else's would.
type visitor struct {
	t    *testing.T
	url  string
	http *http.Client
}

func (v *visitor) ask(method, what, token string, body []byte) (status int, answer []byte) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+"/carrier/poll/"+what, bytes.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// open opens a session as a node's own program does, with a signature of text.
func (v *visitor) open(key carrier.Key, sign func(challenge []byte) []byte) (status int, token string) {
	v.t.Helper()
	_, answer := v.ask("POST", "open", "", []byte("{}"))
	var out struct {
		Challenge   []byte
		Node, Token string
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		v.t.Fatal(err)
	}
	in, err := json.Marshal(map[string][]byte{"challenge": out.Challenge, "key": key.Public(), "sign": sign(out.Challenge)})
	if err != nil {
		v.t.Fatal(err)
	}
	status, answer = v.ask("POST", "open", "", in)
	if status == http.StatusOK {
		if err := json.Unmarshal(answer, &out); err != nil {
			v.t.Fatal(err)
		}
	}
	return status, out.Node + "." + out.Token
}

func proof(key carrier.Key) func([]byte) []byte {
	return func(challenge []byte) []byte {
		return key.Sign(append([]byte("llama carrier door 1\x00"), challenge...))
	}
}

func TestDoorKeepsNodesApartAndStrangersOut(t *testing.T) {
	t.Parallel()
	b := broker(t, carrier.BrokerOptions{})
	door := carrier.NewDoor(b.members)
	front := httptest.NewTLSServer(door)
	t.Cleanup(front.Close)
	central := carriertest.Start(t, both{carrier.NewBoth(link(t, b.Central()), door)})
	v := &visitor{t: t, url: front.URL, http: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool(front)}}}}
	victim, hostile := node(t, b, "victim").Key, node(t, b, "hostile").Key

	_, own := v.open(hostile, proof(hostile))
	for name, sign := range map[string]func([]byte) []byte{
		"nothing":             func([]byte) []byte { return nil },
		"another's signature": proof(hostile),
		"what a broker asks":  func(challenge []byte) []byte { return victim.Sign(challenge) },
		"an old challenge":    func([]byte) []byte { return proof(victim)([]byte("old")) },
	} {
		if status, token := v.open(victim, sign); status != http.StatusForbidden {
			t.Errorf("%s opens a session: %d %s", name, status, token)
		}
	}
	if status, _ := v.open(newKey(), proof(newKey())); status != http.StatusForbidden {
		t.Errorf("a stranger opens a session: %d", status)
	}
	if status, _ := v.open(b.central, proof(b.central)); status != http.StatusForbidden {
		t.Errorf("central's own key opens a session: %d", status)
	}

	_, theirs := v.open(victim, proof(victim))
	_, secret, _ := strings.Cut(own, ".")
	for _, token := range []string{"", "victim.", "victim." + secret, "hostile.", "central." + secret, "nonsense"} {
		for what, method := range map[string]string{"receive": "GET", "send": "POST"} {
			if status, answer := v.ask(method, what, token, nil); status != http.StatusUnauthorized {
				t.Errorf("%s with %q: %d %q", what, token, status, answer)
			}
		}
	}
	// What it says it says as itself, whatever it is.
	if err := central.Send(carrier.Message{Node: "victim", Kind: carrier.Task, Data: []byte("for the victim")}); err != nil {
		t.Fatal(err)
	}
	good := []byte("\x05hello\x00\x00\x00\x02hi")
	if status, _ := v.ask("POST", "send", own, good); status != http.StatusNoContent {
		t.Errorf("a message: %d", status)
	}
	if got := central.Received(t, 1); got[0].Node != "hostile" || string(got[0].Data) != "hi" {
		t.Errorf("got %v", got)
	}
	for _, damaged := range []string{"\x05hel", "\x05hello", "\x05hello\x00\x00\x00\x09hi", "\x05hello\xff\xff\xff\xff", "\x05he.lo\x00\x00\x00\x00", "\x00\x00\x00\x00\x00"} {
		if status, _ := v.ask("POST", "send", own, []byte(damaged)); status != http.StatusBadRequest {
			t.Errorf("%q: %d", damaged, status)
		}
	}
	if status, answer := v.ask("GET", "receive", theirs, nil); status != http.StatusOK || !bytes.Contains(answer, []byte("for the victim")) {
		t.Errorf("the victim receives: %d %q", status, answer)
	}
	for _, what := range []string{"", "else", "receive"} {
		if status, _ := v.ask("POST", what, own, nil); status != http.StatusNotFound {
			t.Errorf("POST %s: %d", what, status)
		}
	}

	// A request that waits ends when its node is revoked.
	waits := make(chan int)
	go func() {
		status, _ := v.ask("GET", "receive", theirs, nil)
		waits <- status
	}()
	if err := b.members.Remove("victim"); err != nil {
		t.Fatal(err)
	}
	if status := <-waits; status != http.StatusUnauthorized {
		t.Errorf("a request of a revoked node: %d", status)
	}
	if status, _ := v.open(victim, proof(victim)); status != http.StatusForbidden {
		t.Errorf("a revoked node opens a session: %d", status)
	}
}

// FuzzDoor reads what a node posts.
func FuzzDoor(f *testing.F) {
	f.Add([]byte("\x05hello\x00\x00\x00\x02hi\x05frame\x00\x00\x00\x00"))
	f.Add([]byte("\x05hello\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := bytes.NewReader(body)
		for {
			m, err := carrier.ReadMessage(r)
			if err != nil {
				return
			}
			var again bytes.Buffer
			if err := carrier.WriteMessage(&again, m); err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(body, again.Bytes()) {
				t.Errorf("%q was read as %v", body, m)
			}
		}
	})
}
