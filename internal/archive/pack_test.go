package archive

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
)

// packedAre returns the packed forms of the blocks in memory of an archive with one part.
func packedAre(a *Archive) (all []*packed) {
	for p := range a.heads {
		for _, b := range p.head {
			all = append(all, b.packed)
		}
	}
	return all
}

// blockIDs returns who the blocks are that are sealed, and that are packed.
func blockIDs(t *testing.T, a *Archive) (ids []string) {
	t.Helper()
	s := a.Snapshot()
	defer s.Close()
	for _, p := range s.parts {
		for _, g := range p.segments {
			d, err := g.Directory()
			if err != nil {
				t.Fatal(err)
			}
			for i, stat := range d.Blocks() {
				ids = append(ids, fmt.Sprint(stat.FirstSeq, d.ID(i)))
			}
		}
	}
	for _, h := range s.heads {
		ids = append(ids, fmt.Sprint(h.stat.FirstSeq, h.packed.ID()))
	}
	return ids
}

// TestFullBlocksArePacked looks at a head of some full blocks and one that grows: what is
// packed of it, what that takes, what snapshots of before and after see, and that it is not
// packed again for a segment, however often writing that fails.
func TestFullBlocksArePacked(t *testing.T) {
	t.Parallel()
	fault := fsys.NewFault(fsys.NewMem())
	a := open(t, fault, newMaster(t), Options{FreeFloor: 1, BlockRows: 100, SegmentRows: 1000})
	var want []llama.Event
	add := func(n int) {
		b := numbered(len(want), len(want)+n)
		put(t, a, b)
		want = append(want, b.Events...)
	}
	for range 5 {
		add(70)
	}
	older := a.Snapshot() // of five blocks, of which four are full
	defer older.Close()
	add(10)
	holds(t, a, want) // so that there are views
	before := a.Stat().HeadBytes
	must(t, a.sealDue(t.Context()))
	held := packedAre(a)
	if len(held) != 5 || slices.Contains(held[:4], nil) || held[4] != nil {
		t.Fatalf("packed are %v; want all but the last of 5", held)
	}
	if after := a.Stat(); after.HeadBytes > before/2 || after.Segments != 0 {
		t.Errorf("%d bytes in memory have become %d, and there are %d segments", before, after.HeadBytes, after.Segments)
	}
	holds(t, a, want)
	if got, err := eventsIn(older); err != nil || diffEvents(want[:350], got) != "" {
		t.Errorf("an older snapshot has %d events, %v; want 350", len(got), err)
	}
	s := a.Snapshot()
	defer s.Close()
	for i, ref := range newestFirst(s.refs("web", math.MinInt64, math.MaxInt64)) {
		b, err := ref.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if (b.Families != nil) != (i > 0) || (ref.Filter() != nil) != (i > 0) {
			t.Errorf("block %d from the end: templates %t, filter %t", i, b.Families != nil, ref.Filter() != nil)
		}
	}
	alone := 0 // found without a look into another block, where a filter errs for one of 256
	for n := range 10 {
		found, looked := needle(t, a, fmt.Sprint(10000040+n))
		if found != 1 || looked%70 != 0 {
			t.Errorf("%d events, %d were looked at; want one, and whole packed blocks, not that which grows", found, looked)
		}
		if looked == 70 {
			alone++
		}
	}
	if alone < 7 {
		t.Errorf("only %d of ten were found without a look into another block", alone)
	}
	must(t, a.sealDue(t.Context()))
	if !slices.Equal(held, packedAre(a)) {
		t.Error("blocks were packed again")
	}

	must(t, a.makeKeys(slices.Collect(maps.Keys(a.heads))))
	fault.Set(fsys.Plan{Only: fsys.Changes, At: 1, Then: -1})
	if err := a.sealAll(t.Context()); err == nil {
		t.Fatal("sealed on a disk that is gone")
	}
	failed := packedAre(a)
	if !slices.Equal(held[:4], failed[:4]) || failed[4] == nil {
		t.Errorf("packed are %v, were %v; want these and one more", failed, held)
	}
	holds(t, a, want)
	ids := blockIDs(t, a)
	fault.Set(fsys.Plan{})
	sealed(t, a)
	if diff := cmp.Diff(ids, blockIDs(t, a)); diff != "" || a.Stat().Segments != 1 || a.Stat().HeadBytes != 0 {
		t.Errorf("%d segments, %d bytes in memory, blocks (-packed +sealed):\n%s", a.Stat().Segments, a.Stat().HeadBytes, diff)
	}
	holds(t, a, want)
	if found := verify(t, a, nil); len(found) > 0 {
		t.Errorf("verifying finds %q", found)
	}
}

