package segment

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"weak"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// TestPackedAnswersAsItsSegment reads blocks while they are only packed, and in the segment
// that is made of them, when the builder that they were made of has long held others.
func TestPackedAnswersAsItsSegment(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	c := codec(t)
	var all []*Packed
	b := block.NewBuilder("sshd")
	next := uint64(1)
	for _, rows := range []int{1, 70, 3000, 40} {
		_, events := build(rng, next, rows)
		for i := range events {
			b.Add(rowOf(&events[i]))
		}
		p := pack(t, c, b, rootOf(events))
		b.Reset()
		next = events[rows-1].Seq + 1
		all = append(all, p)
		if stat := p.Stat(); stat.Rows != rows || stat.FirstSeq != events[0].Seq || stat.LastSeq != next-1 || stat.Collection != "sshd" {
			t.Errorf("%d events are %+v", rows, stat)
		}
		read, err := p.Block(View{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := read.Events(nil, 0, rows)
		if diff := cmp.Diff(events, got); diff != "" || err != nil {
			t.Fatalf("%d events: error %v, (-want +got):\n%s", rows, err, diff)
		}
	}
	disk, key := fsys.NewMem(), seal.NewKey()
	w, err := Create(disk, ".", key, c, "sshd", 20000)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if err := w.Append(p); err != nil {
			t.Fatal(err)
		}
	}
	s := opened(t, disk, key, c, w, 1)
	d, err := s.Directory()
	if err != nil {
		t.Fatal(err)
	}
	filters, err := s.Filters(d)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		sealed, err := s.Block(d, i)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := p.Block(View{})
		if err != nil {
			t.Fatal(err)
		}
		same(t, packed, sealed)
		if diff := cmp.Diff(filters.raw[i], p.raw, cmp.AllowUnexported(rawFilter{})); diff != "" {
			t.Errorf("filter of block %d (-segment +packed):\n%s", i, diff)
		}
		if (filters.Of(i) == nil) != (p.Filter() == nil) {
			t.Errorf("block %d has a filter in only one form", i)
		}
		if p.ID() != d.ID(i) || p.Fields() != d.Fields(i) || !slices.Equal(p.roots, d.Roots(i)) || int64(p.messages) != d.MessageBytes(i) {
			t.Errorf("block %d is described in two ways", i)
		}
		if sum := packedBytes(p); p.Bytes() < sum || p.Bytes() > 2*sum+10_000 {
			t.Errorf("%d packed bytes are said to take %d", sum, p.Bytes())
		}
	}
}

// same compares two forms of a block: events, names, and each column.
func same(t *testing.T, x, y *column.Block) {
	t.Helper()
	if !slices.Equal(x.Names, y.Names) {
		t.Fatalf("names %q and %q", x.Names, y.Names)
	}
	for _, name := range append(slices.Clone(x.Names), "none") {
		one, err := x.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		two, err := y.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(two, one, cmp.AllowUnexported(column.Column{})); diff != "" {
			t.Errorf("column %s (-segment +packed):\n%s", name, diff)
		}
	}
	one, err := x.Events(nil, 0, x.Rows())
	if err != nil {
		t.Fatal(err)
	}
	two, err := y.Events(nil, 0, y.Rows())
	if diff := cmp.Diff(two, one); diff != "" || err != nil {
		t.Errorf("error %v, events (-segment +packed):\n%s", err, diff)
	}
}

func packedBytes(p *Packed) (n int) {
	for _, c := range p.chunks {
		n += len(c.data)
	}
	return n + len(p.raw.words) + len(p.raw.message) + len(p.raw.beside)
}

// TestWriterKeepsNoPackedBlocks: a merge writes more than fits in memory.
func TestWriterKeepsNoPackedBlocks(t *testing.T) {
	c := codec(t)
	w, err := Create(fsys.NewMem(), ".", seal.NewKey(), c, "sshd", 20000)
	if err != nil {
		t.Fatal(err)
	}
	p := func() weak.Pointer[Packed] {
		b, events := build(rand.New(rand.NewPCG(3, 4)), 1, 3000)
		p := pack(t, c, b, rootOf(events))
		if err := w.Append(p); err != nil {
			t.Fatal(err)
		}
		return weak.Make(p)
	}()
	runtime.GC()
	runtime.GC()
	if p := p.Value(); p != nil {
		t.Errorf("the writer holds a block of %d bytes that it has written", p.Bytes())
	}
	runtime.KeepAlive(w)
}
