package archive

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/segment"
)

// daily puts n events a day for days days up to today, and seals each day.
func daily(t *testing.T, a *Archive, collection string, days, n int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(9, 9))
	for d := days - 1; d >= 0; d-- {
		b := batch(rng, n)
		for i := range b.Events {
			b.Events[i].Collection = collection
			b.Events[i].Ingested = llama.At(now.Add(-time.Duration(d) * day))
		}
		put(t, a, b)
		sealed(t, a)
	}
}

// keys returns the ids of the days' keys.
func keys(a *Archive) []string {
	return slices.DeleteFunc(a.keyring.IDs(), func(id string) bool { return !strings.HasPrefix(id, keyPrefix) })
}

func TestExpireByAge(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	o := small()
	o.Retention.Age = 3 * day
	o.Collections = map[string]Retention{"long": {Age: 6 * day}}
	a := open(t, disk, m, o)
	daily(t, a, "short", 8, 5)
	daily(t, a, "long", 8, 5)
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Of the 20th at noon, a day of three days' age ended on the 17th at noon or before.
	want := []string{
		"collection/long/2026-11-14", "collection/long/2026-11-15", "collection/long/2026-11-16", "collection/long/2026-11-17",
		"collection/long/2026-11-18", "collection/long/2026-11-19", "collection/long/2026-11-20",
		"collection/short/2026-11-17", "collection/short/2026-11-18", "collection/short/2026-11-19", "collection/short/2026-11-20",
	}
	if diff := cmp.Diff(want, keys(a)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if got := a.Stat().Events; got != 55 {
		t.Errorf("%d events are left, want 55", got)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open(t, disk, m, o)
	if s := a.Stat(); s.Events != 55 || s.NextSeq != 81 {
		t.Errorf("after a restart %d events and number %d next, want 55 and 81", s.Events, s.NextSeq)
	}
	if days, _ := disk.List("segments/short"); len(days) != 4 {
		t.Errorf("folders left: %v", days)
	}
}

func TestExpireBySize(t *testing.T) {
	t.Parallel()
	o := small()
	a := open(t, fsys.NewMem(), newMaster(t), o)
	daily(t, a, "c", 6, 20)
	s := a.Snapshot()
	size := s.Collections()[0].Bytes
	s.Close()
	a.o.Collections = map[string]Retention{"c": {Size: config.Size(size / 2)}}
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := a.Stat(); left.SegmentBytes > size/2 || left.SegmentBytes == 0 {
		t.Errorf("%d of %d bytes are left, want half", left.SegmentBytes, size)
	}
	got := keys(a)
	if len(got) < 2 || len(got) > 4 || got[len(got)-1] != "collection/c/2026-11-20" || got[0] <= "collection/c/2026-11-16" {
		t.Errorf("days left: %v", got)
	}
}

// TestExpireBySizeOfAll limits what all collections take together.
func TestExpireBySizeOfAll(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	daily(t, a, "a", 6, 20)
	daily(t, a, "b", 6, 20)
	size := a.Stat().SegmentBytes + a.Stat().LogBytes
	a.o.Size = config.Size(size * 2 / 3)
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := a.Stat()
	if taken := left.SegmentBytes + left.LogBytes; taken > int64(a.o.Size) || taken < size/3 {
		t.Errorf("%d of %d bytes are left, want no more than two thirds, and not much less", taken, size)
	}
	want := []string{
		"collection/a/2026-11-17", "collection/a/2026-11-18", "collection/a/2026-11-19", "collection/a/2026-11-20",
		"collection/b/2026-11-17", "collection/b/2026-11-18", "collection/b/2026-11-19", "collection/b/2026-11-20",
	}
	if diff := cmp.Diff(want, keys(a)); diff != "" {
		t.Errorf("days left (-want +got):\n%s", diff)
	}
}

// TestFullDiskExpiresIfItMay fills a disk: days that are over go, if that was asked
// for, and no more than it needs; what came today stays, and senders wait.
func TestFullDiskExpiresIfItMay(t *testing.T) {
	t.Parallel()
	for _, whenFull := range []string{whenFullWait, whenFullExpire} {
		disk := fsys.NewMem()
		o := small()
		o.WhenFull, o.FreeFloor = whenFull, 4000
		a := open(t, disk, newMaster(t), o)
		daily(t, a, "c", 6, 20)
		before := a.Stat()
		all := len(keys(a))
		disk.SetFree(4900) // the floor, and nearly a quarter of it
		if err := a.upkeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := len(keys(a)), map[string]int{whenFullWait: all, whenFullExpire: all - 1}[whenFull]; got != want {
			t.Errorf("%s: %d of %d days are left, want %d", whenFull, got, all, want)
		}
		disk.SetFree(3000)
		if whenFull == whenFullExpire {
			s := a.Snapshot()
			if err := a.upkeep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := a.Stat().Events; got >= before.Events {
				t.Errorf("%d events are left of %d", got, before.Events)
			}
			left := a.Stat().Events
			if err := a.upkeep(t.Context()); err != nil { // files wait for the reader
				t.Fatal(err)
			}
			if got := a.Stat().Events; got != left {
				t.Errorf("%d events are left, %d before, while files wait to be removed", got, left)
			}
			s.Close()
			for range 20 {
				disk.SetFree(3000)
				if err := a.upkeep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := keys(a); len(got) != 1 || got[0] != "collection/c/2026-11-20" {
				t.Errorf("days left: %v", got)
			}
		}
		disk.SetFree(3000)
		if err := a.Put(t.Context(), lines("s", 0, 2)); llama.CodeOf(err) != llama.Unavailable {
			t.Errorf("%s: put on a full disk: %v", whenFull, err)
		}
	}
}

// TestWrongClockRemovesNothing starts with a clock that is years ahead, and sets it
// right within the hour; and then lets it jump for a while.
func TestWrongClockRemovesNothing(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	synctest.Test(t, func(t *testing.T) {
		var wrong atomic.Int64
		o := small()
		o.Now = func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) }
		o.Retention.Age = 3 * day
		a := open(t, fsys.NewMem(), m, o)
		put(t, a, lines("s", 0, 2)) // dated as the tests have it, long after the clock here
		want := a.Stat().Events
		sealed(t, a)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { a.Run(ctx) })
		defer run.Wait()
		defer cancel()
		for range 5 {
			wrong.Store(int64(100 * 365 * day))
			time.Sleep(50 * time.Minute)
			if got := a.Stat().Events; got != want {
				t.Fatalf("%d events are left of %d", got, want)
			}
			wrong.Store(0)
			time.Sleep(2 * time.Hour)
		}
		wrong.Store(int64(100 * 365 * day))
		time.Sleep(2 * time.Hour)
		if got := a.Stat().Events; got != 0 {
			t.Errorf("%d events are left by a clock that has been steady", got)
		}
	})
}