// TestSegmentsAreOfFullBlocks: the block that grows stays when the others are enough for a
// segment.
func TestSegmentsAreOfFullBlocks(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1, BlockRows: 100, SegmentRows: 310})
	for i := range 16 {
		put(t, a, numbered(20*i, 20*(i+1)))
	}
	must(t, a.sealDue(t.Context()))
	if s := a.Stat(); s.Segments != 1 || s.Events != 320 || len(packedAre(a)) != 1 || packedAre(a)[0] != nil {
		t.Errorf("%+v with %d blocks in memory; want one that grows, and a segment", s, len(packedAre(a)))
	}
	few := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1, BlockRows: 100, SegmentRows: 20})
	put(t, few, numbered(0, 50))
	must(t, few.sealDue(t.Context()))
	if s := few.Stat(); s.Segments != 1 || s.HeadBytes != 0 {
		t.Errorf("%+v of 50 events, where 20 make a segment", s)
	}
}

// TestDestroyedBlocksAreNotReadPacked: who had a snapshot with packed blocks is told that they
// were destroyed, whatever they look for.
func TestDestroyedBlocksAreNotReadPacked(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1, BlockRows: 100, SegmentRows: 1000})
	for i := range 5 {
		put(t, a, numbered(70*i, 70*(i+1)))
	}
	must(t, a.pack(t.Context(), a.unpacked()))
	s := a.Snapshot()
	defer s.Close()
	must(t, a.Destroy(t.Context(), "web", now.Format(dayLayout)))
	refs := newestFirst(s.refs("web", math.MinInt64, math.MaxInt64))
	for i, ref := range refs {
		if _, err := ref.Read(t.Context()); llama.CodeOf(err) != llama.NotFound {
			t.Errorf("block %d from the end: %v", i, err)
		}
		if i > 0 && ref.Filter() != nil {
			t.Errorf("block %d from the end has a filter, by which it could be passed over", i)
		}
	}
	if len(refs) != 5 {
		t.Errorf("%d blocks, want 5", len(refs))
	}
}

// TestWhatIsInTheWayIsSealed: of parts whose first events keep the log long those blocks are
// sealed that begin there, and not the one that grows.
func TestWhatIsInTheWayIsSealed(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1, BlockRows: 100, SegmentRows: 100_000, LogSize: 16 << 10, LogFileSize: 4 << 10})
	for i := range 30 {
		put(t, a, numbered(90*i, 90*(i+1)))
	}
	must(t, a.sealDue(t.Context()))
	left := packedAre(a)
	if s := a.Stat(); s.Segments != 1 || s.Events != 2700 || len(left) < 2 || left[len(left)-1] != nil || a.log.Bytes() > 24<<10 {
		t.Errorf("%+v with %d blocks in memory and %d bytes of log; want a segment, and what came last in memory", s, len(left), a.log.Bytes())
	}
}

// TestSealingKeepsWhatWasDecoded: who asked for packed blocks finds all in memory when they
// are in a segment, and so does who still reads them packed. Destroying takes it away.
func TestSealingKeepsWhatWasDecoded(t *testing.T) {
	t.Parallel()
	disk := &watched{FS: fsys.NewMem(), asked: map[string][][2]int64{}}
	a := open(t, disk, newMaster(t), Options{FreeFloor: 1, BlockRows: 1000, SegmentRows: 10_000})
	put(t, a, numbered(0, 900))
	put(t, a, numbered(900, 1800))
	must(t, a.pack(t.Context(), a.unpacked()))
	ask := func(s *Snapshot) (reads int) {
		t.Helper()
		before := disk.reads
		for _, ref := range s.refs("", math.MinInt64, math.MaxInt64) {
			b, err := ref.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ref.Filter()
			if _, err := b.Events(nil, 0, b.Rows()); err != nil {
				t.Fatal(err)
			}
		}
		return disk.reads - before
	}
	packed := a.Snapshot()
	defer packed.Close()
	ask(packed)
	kept := a.decoded.stay.bytes
	sealed(t, a)
	reads := disk.reads
	after := a.Snapshot()
	defer after.Close()
	ask(after) // which reads what was not packed
	if n := ask(after); n != 0 || a.decoded.stay.bytes < kept || kept == 0 || disk.reads-reads > 12 {
		t.Errorf("%d reads, %d later, %d bytes of what was decoded have become %d", disk.reads-reads, n, kept, a.decoded.stay.bytes)
	}
	before := a.decoded.stay.bytes
	ask(packed)
	if a.decoded.stay.bytes != before {
		t.Errorf("%d bytes of what was decoded have become %d, as it is kept twice", before, a.decoded.stay.bytes)
	}
	b, err := newestFirst(packed.refs("", math.MinInt64, math.MaxInt64))[1].Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	must(t, a.Destroy(t.Context(), "web", now.Format(dayLayout)))
	if a.decoded.stay.bytes+a.decoded.pass.bytes != 0 {
		t.Errorf("%d bytes are kept of what was destroyed", a.decoded.stay.bytes)
	}
	for what, read := range map[string]func() error{
		"a column": func() error { _, err := b.Load(llama.NameMessage); return err },
		"events":   func() error { return b.Each(func(*column.Row) error { return nil }) },
	} {
		if err := read(); err == nil {
			t.Errorf("%s of a packed block is read when its day is destroyed", what)
		}
	}
}
