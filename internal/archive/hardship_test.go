package archive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
)

// A slow disk takes its time for each operation on a file.
type slow struct {
	fsys.FS
	each   time.Duration
	synced atomic.Int64 // how often files of the log were
}

type slowFile struct {
	fsys.File
	disk *slow
	log  bool
}

func (s *slow) open(name string, f fsys.File, err error) (fsys.File, error) {
	time.Sleep(s.each)
	if err != nil {
		return nil, err
	}
	return &slowFile{f, s, strings.HasPrefix(name, wal.Folder+"/")}, nil
}

func (s *slow) Create(name string) (fsys.File, error) {
	f, err := s.FS.Create(name)
	return s.open(name, f, err)
}

func (s *slow) Open(name string) (fsys.File, error) {
	f, err := s.FS.Open(name)
	return s.open(name, f, err)
}

func (s *slow) Append(name string) (fsys.File, error) {
	f, err := s.FS.Append(name)
	return s.open(name, f, err)
}

func (s *slow) Overwrite(name string) (fsys.File, error) {
	f, err := s.FS.Overwrite(name)
	return s.open(name, f, err)
}

func (s *slow) Rename(from, to string) error {
	time.Sleep(s.each)
	return s.FS.Rename(from, to)
}

func (s *slow) SyncDir(name string) error {
	time.Sleep(s.each)
	return s.FS.SyncDir(name)
}

func (f *slowFile) Write(p []byte) (int, error) {
	time.Sleep(f.disk.each)
	return f.File.Write(p)
}

func (f *slowFile) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(f.disk.each / 4)
	return f.File.ReadAt(p, off)
}

func (f *slowFile) Sync() error {
	time.Sleep(2 * f.disk.each)
	if f.log {
		f.disk.synced.Add(1)
	}
	return f.File.Sync()
}

// TestSlowDiskMakesPutWait has many senders on a disk that needs milliseconds for
// everything: they wait, several share a sync, and memory stays within its bounds,
// while heads are sealed, merged and read. What was acknowledged is there after the
// power is cut.
func TestSlowDiskMakesPutWait(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	mem := fsys.NewMem()
	disk := &slow{FS: mem, each: 500 * time.Microsecond}
	o := small()
	o.HeadSize = 64 * config.KiB
	o.RecentSize = 16 * config.KiB
	a := open(t, disk, m, o)
	ctx, cancel := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() {
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	const senders, batches, size = 16, 30, 20
	var acknowledged sync.Map
	var puts atomic.Int64
	before := disk.synced.Load()
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for n := range batches {
				b := &llama.Batch{}
				for i := range size {
					text := fmt.Sprintf("event %d of batch %d of sender %d %s", i, n, s, strings.Repeat("x", 100))
					b.Events = append(b.Events, llama.Event{Collection: fmt.Sprint("c", s%3), Message: text})
				}
				if err := a.Put(ctx, b); err != nil {
					t.Error(err)
					return
				}
				for i := range b.Events {
					acknowledged.Store(b.Events[i].Message, b.Events[i].Seq)
				}
				puts.Add(1)
				// One batch of each sender may be above the limit, and a view of it.
				if head := a.Stat().HeadBytes; head > int64(o.HeadSize)+senders*size*1024 {
					t.Errorf("the heads take %d bytes", head)
				}
			}
		})
	}
	background.Go(func() {
		for ctx.Err() == nil {
			if _, err := contents(a); err != nil {
				t.Error(err)
			}
		}
	})
	sending.Wait()
	syncs := disk.synced.Load() - before
	t.Logf("%d puts, %d syncs of the log", puts.Load(), syncs)
	if syncs >= puts.Load() {
		t.Errorf("%d syncs for %d puts of %d senders; they should share some", syncs, puts.Load(), senders)
	}
	cancel()
	background.Wait()
	a = open(t, mem.Crash(7), m, o)
	got := map[string]uint64{}
	all, err := contents(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if seq, again := got[e.Message]; again {
			t.Fatalf("%q is there twice, as %d and %d", e.Message, seq, e.Seq)
		}
		got[e.Message] = e.Seq
	}
	want := map[string]uint64{}
	acknowledged.Range(func(message, seq any) bool { want[message.(string)] = seq.(uint64); return true })
	if len(want) != senders*batches*size || !maps.Equal(want, got) {
		t.Errorf("%d events were acknowledged, %d are there", len(want), len(got))
	}
}

