package pipeline_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/pipeline"
	"golang.org/x/sys/unix"
)

// BenchmarkPrepareCorpus measures routing and parsing of the lines of a file that
// LLAMA_CORPUS names as they come over TCP: in chunks that were just read, and in runs
// whose fields stay near. It reports CPU time of its thread, so that it can be measured
// on a machine that others use.
func BenchmarkPrepareCorpus(b *testing.B) {
	const chunkBytes, run = 1 << 20, 64
	text := strings.Join(corpus(b), "\n") + "\n"
	sink := open(b, "", discard).From(pipeline.Origin{Receiver: "syslog", Port: 5514})
	at := llama.At(time.Date(2026, 11, 20, 10, 0, 1, 0, time.UTC))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]llama.Event, run)
	rest, done, spent := text, 0, int64(0)
	for b.Loop() {
		if len(rest) < chunkBytes {
			rest = text
		}
		end := strings.LastIndexByte(rest[:min(chunkBytes, len(rest))], '\n') + 1
		chunk := strings.Clone(rest[:end])
		rest = rest[end:]
		start := threadTime(b)
		for chunk != "" {
			n := 0
			for ; n < run && chunk != ""; n++ {
				i := strings.IndexByte(chunk, '\n')
				events[n] = llama.Event{Time: at, Ingested: at, Source: "syslog-tcp 192.0.2.1", Message: chunk[:i]}
				chunk = chunk[i+1:]
			}
			if err := sink.Put(context.Background(), &llama.Batch{Events: events[:n]}); err != nil {
				b.Fatal(err)
			}
			done += n
		}
		spent += threadTime(b) - start
	}
	b.ReportMetric(float64(spent)/float64(done), "cpu-ns/event")
}

// threadTime returns the CPU time of this thread, in nanoseconds.
func threadTime(b *testing.B) int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return t.Nano()
}
