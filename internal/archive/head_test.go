package archive

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
)

// TestHeadIsViewedWhenAsked looks at what a head costs before and after it is read,
// and when it is sealed.
func TestHeadIsViewedWhenAsked(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	rng := rand.New(rand.NewPCG(6, 6))
	var want []llama.Event
	for range 20 {
		b := batch(rng, 10)
		put(t, a, b)
		want = append(want, b.Events...)
	}
	before := a.Stat().HeadBytes
	holds(t, a, want)
	viewed := a.Stat().HeadBytes
	if viewed <= before {
		t.Errorf("%d bytes before the head was read, %d after", before, viewed)
	}
	holds(t, a, want)
	if again := a.Stat().HeadBytes; again != viewed {
		t.Errorf("%d bytes after the head was read, %d after it was read again", viewed, again)
	}
	b := batch(rng, 10)
	put(t, a, b)
	want = append(want, b.Events...)
	s := a.Snapshot()
	defer s.Close()
	sealed(t, a)
	for _, ref := range s.refs("", math.MinInt64, math.MaxInt64) { // of memory that is no longer the head's
		if _, err := ref.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if left := a.Stat().HeadBytes; left != 0 {
		t.Errorf("%d bytes are counted when all is sealed", left)
	}
	holds(t, a, want)
}

// TestOlderSnapshotIsReadLater reads two snapshots of a block that grows between
// them, the newer one first.
func TestOlderSnapshotIsReadLater(t *testing.T) {
	t.Parallel()
	o := small()
	o.BlockRows = 100
	a := open(t, fsys.NewMem(), newMaster(t), o)
	rng := rand.New(rand.NewPCG(6, 7))
	put(t, a, batch(rng, 20))
	older := a.Snapshot()
	defer older.Close()
	put(t, a, batch(rng, 20))
	newer := a.Snapshot()
	defer newer.Close()
	for _, s := range []*Snapshot{newer, older} {
		last := s.NextSeq() - 1
		rows := 0
		for _, ref := range s.refs("", math.MinInt64, math.MaxInt64) {
			b, err := ref.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			seqs, err := b.Seqs()
			if err != nil {
				t.Fatal(err)
			}
			if rows += b.Rows(); b.Rows() != ref.Rows || seqs[b.Rows()-1] > last {
				t.Errorf("%d rows up to %d of a snapshot up to %d, %d are said", b.Rows(), seqs[b.Rows()-1], last, ref.Rows)
			}
		}
		if rows != int(last) {
			t.Errorf("%d events in a snapshot of %d", rows, last)
		}
	}
}

// TestHeadIsReadWhileItGrows lets readers take snapshots of a head to which events
// come and from which they are sealed. Each snapshot shows all up to its end, also
// when it is read late.
func TestHeadIsReadWhileItGrows(t *testing.T) {
	t.Parallel()
	o := small()
	o.BlockRows, o.SegmentRows = 25, 60
	a := open(t, fsys.NewMem(), newMaster(t), o)
	var want []llama.Event
	var mu sync.Mutex // guards want
	var writers, readers sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				s := a.Snapshot()
				held := want
				mu.Unlock()
				refs := s.refs("", math.MinInt64, math.MaxInt64)
				slices.SortFunc(refs, func(x, y column.Ref) int { return (1 - 2*(i%2)) * (int(x.FirstSeq) - int(y.FirstSeq)) })
				var got []llama.Event
				for _, ref := range refs {
					b, err := ref.Read(ctx)
					if err != nil {
						if ctx.Err() == nil {
							t.Error(err)
						}
						break
					}
					if got, err = b.Events(got, 0, b.Rows()); err != nil {
						t.Error(err)
					}
				}
				s.Close()
				slices.SortFunc(got, func(x, y llama.Event) int { return int(x.Seq) - int(y.Seq) })
				if diff := diffEvents(held, got); diff != "" && ctx.Err() == nil {
					t.Errorf("events (-want +got):\n%.2000s", diff)
					return
				}
			}
		})
	}
	writers.Go(func() {
		rng := rand.New(rand.NewPCG(7, 7))
		for range 100 {
			b := batch(rng, 1+rng.IntN(20))
			mu.Lock() // so that a snapshot and want are of one moment
			put(t, a, b)
			want = append(want, b.Events...)
			mu.Unlock()
			if rng.IntN(10) == 0 {
				if err := a.sealDue(ctx); err != nil {
					t.Error(err)
				}
			}
		}
	})
	writers.Wait()
	cancel()
	readers.Wait()
	holds(t, a, want)
}

