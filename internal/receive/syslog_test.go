package receive_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/receive/receivetest"
)

func openTCP(t testing.TB, o receive.SyslogTCPOptions) *receive.SyslogTCP {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	s, err := receive.OpenSyslogTCP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openUDP(t testing.TB, o receive.SyslogUDPOptions) *receive.SyslogUDP {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	s, err := receive.OpenSyslogUDP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// run runs a receiver until the test ends.
func run(t testing.TB, r receivetest.Receiver, sink llama.Sink) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := r.Run(ctx, sink); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); all.Wait() })
}

func dial(t testing.TB, a net.Addr) net.Conn {
	t.Helper()
	conn, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestSyslogTCPConforms(t *testing.T) {
	t.Parallel()
	for _, framing := range []string{"lines", "counted"} {
		t.Run(framing, func(t *testing.T) {
			t.Parallel()
			receivetest.Run(t, func(t *testing.T) receivetest.Subject {
				s := openTCP(t, receive.SyslogTCPOptions{})
				conn := dial(t, s.Addr())
				return receivetest.Subject{Receiver: s, Send: func(messages []string) error {
					var b strings.Builder
					for _, m := range messages {
						if framing == "counted" {
							fmt.Fprintf(&b, "%d %s", len(m), m)
						} else {
							b.WriteString(m + "\n")
						}
					}
					_, err := conn.Write([]byte(b.String()))
					return err
				}}
			})
		})
	}
}

func TestSyslogUDPConforms(t *testing.T) {
	t.Parallel()
	receivetest.Run(t, func(t *testing.T) receivetest.Subject {
		s := openUDP(t, receive.SyslogUDPOptions{})
		conn := dial(t, s.Addr())
		return receivetest.Subject{Receiver: s, Loses: true, Send: func(messages []string) error {
			for _, m := range messages {
				if _, err := conn.Write([]byte(m)); err != nil {
					return err
				}
			}
			return nil
		}}
	})
}
