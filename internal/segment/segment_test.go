package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/seal"
	"pgregory.net/rapid"
)

func codec(t testing.TB) *Codec {
	c, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// build makes a block of rows events from first on, with fields that come and go.
func build(rng *rand.Rand, first uint64, rows int) (*block.Builder, []llama.Event) {
	b := block.NewBuilder("sshd")
	var events []llama.Event
	for i := range rows {
		e := llama.Event{
			Seq: first + uint64(2*i), Collection: "sshd", Time: llama.Time(rng.Int64()), Ingested: llama.Time(1e18 + int64(i/7)),
			Message: fmt.Sprintf("Failed password for %d\xff", rng.IntN(1000)), Source: "udp 65535 192.0.2.7",
		}
		for name := range 30 {
			if rng.IntN(name+1) == 0 {
				e.Fields = append(e.Fields, llama.Field{Name: fmt.Sprintf("f%02d", name), Value: fmt.Sprint(rng.IntN(50 * (name + 1))), Kind: llama.Kind(name % 2)})
			}
		}
		b.Add(rowOf(&e))
		events = append(events, e)
	}
	return b, events
}

// rootOf returns the root of events.
func rootOf(events []llama.Event) root.Root {
	h := root.NewHasher("sshd")
	for i := range events {
		h.Add(rowOf(&events[i]))
	}
	return h.Root()
}

func rowOf(e *llama.Event) *column.Row {
	r := &column.Row{Time: e.Time, Ingested: e.Ingested, Seq: e.Seq, Message: e.Message, Shape: &column.Shape{Source: e.Source}}
	for _, f := range e.Fields {
		r.Shape.Names = append(r.Shape.Names, f.Name)
		r.Shape.Kinds = append(r.Shape.Kinds, f.Kind)
		r.Values = append(r.Values, f.Value)
	}
	return r
}

func pack(t testing.TB, c *Codec, b *block.Builder, roots ...root.Root) *Packed {
	t.Helper()
	p, err := c.Pack(b, roots...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// write makes a segment of blocks with the given numbers of rows.
func write(t testing.TB, disk fsys.FS, key seal.Key, c *Codec, rows ...int) (*Segment, []llama.Event) {
	rng := rand.New(rand.NewPCG(1, 2))
	w, err := Create(disk, ".", key, c, "sshd", 20000)
	if err != nil {
		t.Fatal(err)
	}
	var all []llama.Event
	next := uint64(1)
	for _, n := range rows {
		b, events := build(rng, next, n)
		if err := w.Append(pack(t, c, b, rootOf(events))); err != nil {
			t.Fatal(err)
		}
		next = events[n-1].Seq + 1
		all = append(all, events...)
	}
	return opened(t, disk, key, c, w, 1), all
}

// opened ends a segment and opens it.
func opened(t testing.TB, disk fsys.FS, key seal.Key, c *Codec, w *Writer, generation int) *Segment {
	t.Helper()
	name, err := w.Close(generation)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(disk, name.String(), key, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// events reads all of a segment.
func events(s *Segment) ([]llama.Event, error) {
	d, err := s.Directory()
	if err != nil {
		return nil, err
	}
	var all []llama.Event
	for i := range d.blocks {
		b, err := s.Block(d, i)
		if err != nil {
			return nil, err
		}
		if all, err = b.Events(all, 0, b.Rows()); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func TestSegmentGivesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	s, want := write(t, fsys.NewMem(), seal.NewKey(), codec(t), 100, 1, 2500)
	got, err := events(s)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatalf("error %v, events (-want +got):\n%s", err, diff)
	}
	if s.Rows != 2601 || s.FirstSeq != 1 || s.LastSeq != want[2600].Seq || s.Day != 20000 || s.Blocks != 3 || s.MinIngested != 1e18 {
		t.Errorf("summary %+v", s.Summary)
	}
}

// TestDirectoryHasTheBlocksOfTheSummary: who counts on the summary would else wait for blocks
// that never come, or leave some out.
func TestDirectoryHasTheBlocksOfTheSummary(t *testing.T) {
	t.Parallel()
	s, _ := write(t, fsys.NewMem(), seal.NewKey(), codec(t), 10, 10)
	for _, more := range []int{-1, 1} {
		other := *s
		other.Blocks += more
		if _, err := other.Directory(); !errors.Is(err, column.ErrDamaged) {
			t.Errorf("with %d blocks instead of %d: %v", other.Blocks, s.Blocks, err)
		}
	}
}

func TestCopyAndJoinKeepEvents(t *testing.T) {
	t.Parallel()
	disk, key, c := fsys.NewMem(), seal.NewKey(), codec(t)
	s, want := write(t, disk, key, c, 50, 60, 70)
	d, err := s.Directory()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Create(disk, ".", key, c, "sshd", 20000)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Copy(s, d, 0); err != nil {
		t.Fatal(err)
	}
	joined := block.NewBuilder("sshd")
	var roots []root.Root
	for i := 1; i < 3; i++ {
		b, err := s.Block(d, i)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Each(func(r *column.Row) error { joined.Add(r); return nil }); err != nil {
			t.Fatal(err)
		}
		roots = append(roots, d.Roots(i)...)
	}
	if err := w.Append(pack(t, c, joined, roots...)); err != nil {
		t.Fatal(err)
	}
	merged := opened(t, disk, key, c, w, 2)
	got, err := events(merged)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatalf("error %v, events (-want +got):\n%s", err, diff)
	}
	after, err := merged.Directory()
	if err != nil {
		t.Fatal(err)
	}
	if before, after := slices.Concat(d.Roots(0), d.Roots(1), d.Roots(2)), slices.Concat(after.Roots(0), after.Roots(1)); len(before) != 3 || !slices.Equal(before, after) {
		t.Errorf("roots %v have become %v", before, after)
	}
	if merged.Rows != s.Rows || merged.MaxTime != s.MaxTime || merged.Blocks != 2 {
		t.Errorf("summary %+v of %+v", merged.Summary, s.Summary)
	}
}

func TestAppendRefusesEarlierBlocks(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	c := codec(t)
	w, err := Create(fsys.NewMem(), ".", seal.NewKey(), c, "sshd", 1)
	if err != nil {
		t.Fatal(err)
	}
	b, events := build(rng, 10, 3)
	p := pack(t, c, b, rootOf(events))
	if err := w.Append(p); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(p); !errors.Is(err, ErrOrder) {
		t.Errorf("the same block again: %v", err)
	}
	w.Abort()
}

func TestPackRefusesRootsOfOthers(t *testing.T) {
	t.Parallel()
	b, events := build(rand.New(rand.NewPCG(1, 2)), 20, 3)
	if _, err := codec(t).Pack(b, rootOf(events[1:])); err == nil {
		t.Error("a root of fewer events is taken")
	}
}

// TestDamageIsNamed flips bytes all over a segment: what is read is right, or the
// error names file and offset.
func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	disk, key, c := fsys.NewMem(), seal.NewKey(), codec(t)
	s, _ := write(t, disk, key, c, 40, 3)
	data, err := fsys.ReadFile(disk, s.name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for at := range data {
		damaged := slices.Clone(data)
		damaged[at] ^= 0x10
		_, err := readBack(damaged, key, c)
		corrupt, ok := errors.AsType[*CorruptError](err)
		if !ok || corrupt.File != "damaged" || corrupt.Offset > int64(at) && at >= headerSize {
			t.Fatalf("byte %d of %d: error %v", at, len(data), err)
		}
	}
	for size := range len(data) {
		if _, err := readBack(data[:size], key, c); err == nil {
			t.Fatalf("cut to %d of %d bytes and read", size, len(data))
		}
	}
}

func readBack(data []byte, key seal.Key, c *Codec) ([]llama.Event, error) {
	disk := fsys.NewMem()
	if err := fsys.Replace(disk, "damaged", data); err != nil {
		return nil, err
	}
	s, err := Open(disk, "damaged", key, c)
	if err != nil {
		return nil, err
	}
	d, err := s.Directory()
	if err != nil {
		return nil, err
	}
	if _, err := s.Filters(d); err != nil {
		return nil, err
	}
	return events(s)
}

// TestDamageLeavesTheRest reads the other blocks beside a damaged one.
func TestDamageLeavesTheRest(t *testing.T) {
	t.Parallel()
	disk, key, c := fsys.NewMem(), seal.NewKey(), codec(t)
	s, want := write(t, disk, key, c, 40, 40)
	d, err := s.Directory()
	if err != nil {
		t.Fatal(err)
	}
	data, err := fsys.ReadFile(disk, s.name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	data[d.blocks[0].offset] ^= 1
	if err := fsys.Replace(disk, s.name, data); err != nil {
		t.Fatal(err)
	}
	b, err := s.Block(d, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Times(); err == nil || !strings.Contains(err.Error(), "byte 24") {
		t.Errorf("damaged block: %v", err)
	}
	if b, err = s.Block(d, 1); err != nil {
		t.Fatal(err)
	}
	got, err := b.Events(nil, 0, b.Rows())
	if err != nil || !cmp.Equal(got, want[40:]) {
		t.Errorf("whole block: %v", err)
	}
}

func TestCloseLeavesNothingAfterAnError(t *testing.T) {
	t.Parallel()
	mem := fsys.NewMem()
	fault := fsys.NewFault(mem)
	c := codec(t)
	w, err := Create(fault, ".", seal.NewKey(), c, "sshd", 1)
	if err != nil {
		t.Fatal(err)
	}
	b, events := build(rand.New(rand.NewPCG(1, 2)), 10, 3)
	if err := w.Append(pack(t, c, b, rootOf(events))); err != nil {
		t.Fatal(err)
	}
	fault.Set(fsys.Plan{Only: fsys.OpSync, At: 1})
	if _, err := w.Close(1); err == nil {
		t.Error("Close after a failed sync says nothing")
	}
	if names, _ := mem.List("."); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestNameRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Uint64Min(1).Draw(t, "first")
		n := Name{first, rapid.Uint64Min(first).Draw(t, "last"), rapid.IntRange(1, maxGeneration).Draw(t, "generation")}
		if got, ok := ParseName(n.String()); !ok || got != n {
			t.Fatalf("ParseName(%s) = %v, %t", n, got, ok)
		}
	})
	for _, text := range []string{"", "x", strings.Repeat("0", 48), Name{2, 1, 1}.String(), Name{1, 2, 3}.String() + ".tmp"} {
		if n, ok := ParseName(text); ok {
			t.Errorf("ParseName(%q) = %v", text, n)
		}
	}
}

func FuzzDecodeDirectory(f *testing.F) {
	s, _ := write(f, fsys.NewMem(), seal.NewKey(), codec(f), 5, 6)
	d, err := s.Directory()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(d.append(nil), s.end.directory)
	f.Fuzz(func(t *testing.T, data []byte, end int64) {
		d, err := decodeDirectory(data, end)
		if err != nil {
			return
		}
		again, err := decodeDirectory(d.append(nil), end)
		if err != nil || !cmp.Equal(d, again, cmp.AllowUnexported(Directory{}, blockPlace{}, columnPlace{})) {
			t.Errorf("%v: %+v is not %+v", err, again, d)
		}
	})
}

func FuzzDecodeTrailerAndSummary(f *testing.F) {
	f.Add(trailer{24, 10, 88, 0}.append(nil, nil), int64(24+10+88+32))
	f.Add((&Summary{Rows: 1, FirstSeq: 1, LastSeq: 1, Blocks: 1}).append(nil), int64(0))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		decodeTrailer(data, nil, size)
		decodeSummary(data)
	})
}

func FuzzUnpack(f *testing.F) {
	c := codec(f)
	f.Add(c.pack(nil, []byte("short")))
	f.Add(c.pack(nil, []byte(strings.Repeat("long", 100))))
	f.Fuzz(func(t *testing.T, data []byte) {
		if plain, err := c.unpack(data); err == nil && len(plain) > maxPlain {
			t.Errorf("%d bytes", len(plain))
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	_, all := build(rng, 1, 1<<15)
	c := codec(b)
	vouched := rootOf(all)
	var bytes int64
	for b.Loop() {
		blk := block.NewBuilder("sshd")
		for i := range all {
			blk.Add(rowOf(&all[i]))
		}
		disk := fsys.NewMem()
		w, err := Create(disk, ".", seal.NewKey(), c, "sshd", 1)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Append(pack(b, c, blk, vouched)); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Close(1); err != nil {
			b.Fatal(err)
		}
		bytes = w.offset
	}
	b.ReportMetric(float64(b.N)*float64(len(all))/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(bytes)/float64(len(all)), "bytes/event")
}
