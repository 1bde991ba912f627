package history

import (
	"bytes"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/seal"
)

// long makes a history of 100 records, with places for an edge behind each ten.
func long(t testing.TB, disk fsys.FS, key seal.Key) *History {
	t.Helper()
	h := open(t, disk, key, Options{New: true, markEvery: 10})
	for n := range 100 {
		h.Add(record(n))
		if n%5 == 4 {
			if err := h.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return h
}

// damage changes a byte of a file.
func damage(t *testing.T, disk fsys.FS, name string, at int) {
	t.Helper()
	data, err := fsys.ReadFile(disk, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 1
	if err := fsys.Replace(disk, name, data); err != nil {
		t.Fatal(err)
	}
}

// TestStartReadsBehindTheEdge has an edge, and damage before and behind it: what is
// behind keeps a history from being opened, what is before is found by who reads all.
func TestStartReadsBehindTheEdge(t *testing.T) {
	t.Parallel()
	disk, key := fsys.NewMem(), seal.NewKey()
	h := long(t, disk, key)
	if err := h.Advance(120); err != nil { // the 61st record, whose last number is 121, is too new
		t.Fatal(err)
	}
	if n := h.edge.tree.Size(); n != 60 || len(h.marks) != 4 {
		t.Fatalf("the edge is behind %d records, and %d places are left", n, len(h.marks))
	}
	again := open(t, disk, key, Options{markEvery: 10})
	if again.tree.Root() != h.tree.Root() || again.length != h.length || again.last != h.last || again.edge.length != h.edge.length || len(again.marks) != 4 {
		t.Errorf("opened at the edge it is another: %d bytes, up to %d, %d marks; want %d, %d, 4", again.length, again.last, len(again.marks), h.length, h.last)
	}
	if got := again.Removed(); got[record(4).Part] != 0 && got[record(4).Part] <= 120 || got[record(94).Part] == 0 {
		t.Errorf("removed: %v", got)
	}
	if got := records(t, again); len(got) != 100 || !same(got) {
		t.Errorf("%d records", len(got))
	}
	for _, first := range []uint64{1, 119, 120, 180} {
		roots, err := again.Sealed(first)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 100 {
			if r := record(n); r.Kind == Sealed && r.First >= first {
				if _, ok := roots[r.Root]; !ok {
					t.Errorf("from %d on, the root of record %d is missing", first, n)
				}
			}
		}
	}
	again.Add(record(100))
	if err := again.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := records(t, open(t, disk, key, Options{})); len(got) != 101 || !same(got) {
		t.Errorf("written on: %d records", len(got))
	}
	behind := int(h.edge.length)
	damage(t, disk, recordsName, headerSize+10)
	if h, err := Open(disk, key, Options{}); err != nil {
		t.Errorf("damage before the edge: %v", err)
	} else if _, err := h.Read(func(int64, *Record, []byte) error { return nil }); !isCorrupt(err) {
		t.Errorf("reading all does not find damage before the edge: %v", err)
	}
	damage(t, disk, recordsName, headerSize+10)
	damage(t, disk, recordsName, behind+10)
	if _, err := Open(disk, key, Options{}); !isCorrupt(err) {
		t.Errorf("damage behind the edge: %v", err)
	}
}

// TestWrongEdgeIsPassedOver has edges that are damaged, cut, missing, of another history
// or of another tree: all records are read then.
func TestWrongEdgeIsPassedOver(t *testing.T) {
	t.Parallel()
	disk, key := fsys.NewMem(), seal.NewKey()
	h := long(t, disk, key)
	if err := h.Advance(120); err != nil {
		t.Fatal(err)
	}
	good, err := fsys.ReadFile(disk, edgeName, maxEdge)
	if err != nil {
		t.Fatal(err)
	}
	other := fsys.NewMem()
	if err := long(t, other, key).Advance(120); err != nil {
		t.Fatal(err)
	}
	another, err := fsys.ReadFile(other, edgeName, maxEdge)
	if err != nil {
		t.Fatal(err)
	}
	forge := func(change func(*mark)) []byte {
		m := h.edge
		change(&m)
		return h.key.SealBlob(edgeContext, m.append(nil), h.salt[:])
	}
	for name, data := range map[string][]byte{
		"damaged": append(bytes.Clone(good[:40]), good[41:]...), "cut": good[:20], "empty": {}, "too long": make([]byte, maxEdge+1), "of another history": another,
		"of another tree": forge(func(m *mark) { m.tree, _ = root.TreeOf(60, make([]tlog.Hash, 4)) }),
		"elsewhere":       forge(func(m *mark) { m.length += 3 }),
		"too far":         forge(func(m *mark) { m.length = 1 << 40 }),
		"of more records": forge(func(m *mark) { m.tree, _ = root.TreeOf(128, make([]tlog.Hash, 1)) }),
	} {
		if err := fsys.Replace(disk, edgeName, data); err != nil {
			t.Fatal(err)
		}
		h := open(t, disk, key, Options{markEvery: 10})
		if got := records(t, h); len(got) != 100 || !same(got) || h.edge.tree.Size() != 0 || len(h.marks) != 10 {
			t.Errorf("%s: %d records, an edge behind %d", name, len(got), h.edge.tree.Size())
		}
	}
}

func FuzzMark(f *testing.F) {
	h := long(f, fsys.NewMem(), seal.NewKey())
	for _, m := range h.marks {
		f.Add(m.append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, ok := decodeMark(data); ok && !bytes.Equal(m.append(nil), data) {
			t.Errorf("%x comes back as %x", data, m.append(nil))
		}
	})
}
