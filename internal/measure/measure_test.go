package measure

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/prometheus/client_golang/prometheus"
)

func TestNumbersBecomeEvents(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	taken := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "taken_total", Help: "t"}, []string{"door", "kind"})
	free := prometheus.NewGauge(prometheus.GaugeOpts{Name: "free_bytes", Help: "f"})
	wait := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wait_seconds", Help: "w"})
	reg.MustRegister(taken, free, wait)
	taken.WithLabelValues(`a "door"`, "tcp").Add(12)
	free.Set(1e15)
	wait.Observe(0.25)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range Events(families, 7) {
		if e.Time != 7 || e.Ingested != 7 || e.Collection != Collection {
			t.Errorf("%s: time %d, %d, collection %s", e.Message, e.Time, e.Ingested, e.Collection)
		}
		line := e.Message + " |"
		for _, f := range e.Fields {
			line += " " + f.Name + "=" + f.Value
		}
		got = append(got, line)
	}
	want := []string{
		`free_bytes 1000000000000000 | metric.name=free_bytes metric.type=gauge metric.value=1000000000000000`,
		`taken_total{door="a \"door\"",kind="tcp"} 12 | metric.name=taken_total metric.type=counter metric.value=12 labels.door=a "door" labels.kind=tcp`,
		`wait_seconds_count 1 | metric.name=wait_seconds_count metric.type=counter metric.value=1`,
		`wait_seconds_sum 0.25 | metric.name=wait_seconds_sum metric.type=counter metric.value=0.25`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// sink counts batches, and ends the run with the second.
type sink struct {
	mu   sync.Mutex
	puts int
	end  context.CancelFunc
}

func (s *sink) Put(context.Context, *llama.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.puts++; s.puts == 2 {
		s.end()
	}
	return nil
}

func TestRunWritesUntilItIsOver(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "one", Help: "o"}))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	into := &sink{end: cancel}
	if err := Run(ctx, Options{From: reg, Into: into, Log: slog.New(slog.DiscardHandler), Every: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if into.puts < 2 {
		t.Errorf("%d batches were written, want two", into.puts)
	}
}
