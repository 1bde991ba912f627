package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestBrokerSaysHowItIs asks a broker on its socket, and at an address on its machine, while
// central and a node talk through it.
func TestBrokerSaysHowItIs(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "")
	d.withBroker()
	d.node("madrid", 1, "")
	socket := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", d.path("broker.data", "broker.sock"))
	}}}
	defer socket.CloseIdleConnections()
	read := func(c *http.Client, url string) string {
		resp, err := c.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v: %s", url, resp.Status, err, text)
		}
		return string(text)
	}
	talked := regexp.MustCompile(`(?m)^llama_carrier_post_received_messages_total [1-9]`)
	waitFor(t, "central and the node to have talked", func() bool {
		text := read(socket, "http://broker/metrics")
		return talked.MatchString(text) && strings.Contains(text, "\nllama_carrier_post_connections ") && !strings.Contains(text, "\nllama_carrier_post_connections 0")
	})
	for _, path := range []string{"healthz", "readyz"} {
		if text := read(socket, "http://broker/"+path); text != "ok\n" {
			t.Errorf("%s is %q", path, text)
		}
	}
	if info, err := os.Stat(d.path("broker.data", "broker.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has %v, %v", info.Mode(), err)
	}

	d.stop("broker")
	at := quietPort(t)
	text, err := os.ReadFile(d.path("broker.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d.write("broker.yaml", strings.Replace(string(text), "broker: {", fmt.Sprintf("broker: {metrics: %q, ", at), 1))
	d.start("broker")
	if text := read(http.DefaultClient, "http://"+at+"/metrics"); !strings.Contains(text, "\ngo_goroutines ") {
		t.Errorf("its metrics are %s", text)
	}
	d.until(d.submit("_collection:app | stats count() n"), func(s state) bool { return s.State == "done" })
	d.stop("broker")
	d.write("broker.yaml", strings.Replace(string(text), "broker: {", `broker: {metrics: "0.0.0.0:8222", `, 1))
	if out, err := d.command("broker", "-c", d.path("broker.yaml")).CombinedOutput(); err == nil || !strings.Contains(string(out), `broker.metrics: "0.0.0.0:8222" is not an address of this machine alone`) {
		t.Errorf("metrics for everybody: %v: %s", err, out)
	}
}
