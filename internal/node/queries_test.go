package node

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
)

// BenchmarkPut puts batches of 500 events, alone and beside ten heavy queries, in the pool
// of a node and out of it.
func BenchmarkPut(b *testing.B) {
	for _, how := range []string{"alone", "beside", "without pool"} {
		b.Run(how, func(b *testing.B) {
			s := newTailed(b)
			batch := func() *llama.Batch {
				events := make([]llama.Event, 500)
				for i := range events {
					now := llama.At(time.Now())
					events[i] = llama.Event{Time: now, Ingested: now, Collection: "c", Message: fmt.Sprintf("message %d of user u%d from 10.0.0.%d", i, i%7, i%250)}
				}
				return &llama.Batch{Events: events}
			}
			for range 200 {
				if err := s.archive.Put(b.Context(), batch()); err != nil {
					b.Fatal(err)
				}
			}
			budgets := newBudgets(QueryOptions{}, s.archive)
			q := parsed(b, `_msg:~"[0-9]+[a-z]+[0-9]+zz" | stats count() n`)
			ctx, cancel := context.WithCancel(b.Context())
			var group sync.WaitGroup
			if how != "alone" {
				for range 10 {
					group.Go(func() {
						for ctx.Err() == nil {
							_ = budgets.run(ctx, "n", func(ctx context.Context, o query.RunOptions) error {
								if how == "without pool" {
									o.Pool = nil
								}
								snapshot := s.archive.Snapshot()
								defer snapshot.Close()
								return q.Lines(ctx, snapshot, o, func([]byte, int) error { return nil })
							})
						}
					})
				}
			}
			b.ResetTimer()
			for b.Loop() {
				if err := s.archive.Put(b.Context(), batch()); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(500*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			cancel()
			group.Wait()
		})
	}
}