// TestClockMayJump sets the clock back and forth by days between puts, seals, merges,
// restarts and crashes: each event is there once and in order, on the day the clock
// showed, and what is within its age by the clock of the end is not removed.
func TestClockMayJump(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	for seed := range fewer(20) {
		rng := rand.New(rand.NewPCG(seed, 5))
		disk := fsys.NewMem()
		clock := now
		o := small()
		o.Retention.Age = 30 * day
		o.Now = func() time.Time { return clock }
		a := open(t, disk, m, o)
		var want []llama.Event
		for i := range 60 {
			switch rng.IntN(6) {
			case 0:
				clock = now.Add(time.Duration(rng.IntN(20*24)-10*24) * time.Hour)
			case 1:
				clock = clock.Add(-time.Second)
			case 2:
				if err := errors.Join(a.sealAll(t.Context()), a.upkeep(t.Context())); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			case 3:
				if rng.IntN(4) == 0 {
					disk = disk.Crash(rng.Uint64())
					a = open(t, disk, m, o)
				}
			}
			b := lines("s", uint64(3*i), uint64(3*i+2))
			for k := range b.Events {
				b.Events[k].Ingested, b.Events[k].Time = 0, llama.At(clock)
			}
			put(t, a, b)
			for k := range b.Events {
				if b.Events[k].Ingested != llama.At(clock) {
					t.Fatalf("seed %d: arrived at %v, the clock says %v", seed, b.Events[k].Ingested, clock)
				}
			}
			want = append(want, b.Events...)
		}
		clock = now.Add(10 * day)
		if err := errors.Join(a.sealAll(t.Context()), a.upkeep(t.Context())); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		holds(t, a, want)
		if diff := diffEvents(want, followed(t, a, 1, uint64(len(want)))); diff != "" {
			t.Fatalf("seed %d: followed (-want +got):\n%s", seed, diff)
		}
		if next := a.Next("s", "e"); next != 180 {
			t.Errorf("seed %d: line %d is next, want 180", seed, next)
		}
	}
}

// TestDatesOfEventsDecideNothing keeps events dated 1970, 2100 and the ends of time:
// they are found by their time, and expire by when they arrived.
func TestDatesOfEventsDecideNothing(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	clock := now
	o := small()
	o.Retention.Age = 3 * day
	o.Now = func() time.Time { return clock }
	a := open(t, disk, m, o)
	dates := []llama.Time{
		math.MinInt64, -1, 0, 1, llama.At(now), llama.At(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)), math.MaxInt64,
	}
	var want []llama.Event
	for _, date := range dates {
		b := &llama.Batch{Events: []llama.Event{{Collection: "c", Time: date, Ingested: llama.At(now), Message: fmt.Sprint("at ", int64(date))}}}
		put(t, a, b)
		want = append(want, b.Events...)
	}
	found := func(when string) {
		t.Helper()
		if err := a.upkeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		holds(t, a, want)
		s := a.Snapshot()
		defer s.Close()
		for _, date := range dates {
			rows := 0
			for _, ref := range s.refs("c", date, date) {
				b, err := ref.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				times, err := b.Times()
				if err != nil {
					t.Fatal(err)
				}
				for _, time := range times {
					if time == date {
						rows++
					}
				}
			}
			if rows != 1 {
				t.Errorf("%s: %d events of %d are found", when, rows, int64(date))
			}
		}
	}
	found("in the head")
	sealed(t, a)
	found("in a segment")
	a = open(t, disk.Crash(1), m, o)
	found("after a crash")
	clock = now.Add(3*day + 11*time.Hour) // the day of arrival ended less than three days ago
	found("before its end")
	clock = now.Add(3*day + 13*time.Hour)
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds(t, a, nil)
}

