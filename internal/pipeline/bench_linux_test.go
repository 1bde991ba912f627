package pipeline_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/pipeline"
	"golang.org/x/sys/unix"
)

// BenchmarkPrepareCorpus measures routing and parsing of the lines of a file that
// LLAMA_CORPUS names as they come over TCP: in chunks that were just read, and in runs
// whose fields stay near. It reports CPU time of its thread, so that it can be measured
// on a machine that others use.
func BenchmarkPrepareCorpus(b *testing.B) {
	const run = 64
	next := chunks(b)
	sink := open(b, "", discard).From(pipeline.Origin{Receiver: "syslog", Port: 5514})
	at := llama.At(time.Date(2026, 11, 20, 10, 0, 1, 0, time.UTC))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]llama.Event, run)
	done, spent := 0, int64(0)
	for b.Loop() {
		chunk := next()
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

// chunks returns a function that returns one MiB of whole lines of the corpus after another, in
// memory of their own, and begins anew at its end.
func chunks(b *testing.B) func() string {
	const chunkBytes = 1 << 20
	text := strings.Join(corpus(b), "\n") + "\n"
	rest := text
	return func() string {
		if len(rest) < chunkBytes {
			rest = text
		}
		end := strings.LastIndexByte(rest[:min(chunkBytes, len(rest))], '\n') + 1
		chunk := strings.Clone(rest[:end])
		rest = rest[end:]
		return chunk
	}
}

// threadTime returns the CPU time of this thread, in nanoseconds.
func threadTime(b *testing.B) int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return t.Nano()
}

// BenchmarkEncodeCorpus measures the same with the archive's half of Put up to the disk:
// runs of 64 events are parsed and written down, and become a frame for each MiB of lines.
func BenchmarkEncodeCorpus(b *testing.B) {
	chunk := chunks(b)
	next := &encodingSink{b: b}
	sink := open(b, "", next).From(pipeline.Origin{Receiver: "syslog", Port: 5514})
	at := llama.At(time.Date(2026, 11, 20, 10, 0, 1, 0, time.UTC))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one worker, and so one thread
	var events []llama.Event
	done := 0
	for b.Loop() {
		events = events[:0]
		for line := range strings.Lines(chunk()) {
			events = append(events, llama.Event{Time: at, Ingested: at, Source: "syslog-tcp 192.0.2.1", Message: line[:len(line)-1]})
		}
		if err := sink.Put(context.Background(), &llama.Batch{Events: events}); err != nil {
			b.Fatal(err)
		}
		done += len(events)
	}
	all := float64(next.prepare + next.add + next.frame)
	b.ReportMetric(float64(next.prepare)/float64(done), "prepare-ns/event")
	b.ReportMetric(float64(next.add)/float64(done), "add-ns/event")
	b.ReportMetric(float64(next.frame)/float64(done), "frame-ns/event")
	b.ReportMetric(all/float64(done), "cpu-ns/event")
}

// An encodingSink does what an archive does before it writes, and keeps time.
type encodingSink struct {
	b                   *testing.B
	encoder             wal.Encoder
	prepare, add, frame int64 // ns of this thread
}

func (s *encodingSink) Put(ctx context.Context, b *llama.Batch) error { return s.PutPrepared(ctx, b) }

func (s *encodingSink) PutPrepared(_ context.Context, b *llama.Batch, prepare ...func([]llama.Event, []*column.Layout) error) error {
	s.encoder.Plain = true
	for at := 0; at < len(b.Events); at += 64 {
		run := b.Events[at:min(at+64, len(b.Events))]
		layouts := make([]*column.Layout, len(run))
		t0 := threadTime(s.b)
		if err := prepare[0](run, layouts); err != nil {
			return err
		}
		t1 := threadTime(s.b)
		if err := s.encoder.Add(run, at, layouts); err != nil {
			return err
		}
		s.prepare, s.add = s.prepare+t1-t0, s.add+threadTime(s.b)-t1
	}
	t := threadTime(s.b)
	_, err := s.encoder.Frame(llama.Position{}, len(b.Events))
	s.frame += threadTime(s.b) - t
	return err
}
