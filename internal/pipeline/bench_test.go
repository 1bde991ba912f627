package pipeline_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/pipeline"
	"github.com/llama-logs/llama/internal/seal"
)

// The kinds of events that a site sends most, as they come over syslog.
var kinds = []struct{ name, line string }{
	{"sshd", `<86>1 2026-11-20T10:00:00.364066Z db-007.example.net sshd 19768 - - Failed password for invalid user admin from 192.0.2.7 port 50022 ssh2`},
	{"linux", `<30>Nov 20 10:00:00 hdp-002.example.net su[1922]: session closed for user oscar`},
	{"nginx", `<134>1 2026-11-20T10:00:00.846703Z web-002.example.net nginx 712 - - 192.0.2.26 - - [20/Nov/2026:10:00:00 +0000] "GET /cart/user/account/2414.html HTTP/1.1" 200 1458 "-" "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/110.0.0.0 Safari/537.36"`},
	{"asa", `<166>Nov 20 10:00:00 fw-001.example.net asa[3891]: %ASA-6-302014: Teardown TCP connection 1000088 for outside:198.51.100.9/59164 to inside:10.22.34.144/443 duration 0:14:05 bytes 128 TCP FINs`},
	{"hadoop", `<140>1 2026-11-20T10:00:00.547528Z hdp-002.example.net yarn 3210 - - WARN [RMCommunicator Allocator] org.apache.hadoop.ipc.Client: Address change detected. Old: node-41/10.21.57.225:1941 New: node-41:5370`},
	{"json", `<150>1 2026-11-20T10:00:00.126607Z app-021.example.net payments 3537 - - {"level":"info","msg":"retrying after upstream timeout","user_id":"anna","trace_id":"e1e89158-61d5-46f7-a165-e00486f1d9a2","duration_ms":85.473,"http":{"method":"POST","url":"/api/v1/user/search","status":200,"remote":"10.20.49.167"}}`},
}

// discard is an archive that takes no time.
var discard = llama.SinkFunc(func(context.Context, *llama.Batch) error { return nil })

// benchmarkPut measures Put with batches of the lines, as many at once as stay on
// one core, so that what it shows is the time of one.
func benchmarkPut(b *testing.B, batch int, lines []string, next llama.Sink) {
	sink := open(b, "routes: [{when: {program: other}, collection: other}]", next).From(pipeline.Origin{Receiver: "syslog", Port: 5514})
	at := llama.At(time.Date(2026, 11, 20, 10, 0, 1, 0, time.UTC))
	events := make([]llama.Event, batch)
	done, bytes := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		for i := range events {
			line := lines[(done+i)%len(lines)]
			bytes += len(line)
			events[i] = llama.Event{Time: at, Ingested: at, Source: "syslog-tcp 192.0.2.1", Message: line, Fields: events[i].Fields[:0]}
		}
		if err := sink.Put(context.Background(), &llama.Batch{Events: events}); err != nil {
			b.Fatal(err)
		}
		done += batch
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/event")
	b.ReportMetric(float64(bytes)/float64(done), "bytes/event")
}

func BenchmarkPut(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) { benchmarkPut(b, 500, []string{k.line}, discard) })
	}
}

// BenchmarkPutCorpus measures the same with the lines of a file that
// LLAMA_CORPUS names.
func BenchmarkPutCorpus(b *testing.B) { benchmarkPut(b, 500, corpus(b), discard) }

// BenchmarkPutArchive puts them into an archive, in batches as a fast sender fills
// them: they are parsed, written to the log and, when memory is used up, sealed.
func BenchmarkPutArchive(b *testing.B) {
	lines := corpus(b)
	disk, err := fsys.Dir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer disk.Close()
	path := filepath.Join(b.TempDir(), "key")
	if _, err := seal.CreateKeyFile(path); err != nil {
		b.Fatal(err)
	}
	key, err := seal.OpenKeyFile(path)
	if err != nil {
		b.Fatal(err)
	}
	a, err := archive.Open(disk, key, archive.Options{FreeFloor: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	benchmarkPut(b, 5000, lines, a)
}

func corpus(b *testing.B) []string {
	path := os.Getenv("LLAMA_CORPUS")
	if path == "" {
		b.Skip("LLAMA_CORPUS names no file of syslog lines")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	const enough = 100 << 20
	if len(text) > enough {
		text = text[:bytes.LastIndexByte(text[:enough], '\n')]
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}