// TestCancelledReadGoesOnLater ends a read of a head midway.
func TestCancelledReadGoesOnLater(t *testing.T) {
	t.Parallel()
	o := small()
	o.BlockRows = 1000
	a := open(t, fsys.NewMem(), newMaster(t), o)
	rng := rand.New(rand.NewPCG(8, 8))
	var want []llama.Event
	for range 10 {
		b := batch(rng, 10)
		put(t, a, b)
		want = append(want, b.Events...)
	}
	s := a.Snapshot()
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ref := range s.refs("", math.MinInt64, math.MaxInt64) {
		if _, err := ref.Read(ctx); err == nil {
			t.Error("read after the context ended")
		}
	}
	holds(t, a, want)
}

// TestBlocksOfManyNamesAreSmall puts events that each have names of their own: no
// block of them takes more memory for all its columns than one may.
func TestBlocksOfManyNamesAreSmall(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1})
	name := func(i, j int) string {
		return strings.Repeat("n", 1+i/64) + string(rune('A'+i%64)) + string(rune('A'+j))
	}
	for i := range 500 {
		b := &llama.Batch{}
		for j := range 20 {
			e := llama.Event{Collection: "c", Ingested: llama.At(now)}
			for k := range 40 {
				e.Fields = append(e.Fields, llama.Field{Name: name(i, j) + string(rune('A'+k)), Value: "v"})
			}
			b.Events = append(b.Events, e)
		}
		put(t, a, b)
	}
	s := a.Snapshot()
	defer s.Close()
	refs := s.refs("", math.MinInt64, math.MaxInt64)
	for _, ref := range refs {
		b, err := ref.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if cells := b.Rows() * (len(b.Names) - 1); cells > column.MaxCells {
			t.Errorf("a block of %d rows and %d names", b.Rows(), len(b.Names))
		}
	}
	if len(refs) < 2 || len(refs) > 100 {
		t.Errorf("%d blocks of 10,000 events", len(refs))
	}
}

// TestHalfASectionIsTakenBack replays a frame of which a segment has some events of
// a section, as another writer of the format may leave it.
func TestHalfASectionIsTakenBack(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	var events []llama.Event
	for i := range 10 {
		events = append(events, llama.Event{Collection: "c", Seq: uint64(i + 1), Time: llama.Time(100 - i), Ingested: llama.At(now)})
	}
	var e wal.Encoder
	f, err := e.Encode(llama.Position{}, events)
	if err != nil {
		t.Fatal(err)
	}
	f.First = 1
	a.part(partKey{"c", wal.DayOf(llama.At(now))}).sealed = 7
	if err := a.replay(f); err != nil {
		t.Fatal(err)
	}
	holds(t, a, events[7:])
	s := a.Snapshot()
	defer s.Close()
	if stat := s.heads[0].stat; stat.Rows != 3 || stat.FirstSeq != 8 || stat.LastSeq != 10 || stat.MinTime != 91 || stat.MaxTime != 93 {
		t.Errorf("%+v", stat)
	}
	if diff := diffEvents(events[3:], followed(t, a, 4, 10)); diff != "" {
		t.Errorf("followed (-want +got):\n%s", diff)
	}
}

// TestEventsPutAloneShareTheirShape puts events of many fields one by one: a head has
// the names of their fields once.
func TestEventsPutAloneShareTheirShape(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	o := small()
	o.BlockRows = 1000
	a := open(t, disk, m, o)
	names := 0
	var want []llama.Event
	for i := range 500 {
		e := llama.Event{Collection: "c", Ingested: llama.At(now), Message: "message"}
		for f := range 30 {
			e.Fields = append(e.Fields, llama.Field{Name: strings.Repeat("name", 5) + string(rune('A'+f+i%2)), Value: "v"})
			names += len(e.Fields[f].Name)
		}
		b := &llama.Batch{Events: []llama.Event{e}}
		put(t, a, b)
		want = append(want, b.Events...)
	}
	look := func(when string) {
		t.Helper()
		if head := a.Stat().HeadBytes; head > int64(names)/2 {
			t.Errorf("%s: the head takes %d bytes, and the names alone are %d", when, head, names)
		}
		if diff := diffEvents(want, followed(t, a, 1, 500)); diff != "" {
			t.Errorf("%s: followed (-want +got):\n%s", when, diff)
		}
	}
	look("as it was put")
	holds(t, a, want)
	a = open(t, disk.Crash(1), m, o)
	look("after a crash")
	holds(t, a, want)
}
