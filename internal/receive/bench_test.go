package receive_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/receive"
)

// A roundTrip is one request, in the shape of a receiver.
type roundTrip struct {
	*http.Transport
	r    *http.Request
	done chan error
}

func (t roundTrip) Run(context.Context, llama.Sink) error {
	answer, err := t.RoundTrip(t.r)
	if err == nil {
		err = answer.Body.Close()
	}
	t.done <- err
	return nil
}

func (t roundTrip) Close() error { return nil }

// BenchmarkSyslogTCP measures from socket to sink, on loopback.
func BenchmarkSyslogTCP(b *testing.B) {
	line := "<38>Nov 20 10:00:00 gate sshd[812]: Accepted password for root from 192.0.2.7 port 50022 ssh2\n"
	for _, bench := range []struct{ name, message string }{
		{"lines", line},
		{"counted", fmt.Sprintf("%d %s", len(line), line)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			const n = 1000
			var got atomic.Int64
			done := make(chan struct{}, 1)
			total := int64(0)
			s := openTCP(b, receive.SyslogTCPOptions{})
			run(b, s, llama.SinkFunc(func(_ context.Context, batch *llama.Batch) error {
				if got.Add(int64(len(batch.Events)))%n == 0 {
					select {
					case done <- struct{}{}:
					default:
					}
				}
				return nil
			}))
			conn := dial(b, s.Addr())
			chunk := []byte(strings.Repeat(bench.message, n))
			b.ReportAllocs()
			b.SetBytes(int64(len(chunk)))
			for b.Loop() {
				if _, err := conn.Write(chunk); err != nil {
					b.Fatal(err)
				}
				total += n
			}
			for got.Load() < total {
				<-done
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkInsertJSON measures from request to answer, on loopback.
func BenchmarkInsertJSON(b *testing.B) {
	object := `{"@timestamp":"2026-11-20T10:00:00.123Z","message":"Accepted password for root from 192.0.2.7 port 51888 ssh2","host":{"name":"web1"},"process":{"name":"sshd","pid":4711},"log":{"level":"info"}}` + "\n"
	const n = 20_000
	body := []byte(strings.Repeat(object, n))
	h := openHTTP(b, receive.HTTPOptions{})
	run(b, h, llama.SinkFunc(func(context.Context, *llama.Batch) error { return nil }))
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r, err := http.NewRequest("POST", "http://"+h.Addr().String()+"/insert/jsonl?collection=a", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil || answer.StatusCode != 200 {
			b.Fatal(answer, err)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
