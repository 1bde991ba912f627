package receive_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/receive"
)

func TestOptionsAreRead(t *testing.T) {
	t.Parallel()
	type receivers struct {
		UDP  receive.SyslogUDPOptions `yaml:"udp"`
		TCP  receive.SyslogTCPOptions `yaml:"tcp"`
		HTTP receive.HTTPOptions      `yaml:"http"`
		File receive.FilesOptions     `yaml:"file"`
	}
	const text = `udp: {listen: ":514", sockets: 2, buffer: 1MiB}
tcp: {listen: ":6514", max_message: 8KiB, max_peers: 10, idle_after: 1h, tls: {cert: a, key: b, client_ca: c}}
http: {listen: ":8480", tokens: t, max_line: 2MiB, max_body: 1GiB, max_bodies: 3}
file: {paths: /var/log/*.log, exclude: [x], max_line: 1KiB, event_start: '^\d', poll: 2s, close_after: 5m}
`
	var o receivers
	if err := config.Read("l.yaml", []byte(text), &o); err != nil {
		t.Fatal(err)
	}
	if o.TCP.TLS.ClientCA != "c" || o.UDP.Buffer != config.MiB || o.File.Paths[0] != "/var/log/*.log" {
		t.Errorf("got %+v", o)
	}
	if printed, err := config.Print(o); err != nil || strings.Contains(string(printed), "log:") {
		t.Errorf("printed as\n%s\n%v", printed, err)
	}
	err := config.Read("l.yaml", []byte(strings.Replace(text, "key: b, ", "", 1)), &receivers{})
	if want := "l.yaml:2:"; !strings.Contains(fmt.Sprint(err), want) || !strings.Contains(fmt.Sprint(err), "key") {
		t.Errorf("got %v, want %s and the key", err, want)
	}
}