func TestExpiredSegmentsWaitForReaders(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	daily(t, a, "c", 3, 5)
	s := a.Snapshot()
	a.o.Retention.Age = day
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, ref := range s.refs("c", -1<<63, 1<<63-1) {
		b, err := ref.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Events(nil, 0, b.Rows()); err != nil {
			t.Error(err)
		}
	}
	if n := len(keys(a)); n != 3 {
		t.Errorf("%d keys are left while a reader needs 3", n)
	}
	s.Close()
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(keys(a)); n != 2 {
		t.Errorf("%d keys are left, want 2", n)
	}
}

func TestMergeBoundsSegments(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	rng := rand.New(rand.NewPCG(4, 4))
	var want []llama.Event
	for range 100 {
		b := batch(rng, 6)
		for i := range b.Events {
			b.Events[i].Collection = "c"
			b.Events[i].Ingested = llama.At(now)
		}
		put(t, a, b)
		want = append(want, b.Events...)
		if err := errors.Join(a.sealAll(t.Context()), a.upkeep(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.Stat().Segments; n > 12 {
		t.Errorf("%d segments of 600 events, where one may have 200", n)
	}
	holds(t, a, want)
	a.o.Now = func() time.Time { return now.Add(2 * day) } // the day is over
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := a.Stat().Segments; n > 6 {
		t.Errorf("%d segments of 600 events when the day is over", n)
	}
	holds(t, a, want)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	holds(t, open(t, disk, m, small()), want)
}

// TestLeftoversAreRemoved brings back what merging had replaced, as a crash before
// the removal does.
func TestLeftoversAreRemoved(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	rng := rand.New(rand.NewPCG(4, 4))
	var want []llama.Event
	for range 4 {
		b := batch(rng, 10)
		for i := range b.Events {
			b.Events[i].Collection, b.Events[i].Ingested = "c", llama.At(now)
		}
		put(t, a, b)
		want = append(want, b.Events...)
		sealed(t, a)
	}
	old := tree(t, disk, segmentsFolder)
	if err := errors.Join(a.upkeep(t.Context()), a.Close()); err != nil {
		t.Fatal(err)
	}
	for name, data := range old {
		if err := errors.Join(fsys.Replace(disk, name, []byte(data)), fsys.Replace(disk, name+".tmp", []byte(data[:20]))); err != nil {
			t.Fatal(err)
		}
	}
	a = open(t, disk, m, small())
	holds(t, a, want)
	if n := len(tree(t, disk, segmentsFolder)); n != 1 {
		t.Errorf("%d files are left, want 1", n)
	}
}

func TestDamagedSegmentLeavesTheRest(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	daily(t, a, "c", 2, 10)
	daily(t, a, "d", 1, 10)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var victim string
	for name, data := range tree(t, disk, "segments/c/2026-11-19") {
		victim = name
		if err := fsys.Replace(disk, name, []byte(data[:len(data)-1])); err != nil {
			t.Fatal(err)
		}
	}
	a = open(t, disk, m, small())
	s := a.Snapshot()
	defer s.Close()
	read, failed := 0, 0
	for _, ref := range s.refs("", -1<<63, 1<<63-1) {
		if _, err := ref.Read(t.Context()); err == nil {
			read += ref.Rows
		} else if corrupt, ok := errors.AsType[*segment.CorruptError](err); ok && corrupt.File == victim {
			failed++
		} else {
			t.Error(err)
		}
	}
	if read != 20 || failed != 1 || a.Stat().Damaged != 1 {
		t.Errorf("read %d events and failed %d times, want 20 and 1", read, failed)
	}
	put(t, a, batch(rand.New(rand.NewPCG(4, 4)), 10))
	if err := errors.Join(a.sealAll(t.Context()), a.upkeep(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestFullDiskRefusesUntilThereIsSpace(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	o := small()
	o.FreeFloor = 1000
	a := open(t, disk, m, o)
	rng := rand.New(rand.NewPCG(4, 4))
	first := batch(rng, 5)
	put(t, a, first)
	for _, free := range []int64{999, 1300, 0} { // below the floor; above it, but not enough; nothing
		disk.SetFree(free)
		b := batch(rng, 200)
		err := a.Put(t.Context(), b)
		if llama.CodeOf(err) != llama.Unavailable || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("with %d bytes free: %v", free, err)
		}
		holds(t, a, first.Events)
	}
	if err := a.sealAll(t.Context()); err == nil {
		t.Error("sealed on a full disk")
	}
	holds(t, a, first.Events)
	disk.SetFree(1 << 30)
	second := batch(rng, 5)
	put(t, a, second)
	want := append(slices.Clone(first.Events), second.Events...)
	holds(t, a, want)
	holds(t, open(t, disk.Crash(3), m, o), want)
}

func TestPutSealsWhenMemoryIsUsedUp(t *testing.T) {
	t.Parallel()
	o := small()
	o.HeadSize = 32 * config.KiB
	a := open(t, fsys.NewMem(), newMaster(t), o)
	rng := rand.New(rand.NewPCG(4, 4))
	var want []llama.Event
	for range 60 {
		b := batch(rng, 20)
		put(t, a, b)
		want = append(want, b.Events...)
		if a.headSize > 96<<10 {
			t.Fatalf("the heads take %d bytes", a.headSize)
		}
	}
	if a.Stat().Segments == 0 {
		t.Error("nothing was sealed")
	}
	holds(t, a, want)
	for _, p := range a.parts {
		for _, b := range p.head {
			a.headSize -= b.size()
		}
	}
	if a.headSize != 0 {
		t.Errorf("%d bytes of memory are counted that nothing takes", a.headSize)
	}
}

// TestRunKeepsTheArchiveSmall lets time pass.
func TestRunKeepsTheArchiveSmall(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	synctest.Test(t, func(t *testing.T) {
		o := small()
		o.Now = nil
		o.Retention.Age = 2 * day
		a := open(t, fsys.NewMem(), m, o)
		ctx, cancel := context.WithCancel(context.Background())
		var run sync.WaitGroup
		run.Go(func() {
			if err := a.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		rng := rand.New(rand.NewPCG(4, 4))
		for range 5 * 24 {
			b := batch(rng, 3)
			for i := range b.Events {
				b.Events[i].Ingested = 0
			}
			put(t, a, b)
			time.Sleep(time.Hour)
		}
		s := a.Stat()
		if s.Events > 4*24*3 || s.Events < 2*24*3 || s.Segments > 30 || s.LogBytes > 10_000 {
			t.Errorf("after 5 days of 3 events an hour, where 2 days are kept: %+v", s)
		}
		if n := len(keys(a)); n > 12 {
			t.Errorf("%d keys are left", n)
		}
		cancel()
		run.Wait()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}
