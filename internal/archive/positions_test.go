package archive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
)

// lines makes the batch of the lines from first to last of a source, of which each
// third is blank and makes no event.
func lines(source string, first, last uint64) *llama.Batch {
	b := &llama.Batch{Position: llama.Position{Source: source, Epoch: "e", First: first, Last: last}}
	for n := first; n <= last; n++ {
		if n%3 != 2 {
			b.Events = append(b.Events, llama.Event{Collection: "c", Ingested: llama.At(now), Message: fmt.Sprint(source, " ", n), Place: n})
		}
	}
	return b
}

// messages returns what an archive holds, as a set.
func messages(t *testing.T, a *Archive) map[string]int {
	t.Helper()
	events, err := contents(a)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, e := range events {
		got[e.Message]++
	}
	return got
}

// through returns the messages of the first n lines of a source, each once.
func through(source string, n uint64) map[string]int {
	want := map[string]int{}
	for _, e := range lines(source, 0, n).Events {
		if e.Place < n {
			want[e.Message] = 1
		}
	}
	return want
}

func TestPositions(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	steps := []struct {
		first, last, next uint64
		gap               bool
	}{
		{first: 5, last: 6, next: 0, gap: true},
		{first: 0, last: 3, next: 4},
		{first: 0, last: 3, next: 4}, // the same again
		{first: 1, last: 2, next: 4},
		{first: 5, last: 9, next: 4, gap: true},
		{first: 2, last: 6, next: 7}, // an overlap
		{first: 7, last: 7, next: 8},
		{first: 8, last: 8, next: 9}, // a blank line only
		{first: 8, last: 8, next: 9},
		{first: 9, last: 20, next: 21},
	}
	for i, s := range steps {
		err := a.Put(t.Context(), lines("s", s.first, s.last))
		gap, isGap := errors.AsType[*llama.GapError](err)
		if isGap != s.gap || err != nil && !isGap || isGap && (gap.Want != s.next || gap.First != s.first) {
			t.Fatalf("step %d, %+v: %v", i, s, err)
		}
		if i%3 == 1 {
			disk = disk.Kill()
			a = open(t, disk, m, small())
		}
		if got := a.Next("s", "e"); got != s.next {
			t.Fatalf("step %d, %+v: %d is expected next", i, s, got)
		}
		if diff := cmp.Diff(through("s", s.next), messages(t, a)); diff != "" {
			t.Fatalf("step %d, %+v: messages (-want +got):\n%s", i, s, diff)
		}
	}
	if got := a.Next("s", "another"); got != 0 {
		t.Errorf("another epoch begins at %d", got)
	}
}

func TestKnownEventsHaveNoSeq(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	put(t, a, lines("s", 0, 3))
	b := lines("s", 3, 4)
	put(t, a, b)
	if b.Events[0].Seq != 0 || b.Events[1].Seq != 4 {
		t.Errorf("numbers %d, %d of an event that was known and a new one, want 0, 4", b.Events[0].Seq, b.Events[1].Seq)
	}
}

func TestPositionsOutliveTheLog(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	put(t, a, lines("s", 0, 9))
	put(t, a, lines("blank", 0, 1))
	put(t, a, lines("blank", 2, 2)) // no event at all
	sealed(t, a)
	if a.Stat().LogBytes != 0 {
		t.Errorf("%d bytes of log when all is sealed", a.Stat().LogBytes)
	}
	a = open(t, disk.Crash(1), m, small())
	if s, blank := a.Next("s", "e"), a.Next("blank", "e"); s != 10 || blank != 3 {
		t.Errorf("next %d and %d, want 10 and 3", s, blank)
	}
	if got := a.Stat().NextSeq; got != 10 {
		t.Errorf("the next event gets number %d, want 10", got)
	}
}

// TestSourceAtOnce offers the same lines of a few sources from many sides, in
// batches cut differently: each line is stored once.
func TestSourceAtOnce(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	const total = 60
	var senders sync.WaitGroup
	for sender := range 12 {
		senders.Go(func() {
			rng := rand.New(rand.NewPCG(3, uint64(sender)))
			source := fmt.Sprint("s", sender%3)
			for at := uint64(0); at < total; {
				last := min(at+rng.Uint64N(7), total-1)
				err := a.Put(context.Background(), lines(source, at, last))
				if gap, ok := errors.AsType[*llama.GapError](err); ok {
					at = gap.Want
				} else if err != nil {
					t.Error(err)
					return
				} else {
					at = last + 1
				}
			}
		})
	}
	senders.Wait()
	want := map[string]int{}
	for sender := range 3 {
		for message := range through(fmt.Sprint("s", sender), total) {
			want[message] = 1
		}
	}
	if diff := cmp.Diff(want, messages(t, a)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestPutGivesUpWaitingForItsTurn(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	key := positionKey{"s", "e"}
	if err := a.positions.acquire(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.positions.acquire(ctx, key); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	a.positions.release(key)
	if n := a.positions.count(); n != 0 {
		t.Errorf("%d sources are known, of which none has stored anything", n)
	}
}

func TestPositionsAreBounded(t *testing.T) {
	t.Parallel()
	o := small()
	o.PositionsSize = 4 * config.KiB
	clock := now
	a := open(t, fsys.NewMem(), newMaster(t), o)
	for i := range 200 {
		clock = clock.Add(1e9)
		a.positions.advance(positionKey{fmt.Sprint("s", i), "e"}, 7, clock.Unix())
	}
	if n := a.positions.count(); n < 15 || n > 30 {
		t.Errorf("%d sources are kept", n)
	}
	if a.Next("s199", "e") != 8 || a.Next("s0", "e") != 0 {
		t.Error("not the source that was not used for longest was forgotten")
	}
}
