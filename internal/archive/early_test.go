package archive

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
)

// TestWhatIsAskedIsPackedEarly: a block that is not full is packed where somebody asks and
// nothing comes in, if it is worth it, and otherwise stays as it is; whoever reads it meanwhile
// reads on, what comes then is in another block, and merging makes one of them.
func TestWhatIsAskedIsPackedEarly(t *testing.T) {
	t.Parallel()
	clock := now
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1, BlockRows: 400, Now: func() time.Time { return clock }})
	var want []llama.Event
	add := func(n int) {
		b := numbered(len(want), len(want)+n)
		put(t, a, b)
		want = append(want, b.Events...)
	}
	comesIn := func(at time.Time) {
		a.flow.mu.Lock()
		defer a.flow.mu.Unlock()
		a.flow.came, a.flow.window = at, at
	}
	spare := func(is bool) {
		a.flow.keeps.Store(is)
		a.flow.coming = 1
		if is {
			a.flow.coming = 0
		}
	}
	ask := func() { holds(t, a, want) }
	closes := func(want int, when string) {
		t.Helper()
		if a.askedLately() {
			a.closeEarly()
		}
		must(t, a.pack(t.Context(), a.unpacked()))
		packed := 0
		for _, p := range packedAre(a) {
			if p != nil {
				packed++
			}
		}
		if packed != want {
			t.Errorf("%s: %d blocks are packed, want %d", when, packed, want)
		}
	}
	add(49)
	ask()
	comesIn(time.Time{})
	closes(0, "a small block")
	add(1)
	comesIn(time.Now().Add(time.Hour))
	closes(0, "while events come in")
	comesIn(time.Time{})
	clock = clock.Add(askedFor)
	closes(0, "when nobody has asked for long")
	before := a.Snapshot()
	defer before.Close()
	ask()
	closes(1, "when somebody has asked and nothing comes in")
	if got, err := eventsIn(before); err != nil || len(got) != 50 {
		t.Errorf("a snapshot of before has %d events, %v", len(got), err)
	}
	add(60)
	comesIn(time.Time{})
	ask()
	closes(2, "a second time")
	add(60)
	comesIn(time.Now().Add(time.Hour))
	clock = clock.Add(earlyAge - 1)
	ask()
	closes(2, "while events come in")
	spare(true)
	closes(2, "while events come in, and there is time to spare")
	clock = clock.Add(1)
	spare(false)
	closes(2, "while events come in for long")
	spare(true)
	closes(3, "while events come in for long, and there is time to spare")
	comesIn(time.Time{})
	add(10)
	ask()
	comesIn(time.Time{})
	closes(3, "and what came then")
	if a.headSize != partSize(a) {
		t.Errorf("%d bytes are counted, and the blocks have %d", a.headSize, partSize(a))
	}
	sealed(t, a)
	ask()
	add(80)
	sealed(t, a)
	for {
		more, err := a.mergeOne()
		must(t, err)
		if !more {
			break
		}
	}
	ask()
}

// partSize returns the memory of all blocks of heads.
func partSize(a *Archive) (n int) {
	for p := range a.heads {
		n += p.size()
	}
	return n
}

// running has an archive look after itself until the function ends that is returned.
func running(t *testing.T, a *Archive) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return func() {
		cancel()
		run.Wait()
	}
}

// TestRunPacksEarly: the archive looks for itself, and soon.
func TestRunPacksEarly(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	synctest.Test(t, func(t *testing.T) {
		a := open(t, fsys.NewMem(), m, Options{FreeFloor: 1, BlockRows: 400})
		defer a.Close()
		defer running(t, a)()
		b := numbered(0, 100)
		put(t, a, b)
		holds(t, a, b.Events)
		time.Sleep(2*sealEvery + askedSealEvery)
		synctest.Wait()
		if packed := packedAre(a); len(packed) != 1 || packed[0] == nil {
			t.Errorf("%d blocks, of which the first is not packed", len(packed))
		}
		holds(t, a, b.Events)
	})
}

// TestAskersDoNotHaveItSealOftener: where somebody asks, blocks are packed at each look, and a
// disk on which nothing can be written is tried once a second.
func TestAskersDoNotHaveItSealOftener(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	synctest.Test(t, func(t *testing.T) {
		disk := &full{FS: fsys.NewMem()}
		a := open(t, disk, m, Options{FreeFloor: 1, BlockRows: 400, SealAfter: 1, Logger: slog.New(slog.DiscardHandler)})
		defer a.Close()
		defer disk.is.Store(false)
		b := numbered(0, 100)
		put(t, a, b)
		holds(t, a, b.Events)
		disk.is.Store(true)
		defer running(t, a)()
		time.Sleep(10*sealEvery + askedSealEvery/2)
		synctest.Wait()
		if n := disk.tried.Load(); n < 9 || n > 11 {
			t.Errorf("in ten seconds %d segments are tried to be written", n)
		}
		put(t, a, numbered(100, 200))
		time.Sleep(busyFor + askedSealEvery)
		synctest.Wait()
		for _, p := range packedAre(a) {
			if p == nil {
				t.Error("a block is not packed")
			}
		}
	})
}

// full is a disk on which no folder can be made while it is full.
type full struct {
	fsys.FS
	is    atomic.Bool
	tried atomic.Int64
}

func (f *full) MkdirAll(name string) error {
	if f.is.Load() {
		f.tried.Add(1)
		return syscall.ENOSPC
	}
	return f.FS.MkdirAll(name)
}
