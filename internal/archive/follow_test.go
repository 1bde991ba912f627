package archive

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
)

// followed reads events from a number on until it has those up to last.
func followed(t *testing.T, a *Archive, from, last uint64) (got []llama.Event) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := a.Follow(ctx, from, func(events []llama.Event) error {
		got = append(got, events...)
		if got[len(got)-1].Seq >= last {
			cancel()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestFollowFromEachPlace(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	o := small()
	a := open(t, disk, m, o)
	rng := rand.New(rand.NewPCG(5, 5))
	var want []llama.Event
	for i := range 40 { // segments, heads, memory
		b := batch(rng, 7)
		put(t, a, b)
		want = append(want, b.Events...)
		if i%9 == 8 && i < 30 {
			if err := a.sealDue(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(a.recent.frames) == 40 {
		t.Fatal("all is in memory")
	}
	for from := uint64(1); from <= uint64(len(want)); from += 3 {
		if diff := diffEvents(want[from-1:], followed(t, a, from, uint64(len(want)))); diff != "" {
			t.Fatalf("from %d (-want +got):\n%s", from, diff)
		}
	}
}

func TestFollowNewEventsWhilePutting(t *testing.T) {
	t.Parallel()
	o := small()
	o.RecentSize = 2 * config.KiB
	a := open(t, fsys.NewMem(), newMaster(t), o)
	rng := rand.New(rand.NewPCG(5, 5))
	put(t, a, batch(rng, 5)) // not new
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var followers sync.WaitGroup
	got := make([][]llama.Event, 4)
	ready := make(chan struct{}, len(got))
	const total = 300
	for i := range got {
		followers.Go(func() {
			from := uint64(6)
			if i == 0 {
				from = 0 // waits for the first that is put
				ready <- struct{}{}
			}
			if err := a.Follow(ctx, from, func(events []llama.Event) error {
				got[i] = append(got[i], events...)
				if n := len(got[i]); got[i][n-1].Seq == total+5 {
					return errDone
				}
				return nil
			}); !errors.Is(err, errDone) {
				t.Errorf("follower %d: %v", i, err)
			}
		})
	}
	<-ready
	var want []llama.Event
	for len(want) < total {
		if len(want) == 0 {
			for a.waiting() == false { // until the one from 0 waits, or it begins later
			}
		}
		b := batch(rng, 3)
		put(t, a, b)
		want = append(want, b.Events...)
		if rng.IntN(10) == 0 {
			if err := a.sealDue(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	followers.Wait()
	for i := range got {
		if diff := diffEvents(want[got[i][0].Seq-6:], got[i]); diff != "" || i > 0 && len(got[i]) != total {
			t.Errorf("follower %d (-want +got):\n%s", i, diff)
		}
	}
}

var errDone = errors.New("done")

// waiting reports whether a follower has nothing to do.
func (a *Archive) waiting() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.woken != nil
}

func TestFollowEnds(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	put(t, a, batch(rand.New(rand.NewPCG(5, 5)), 5))
	if err := a.Follow(t.Context(), 1, func([]llama.Event) error { return errDone }); !errors.Is(err, errDone) {
		t.Errorf("when fn fails: %v", err)
	}
	var follower sync.WaitGroup
	follower.Go(func() {
		if err := a.Follow(t.Context(), 0, func([]llama.Event) error { return nil }); err != nil {
			t.Errorf("when the archive is closed: %v", err)
		}
	})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	follower.Wait()
}

func TestFollowLeavesOutWhatExpired(t *testing.T) {
	t.Parallel()
	o := small()
	o.Retention.Age = day
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, o)
	old := batch(rand.New(rand.NewPCG(5, 5)), 50)
	for i := range old.Events {
		old.Events[i].Ingested = llama.At(now.Add(-9 * day))
	}
	put(t, a, old)
	fresh := batch(rand.New(rand.NewPCG(5, 6)), 3)
	for i := range fresh.Events {
		fresh.Events[i].Ingested = llama.At(now)
	}
	put(t, a, fresh)
	if err := errors.Join(a.sealAll(t.Context()), a.upkeep(t.Context()), a.Close()); err != nil {
		t.Fatal(err)
	}
	a = open(t, disk, m, o)
	if diff := diffEvents(fresh.Events, followed(t, a, 1, 53)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