// TestManyCollections has ten thousand collections, each with some events: memory and
// the time of a start are told with -v, and bounded generously here.
func TestManyCollections(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	const collections, rounds = 10_000, 3
	disk, m := fsys.NewMem(), newMaster(t)
	o := Options{FreeFloor: 1, Now: func() time.Time { return now }}
	a := open(t, disk, m, o)
	for round := range rounds {
		for from := 0; from < collections; from += 500 {
			b := &llama.Batch{}
			for c := from; c < from+500; c++ {
				e := llama.Event{Collection: fmt.Sprintf("collection-%d", c), Ingested: llama.At(now), Message: fmt.Sprintf("event %d of collection %d", round, c)}
				e.Fields = []llama.Field{{Name: "n", Value: fmt.Sprint(c), Kind: llama.Number}}
				b.Events = append(b.Events, e)
			}
			put(t, a, b)
		}
		if round < rounds-1 {
			sealed(t, a)
		}
	}
	stat := a.Stat()
	a.log.Close()
	a = nil
	before := heap()
	began := time.Now()
	a = open(t, disk.Kill(), m, o)
	opened := time.Since(began)
	memory := heap() - before
	t.Logf("%d segments and %d bytes of log: opened in %s, %d bytes of memory for each collection", stat.Segments, stat.LogBytes, opened, memory/collections)
	if memory > collections*8<<10 {
		t.Errorf("%d bytes of memory for %d collections", memory, collections)
	}
	s := a.Snapshot()
	defer s.Close()
	if got := s.Collections(); len(got) != collections || got[0].Events != rounds {
		t.Errorf("%d collections, the first %+v", len(got), got[0])
	}
	for _, c := range []int{0, 1, 4711, collections - 1} {
		name, rows := fmt.Sprintf("collection-%d", c), 0
		for _, ref := range s.refs(name, math.MinInt64, math.MaxInt64) {
			b, err := ref.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			rows += b.Rows()
		}
		if rows != rounds {
			t.Errorf("%s has %d events, want %d", name, rows, rounds)
		}
	}
	began = time.Now()
	refs := s.refs("", math.MinInt64, math.MaxInt64)
	t.Logf("%d blocks of all collections listed in %s, with %d bytes of directories", len(refs), time.Since(began), a.directories.bytes)
	if a.directories.bytes > int(a.o.DirectorySize) {
		t.Errorf("directories take %d bytes", a.directories.bytes)
	}
	runtime.KeepAlive(a)
}

// heap returns the bytes in use.
func heap() int {
	runtime.GC()
	runtime.GC() // pools keep what they have for one more
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestEventsOfVeryManyFieldsAreKept puts events of tens of thousands of fields, each
// with names of its own, and then the same. It takes minutes if any part of reading
// takes time for each field that grows with their number.
func TestEventsOfVeryManyFieldsAreKept(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	o := Options{FreeFloor: 1, Now: func() time.Time { return now }}
	a := open(t, disk, m, o)
	var want []llama.Event
	for i := range 6 {
		e := llama.Event{Collection: "c", Ingested: llama.At(now), Message: "wide"}
		for f := range 40_000 {
			e.Fields = append(e.Fields, llama.Field{Name: fmt.Sprint(f, ".", min(i, 3)), Value: fmt.Sprint(i)})
		}
		usual := lines("s", uint64(3*i), uint64(3*i+2))
		usual.Position = llama.Position{}
		b := &llama.Batch{Events: append(usual.Events, e)}
		put(t, a, b)
		want = append(want, b.Events...)
		if i%2 == 1 {
			sealed(t, a)
		}
	}
	sameWide(t, a, want)
	if err := errors.Join(a.sealAll(t.Context()), a.upkeep(t.Context())); err != nil {
		t.Fatal(err)
	}
	sameWide(t, a, want)
	s := a.Snapshot()
	defer s.Close()
	for _, ref := range s.refs("c", math.MinInt64, math.MaxInt64) {
		b, err := ref.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if cells := b.Rows() * len(b.Names); b.Rows() > 1 && cells > 2<<20 {
			t.Errorf("a block of %d rows and %d names", b.Rows(), len(b.Names))
		}
	}
	a = open(t, disk.Crash(1), m, o)
	sameWide(t, a, want)
}

// sameWide is holds for events of so many fields that comparing them by reflection
// would take minutes.
func sameWide(t *testing.T, a *Archive, want []llama.Event) {
	t.Helper()
	got, err := contents(a)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d events, want %d; %v", len(got), len(want), err)
	}
	byName := func(x, y llama.Field) int { return strings.Compare(x.Name, y.Name) }
	for i := range want {
		fields := slices.SortedFunc(slices.Values(want[i].Fields), byName)
		if got[i].Message != want[i].Message || got[i].Seq != want[i].Seq || !slices.Equal(fields, got[i].Fields) {
			t.Fatalf("event %d has %d fields, want %d; or others", i, len(got[i].Fields), len(fields))
		}
	}
}
