package task

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ask submits a query and waits for its end, as the API's clients do.
func ask(b *testing.B, w *world) {
	q, err := w.central.Submit(context.Background(), Request{Query: "*", User: "eva"})
	if err != nil {
		b.Error(err)
		return
	}
	for _, err := range w.central.Watch(context.Background(), q.ID, false) {
		if err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkRoundTrip asks one trivial query after the other: through the store,
// the broker, one node and back.
func BenchmarkRoundTrip(b *testing.B) {
	w := newWorld(b, Options{})
	w.site("a", emits(0, 1, 10))
	var times []time.Duration
	for b.Loop() {
		start := time.Now()
		ask(b, w)
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkThroughput asks 32 trivial queries at once.
func BenchmarkThroughput(b *testing.B) {
	w := newWorld(b, Options{PerUser: 100})
	w.site("a", emits(0, 1, 10))
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var asking sync.WaitGroup
	for range 32 {
		asking.Go(func() {
			for left.Add(-1) >= 0 {
				ask(b, w)
			}
		})
	}
	asking.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
}

// BenchmarkFrames sends one result of many small frames, of which each is made
// durable.
func BenchmarkFrames(b *testing.B) {
	w := newWorld(b, Options{})
	const frames = 500
	w.site("a", emits(0, 10*frames, 10))
	for b.Loop() {
		ask(b, w)
	}
	b.ReportMetric(frames*float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}

func BenchmarkRows(b *testing.B) {
	var rows []Row
	for n := range chunkRows {
		rows = append(rows, numbered(n))
	}
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			encodeRows(rows)
		}
		b.ReportMetric(chunkRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	data := encodeRows(rows)
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := decodeRows(data); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(chunkRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		b.ReportMetric(float64(len(data))/chunkRows, "bytes/row")
	})
}
