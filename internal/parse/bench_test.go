package parse

import (
	"testing"

	"github.com/llama-logs/llama"
)

const (
	sshdLine   = `<38>Mar  7 09:15:02 gate sshd[812]: Failed password for invalid user admin from 192.0.2.7 port 50022 ssh2`
	rfc5424    = `<165>1 2026-03-07T09:15:02.123456Z app1.example.org shop 4711 order - placed order 17 for 3 items`
	accessLine = `192.0.2.7 - - [07/Mar/2026:09:15:02 +0000] "GET /presentations/2026/images/a.png?size=2 HTTP/1.1" 200 203023 "https://example.org/presentations/2026/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36"`
	asaLine    = `<166>Mar 07 2026 09:15:02 fw1 : %ASA-6-302014: Teardown TCP connection 4711 for outside:198.51.100.9/443 to inside:192.0.2.7/50022 duration 0:01:07 bytes 44010 TCP FINs`
	jsonLine   = `{"time":"2026-03-07T09:15:02.123Z","level":"info","msg":"request done","http":{"request":{"method":"GET"},"response":{"status_code":200,"bytes":5120}},"url":{"path":"/api/v1/items"},"user":{"name":"anna"},"source":{"ip":"192.0.2.7","port":50123}}`
	kvLine     = `level=info ts=2026-03-07T09:15:02.123Z caller=main.go:42 msg="request done" method=GET path=/api/v1/items status=200 took=1.25ms`
)

func benchmark(b *testing.B, name, line string) {
	p, err := load(b).Parser(name)
	if err != nil {
		b.Fatal(err)
	}
	e := llama.Event{Message: line, Ingested: llama.At(arrival), Fields: make([]llama.Field, 0, 64)}
	room := e.Fields
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		e.Message, e.Fields = line, room[:0]
		if err := p.Parse(&e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(e.Fields)), "fields")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkSyslog3164(b *testing.B) { benchmark(b, "syslog", sshdLine) }
func BenchmarkSyslog5424(b *testing.B) { benchmark(b, "syslog", rfc5424) }
func BenchmarkAutoSSHD(b *testing.B)   { benchmark(b, Auto, sshdLine) }
func BenchmarkAutoASA(b *testing.B)    { benchmark(b, Auto, asaLine) }
func BenchmarkAutoAccess(b *testing.B) { benchmark(b, Auto, accessLine) }
func BenchmarkAutoJSON(b *testing.B)   { benchmark(b, Auto, jsonLine) }
func BenchmarkAutoPlain(b *testing.B) {
	benchmark(b, Auto, "an ordinary line of text that nobody knows")
}
func BenchmarkAutoCron(b *testing.B) {
	benchmark(b, Auto, `<78>Mar  7 09:17:01 gate CRON[812]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)`)
}
func BenchmarkAccessLog(b *testing.B) { benchmark(b, "access_log", accessLine) }
func BenchmarkKV(b *testing.B)        { benchmark(b, "kv", kvLine) }

func benchmarkParser(b *testing.B, p Parser, err error, line string) {
	if err != nil {
		b.Fatal(err)
	}
	e := llama.Event{Message: line, Ingested: llama.At(arrival), Fields: make([]llama.Field, 0, 64)}
	room := e.Fields
	b.ReportAllocs()
	for b.Loop() {
		e.Fields = room[:0]
		if err := p.Parse(&e); err != nil {
			b.Fatal(err)
		}
	}
}

// The same line by a schema, by grok and by hand (BenchmarkAccessLog).
func BenchmarkSchema(b *testing.B) {
	p, err := NewSchema(`$client $ident $user \[$time...\] "$method $url HTTP/$version" $status $bytes "$referrer..." "$agent..."`, Options{})
	benchmarkParser(b, p, err, accessLine)
}

func BenchmarkGrok(b *testing.B) {
	p, err := grokParser("^%{HTTPD_COMBINEDLOG}")
	benchmarkParser(b, p, err, accessLine)
}
