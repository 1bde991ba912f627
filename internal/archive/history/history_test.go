package history

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
)

func open(t testing.TB, disk fsys.FS, key seal.Key, o Options) *History {
	t.Helper()
	h, err := Open(disk, key, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// record makes the n-th record.
func record(n int) Record {
	r := Record{Kind: Sealed, At: 1, Part: Part{fmt.Sprint("c", n%3), int64(n % 2)}, First: uint64(n + 1), Last: uint64(2*n + 1), Rows: uint64(n), Root: tlog.Hash{byte(n)}}
	if n%5 == 4 {
		r.Kind, r.Root, r.Reason = Expired, tlog.Hash{}, "over"
	}
	return r
}

// records reads all.
func records(t testing.TB, h *History) []Record {
	t.Helper()
	var all []Record
	_, err := h.Read(func(_ int64, r *Record, _ []byte) error { all = append(all, *r); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// same reports whether got is records from the 0-th on.
func same(got []Record) bool {
	for i, r := range got {
		if !cmp.Equal(r, record(i), cmpopts.IgnoreUnexported(Record{})) {
			return false
		}
	}
	return true
}

func TestRecordsStay(t *testing.T) {
	t.Parallel()
	disk, key := fsys.NewMem(), seal.NewKey()
	h := open(t, disk, key, Options{New: true})
	var stored root.Stored
	heads := [][]byte{h.Head()}
	for n := 0; n < 40; {
		for range 1 + n%3 {
			h.Add(record(n))
			n++
		}
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		heads = append(heads, h.Head())
		if n%2 == 0 {
			h = open(t, disk, key, Options{})
		}
		if got := records(t, h); len(got) != n || !same(got) {
			t.Fatalf("%d records, want %d: %+v", len(got), n, got)
		}
	}
	_, err := h.Read(func(_ int64, _ *Record, data []byte) error { return stored.Add(RecordHash(data)) })
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range heads {
		head, err := OpenHead(text, h.VerifierKey())
		if err != nil {
			t.Fatal(err)
		}
		if want, err := tlog.TreeHash(head.Size, &stored); err != nil || want != head.Hash {
			t.Errorf("head of %d: %v, error %v, want %v", head.Size, head.Hash, err, want)
		}
	}
}

// TestCrashKeepsWhatWasFlushed lets each operation fail, goes on or cuts the power, and
// looks that what was flushed stays, in its place, under each head that was signed.
func TestCrashKeepsWhatWasFlushed(t *testing.T) {
	t.Parallel()
	key := seal.NewKey()
	for seed := range uint64(600) {
		rng := rand.New(rand.NewPCG(seed, 1))
		disk := fsys.NewMem()
		open(t, disk, key, Options{New: true})
		flushed, n := 0, 0
		var kept Head
		for life := range 4 {
			fault := fsys.NewFault(disk)
			h := open(t, fault, key, Options{markEvery: 2})
			if err := h.Flush(); err != nil {
				t.Fatal(err)
			}
			if n = int(h.Size()); n < flushed || !same(records(t, h)) {
				t.Fatalf("seed %d, life %d: %d records of %d", seed, life, n, flushed)
			}
			at := Head{}
			var tree root.Tree
			_, err := h.Read(func(n int64, _ *Record, data []byte) error {
				tree.Add(RecordHash(data))
				if tree.Size() == kept.Size {
					at = Head{tree.Size(), tree.Root()}
				}
				return nil
			})
			if kept.Size > 0 && at != kept || err != nil {
				t.Fatalf("seed %d, life %d: error %v, head %v has become %v", seed, life, err, kept, at)
			}
			flushed = n
			fault.Set(fsys.Plan{
				Only: []fsys.Ops{0, fsys.Changes, fsys.OpSync | fsys.OpSyncDir}[rng.IntN(3)],
				At:   1 + rng.IntN(20), Then: rng.IntN(3) - 1, Partial: rng.Float64(), Done: rng.IntN(2) == 0, Dead: rng.IntN(3) == 0,
			})
			for range rng.IntN(8) {
				for range rng.IntN(3) {
					h.Add(record(n))
					n++
				}
				h.Advance(rng.Uint64N(20)) // what fails makes starts longer
				if h.Flush() == nil {
					flushed = n
					if kept, err = h.ParseHead(h.Head()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if rng.IntN(2) == 0 {
				disk = disk.Kill()
			} else {
				disk = disk.Crash(seed)
			}
		}
	}
}

// TestMakingAHistoryCanBeCut kills the process at each operation of making one.
func TestMakingAHistoryCanBeCut(t *testing.T) {
	t.Parallel()
	key := seal.NewKey()
	for at, failed := 1, true; failed; at++ {
		for seed := range uint64(10) {
			disk := fsys.NewMem()
			fault := fsys.NewFault(disk)
			fault.Set(fsys.Plan{Only: fsys.Changes, At: at, Then: -1, Dead: true})
			Open(fault, key, Options{New: true}) // whether it dies is seen below
			failed = fault.Failed()
			open(t, disk.Crash(seed), key, Options{New: true})
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	key := seal.NewKey()
	if _, err := Open(fsys.NewMem(), key, Options{}); !isCorrupt(err) {
		t.Errorf("no history: %v", err)
	}
	disk := fsys.NewMem()
	open(t, disk, key, Options{New: true})
	if _, err := Open(disk, seal.NewKey(), Options{}); !isCorrupt(err) {
		t.Errorf("another key: %v", err)
	}
}

func isCorrupt(err error) bool {
	_, ok := errors.AsType[*segment.CorruptError](err)
	return ok
}

// TestReadSeesTheFileChange changes what is under an open history.
func TestReadSeesTheFileChange(t *testing.T) {
	t.Parallel()
	key := seal.NewKey()
	for _, name := range []string{recordsName, headName} {
		disk := fsys.NewMem()
		h := open(t, disk, key, Options{New: true})
		h.Add(record(0), record(1))
		if err := h.Flush(); err != nil {
			t.Fatal(err)
		}
		data, err := fsys.ReadFile(disk, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for at := headerSize; at < len(data); at++ {
			changed := bytes.Clone(data)
			changed[at] ^= 1
			if err := fsys.Replace(disk, name, changed); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Read(func(int64, *Record, []byte) error { return nil }); !isCorrupt(err) {
				t.Fatalf("%s, byte %d: %v", name, at, err)
			}
		}
	}
}

func TestHeadOfAnotherIsRefused(t *testing.T) {
	t.Parallel()
	one, two := open(t, fsys.NewMem(), seal.NewKey(), Options{New: true}), open(t, fsys.NewMem(), seal.NewKey(), Options{New: true})
	for name, text := range map[string][]byte{
		"another's": two.Head(), "empty": nil, "cut": one.Head()[:60], "not signed": one.Head()[:bytes.Index(one.Head(), []byte("\n\n"))+2],
	} {
		if head, err := one.ParseHead(text); !errors.Is(err, ErrHead) {
			t.Errorf("%s: %v, %v", name, head, err)
		}
	}
	_, node, _ := ed25519.GenerateKey(nil) // never fails
	disk, key := fsys.NewMem(), seal.NewKey()
	three := open(t, disk, key, Options{New: true, Signer: node})
	if err := three.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, disk, key, Options{}).ParseHead(three.Head()); err != nil {
		t.Errorf("signed by the node, too: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for n := range 6 {
		r := record(n)
		f.Add(r.append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Decode(r.append(nil))
		if err != nil || again != r {
			t.Errorf("%v: %+v is not %+v", err, again, r)
		}
	})
}

func FuzzFrame(f *testing.F) {
	h := open(f, fsys.NewMem(), seal.NewKey(), Options{New: true})
	r := record(1)
	f.Add(h.frames([][]byte{r.append(nil)}, 0), int64(0))
	f.Fuzz(func(t *testing.T, data []byte, first int64) {
		records, end, err := h.frame(bytes.NewReader(data), 0, int64(len(data)), first)
		if err == nil && (end > int64(len(data)) || len(records) == 0) {
			t.Errorf("%d records to byte %d of %d", len(records), end, len(data))
		}
	})
}

func FuzzHead(f *testing.F) {
	h := open(f, fsys.NewMem(), seal.NewKey(), Options{New: true})
	f.Add(string(h.Head()))
	f.Add(Head{3, tlog.Hash{1}}.text("o"))
	f.Fuzz(func(t *testing.T, text string) {
		if head, err := parseHead(text, "o"); err == nil && head.Size < 0 {
			t.Errorf("%d records", head.Size)
		}
		h.ParseHead([]byte(text))
	})
}

// BenchmarkOpen reads a history of a million records back, as a start does: with an edge,
// and all of it.
func BenchmarkOpen(b *testing.B) {
	disk, err := fsys.Dir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer disk.Close()
	key := seal.NewKey()
	h := open(b, disk, key, Options{New: true})
	const n = 1_000_000
	for i := range n {
		h.Add(record(i))
		if i%1000 == 999 {
			if err := h.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			open(b, disk, key, Options{})
		}
		b.ReportMetric(float64(h.length)/n, "bytes/record")
	})
	if err := h.Advance(2*n - 10_000); err != nil {
		b.Fatal(err)
	}
	b.Run("edge", func(b *testing.B) {
		for b.Loop() {
			open(b, disk, key, Options{})
		}
	})
}
