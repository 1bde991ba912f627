package archive

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	rand2 "crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/history"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
)

// verify verifies an archive, and returns the findings as text.
func verify(t testing.TB, a *Archive, head []byte) []string {
	t.Helper()
	v, err := a.Verify(context.Background(), VerifyOptions{Head: head})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, f := range v.Findings {
		texts = append(texts, f.String())
	}
	return texts
}

// sealedArchive makes an archive of a few segments of some parts, all sealed and closed,
// and returns its files and its head.
func sealedArchive(t *testing.T, m seal.Master) (files map[string]string, head []byte) {
	t.Helper()
	disk := fsys.NewMem()
	a := open(t, disk, m, small())
	grow(t, a, 1, 3)
	head, err := a.Head()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return tree(t, disk, "."), head
}

// grow puts batches and seals after each.
func grow(t testing.TB, a *Archive, seed uint64, batches int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	for range batches {
		put(t, a, batch(rng, 40))
		if err := a.sealAll(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// tampered opens files as an archive, and returns what opening or Verify finds.
func tampered(t *testing.T, files map[string]string, m seal.Master, head []byte) []string {
	t.Helper()
	a, err := Open(diskOf(t, files), m, small())
	if _, ok := errors.AsType[*segment.CorruptError](err); ok {
		return []string{err.Error()}
	} else if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	return verify(t, a, head)
}

// finds fails unless a finding has both texts.
func finds(t *testing.T, got []string, file, what string) {
	t.Helper()
	if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, file) && strings.Contains(s, what) }) {
		t.Errorf("found\n\t%s\nwant one that says %q of %q", strings.Join(got, "\n\t"), what, file)
	}
}

// segmentsOf returns the names of a part's segments.
func segmentsOf(files map[string]string, folder string) (names []string) {
	for name := range files {
		if strings.HasPrefix(name, folder) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestVerifyFindsNothingWhereNothingIs(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	files, head := sealedArchive(t, m)
	if got := tampered(t, files, m, head); got != nil {
		t.Errorf("found %q", got)
	}
	a := open(t, fsys.NewMem(), m, small())
	if got := verify(t, a, nil); got != nil {
		t.Errorf("in an empty archive: %q", got)
	}
}

// TestVerifyFindsTampering changes an archive in each way that who has its files, and
// some that who has its keys, could think of.
func TestVerifyFindsTampering(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	files, head := sealedArchive(t, m)
	sshd := segmentsOf(files, "segments/sshd/2026-11-20/")
	other := segmentsOf(files, "segments/switch/2026-11-20/")
	if len(sshd) < 3 || len(other) < 3 {
		t.Fatalf("segments %q and %q", sshd, other)
	}
	// The same archive, at an earlier time and at a later one.
	later := func(change func(a *Archive)) map[string]string {
		disk := diskOf(t, files)
		a := open(t, disk, m, small())
		change(a)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		return tree(t, disk, ".")
	}
	grown := later(func(a *Archive) { grow(t, a, 2, 2) })
	merged := later(func(a *Archive) {
		if err := a.upkeep(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
	if len(merged) >= len(files) {
		t.Fatalf("%d files of %d were merged", len(merged), len(files))
	}
	foreign, _ := sealedArchive(t, m)
	for name, tt := range map[string]struct {
		change     func(map[string]string)
		of         map[string]string // files, if not those above
		file, what string
	}{
		"a segment removed": {
			change: func(f map[string]string) { delete(f, sshd[1]) },
			file:   path.Dir(sshd[1]), what: "are not there, and nobody removed them",
		},
		"the last segment removed": {
			change: func(f map[string]string) { delete(f, sshd[len(sshd)-1]) },
			file:   path.Dir(sshd[1]), what: "are not there",
		},
		"a day removed": {
			change: func(f map[string]string) {
				for _, name := range sshd {
					delete(f, name)
				}
			},
			file: path.Dir(sshd[1]), what: "are not there",
		},
		"two segments swapped": {
			change: func(f map[string]string) { f[sshd[0]], f[sshd[1]] = f[sshd[1]], f[sshd[0]] },
			file:   sshd[0], what: "it does not have the name that it was given",
		},
		"segments of two collections swapped": {
			change: func(f map[string]string) { f[sshd[0]], f[other[0]] = f[other[0]], f[sshd[0]] },
			file:   sshd[0], what: seal.ErrSealed.Error(),
		},
		"a segment moved to another day": {
			change: func(f map[string]string) {
				f[strings.Replace(sshd[0], "11-20", "11-17", 1)] = f[sshd[0]]
				delete(f, sshd[0])
			},
			file: "11-17", what: "the keyring has no key",
		},
		"a segment cut": {
			change: func(f map[string]string) { f[sshd[1]] = f[sshd[1]][:len(f[sshd[1]])-1] },
			file:   sshd[1], what: "the end of a segment is not there",
		},
		"a segment made longer": {
			change: func(f map[string]string) { f[sshd[1]] += "\x00" },
			file:   sshd[1], what: "the end of a segment is not there",
		},
		"a segment twice": {
			change: func(f map[string]string) {
				name, _ := segment.ParseName(path.Base(sshd[1]))
				name.Generation++
				f[path.Join(path.Dir(sshd[1]), name.String())] = f[sshd[1]]
				f[sshd[1]] = ""
			},
		},
		"the history missing": {
			change: func(f map[string]string) {
				for _, name := range segmentsOf(f, history.Folder) {
					delete(f, name)
				}
			},
			file: history.Folder, what: "missing",
		},
		"the records missing": {change: func(f map[string]string) { delete(f, "history/records") }, file: "history/records", what: "missing"},
		"the head missing":    {change: func(f map[string]string) { delete(f, "history/head") }, file: "history/head", what: "missing"},
		"the key missing":     {change: func(f map[string]string) { delete(f, "history/key") }, file: "history/key", what: "missing"},
		"the records cut": {
			change: func(f map[string]string) { f["history/records"] = f["history/records"][:len(f["history/records"])-1] },
			file:   "history/records", what: "only a part of it",
		},
		"the records emptied": {
			change: func(f map[string]string) { f["history/records"] = f["history/records"][:28] },
			file:   "history/records", what: "the head of",
		},
		"two frames of the records swapped": {
			change: func(f map[string]string) {
				first, second, rest := framesOf(f["history/records"])
				f["history/records"] = f["history/records"][:28] + second + first + rest
			},
			file: "history/records", what: "damaged",
		},
		"an older head": {
			of:     grown,
			change: func(f map[string]string) { f["history/head"] = files["history/head"] },
			file:   "", what: "", // the records beyond are whole, and signed again
		},
		"an older history": {
			of: grown,
			change: func(f map[string]string) {
				f["history/head"], f["history/records"] = files["history/head"], files["history/records"]
			},
			file: "segments/", what: "the history does not know",
		},
		"an older copy of the segments": {
			of: grown,
			change: func(f map[string]string) {
				maps.DeleteFunc(f, func(name, _ string) bool { return strings.HasPrefix(name, "segments/") && files[name] == "" })
			},
			file: "segments/", what: "are not there",
		},
		"an older copy of all": {
			change: func(f map[string]string) {}, file: history.Folder, what: "rolled back",
		},
		"another archive's history": {
			change: func(f map[string]string) {
				for _, name := range []string{"history/head", "history/records", "history/key"} {
					f[name] = foreign[name]
				}
			},
			file: "history", what: seal.ErrSealed.Error(),
		},
		"all of another archive": {of: foreign, change: func(map[string]string) {}, file: history.Folder, what: "not of this history"},
		"merged ones beside what they were": {
			of: merged,
			change: func(f map[string]string) {
				for _, name := range sshd {
					f[name] = files[name]
				}
			}, // which is what a crash leaves
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of, kept := files, head
			if tt.of != nil {
				of = tt.of
			}
			if tt.what == "rolled back" {
				kept = []byte(grown["history/head"])
			}
			changed := maps.Clone(of)
			tt.change(changed)
			got := tampered(t, changed, m, kept)
			if tt.what != "" {
				finds(t, got, tt.file, tt.what)
			} else if got != nil {
				t.Errorf("found %q", got)
			}
		})
	}
}

// framesOf takes the first two frames of records, and what follows.
func framesOf(records string) (first, second, rest string) {
	next := func(s string) int { return 4 + int(s[0])<<24 + int(s[1])<<16 + int(s[2])<<8 + int(s[3]) }
	rest = records[28:]
	first, rest = rest[:next(rest)], rest[next(rest):]
	second, rest = rest[:next(rest)], rest[next(rest):]
	return first, second, rest
}

// TestVerifyFindsEveryDamagedByte flips a bit of each byte of an archive that is closed.
// Only what a torn write may leave is told by nobody: the end of the log.
func TestVerifyFindsEveryDamagedByte(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	disk := fsys.NewMem()
	a := open(t, disk, m, small())
	for i := range uint64(3) {
		put(t, a, lines("s", 3*i, 3*i+2))
		sealed(t, a)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	files := tree(t, disk, ".")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".log") || name == formatName || isKeyring(name) {
			continue // see TestEveryDamagedByteIsNamed
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := range len(files[name]) {
				data := []byte(files[name])
				data[at] ^= 1 << (at % 8)
				changed := maps.Clone(files)
				changed[name] = string(data)
				got := tampered(t, changed, m, nil)
				if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, name) }) {
					t.Fatalf("byte %d: found %q", at, got)
				}
			}
		})
	}
}

// forge has who owns all keys write the segments of a part anew, with other events and
// roots that fit them.
func forge(t *testing.T, disk fsys.FS, m seal.Master, change func(*llama.Event) bool) {
	t.Helper()
	a := open(t, disk, m, small())
	p := a.parts[partKey{"sshd", wal.DayOf(llama.At(now))}]
	key, _ := a.keyring.Find(p.keyID())
	for _, g := range p.segments {
		w, err := segment.Create(disk, p.folder(), key, a.codec, p.collection, p.day)
		if err != nil {
			t.Fatal(err)
		}
		m := merger{codec: a.codec, w: w, small: 1, rows: a.o.BlockRows}
		forgeInto(t, &m, g, change)
		if err := disk.Remove(g.path); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(g.Generation); err != nil {
			t.Fatal(err)
		}
	}
	a.history, a.log = nil, nil // it dies here
	a.lock.Close()
}

// TestVerifyFindsForgery: with all keys of the archive, and its program, events can be
// changed so that all opens. The history tells, or if that is forged, too, the head that
// was kept elsewhere.
func TestVerifyFindsForgery(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	files, head := sealedArchive(t, m)
	disk := diskOf(t, files)
	forge(t, disk, m, func(e *llama.Event) bool {
		changes := e.Seq%7 == 0
		if changes {
			e.Message = "nothing happened"
		}
		return changes
	})
	a := open(t, disk, m, small())
	got := verify(t, a, head)
	finds(t, got, "segments/sshd/2026-11-20/", "the history does not know")
	finds(t, got, "segments/sshd/2026-11-20", "are not there")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	// The history written anew: as it was, but with the roots of the forged events.
	files = tree(t, disk, ".")
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasPrefix(name, "history/records") || name == "history/head" })
	rewritten := rewrite(t, files, m)
	if got := tampered(t, rewritten, m, nil); got != nil {
		t.Fatalf("the history written anew is not good enough for this test: %q", got)
	}
	finds(t, tampered(t, rewritten, m, head), history.Folder, "not of this history")
}

// TestVerifyFindsHistoryWrittenAnew has the history keep its name and its length.
func TestVerifyFindsHistoryWrittenAnew(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	files, _ := sealedArchive(t, m)
	grows := func(seed uint64) (map[string]string, []byte) {
		disk := diskOf(t, files)
		a := open(t, disk, m, small())
		grow(t, a, seed, 1)
		head, err := a.Head()
		if err := errors.Join(err, a.Close()); err != nil {
			t.Fatal(err)
		}
		return tree(t, disk, "."), head
	}
	one, _ := grows(5)
	_, head := grows(6)
	finds(t, tampered(t, one, m, head), history.Folder, "written anew")
}

// TestDamagedHistoryCanBeSetAside begins another history, which Verify tells of until it
// gets one of its heads.
func TestDamagedHistoryCanBeSetAside(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	files, old := sealedArchive(t, m)
	for name, change := range map[string]func(map[string]string){
		"damaged": func(f map[string]string) { f["history/records"] = f["history/records"][:200] },
		"missing": func(f map[string]string) { delete(f, "history/head") },
		"whole":   func(map[string]string) {},
	} {
		t.Run(name, func(t *testing.T) {
			changed := maps.Clone(files)
			change(changed)
			disk := diskOf(t, changed)
			if _, err := Open(disk, m, small()); (err == nil) != (name == "whole") {
				t.Fatal(err)
			} else if err == nil {
				disk = diskOf(t, changed)
			}
			o := small()
			o.NewHistory = true
			a := open(t, disk, m, o)
			finds(t, verify(t, a, nil), history.Folder, "the history was begun anew")
			finds(t, verify(t, a, old), history.Folder, "not of this history")
			head, err := a.Head()
			if err != nil {
				t.Fatal(err)
			}
			grow(t, a, 4, 1)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			a = open(t, disk, m, small())
			if got := verify(t, a, head); got != nil {
				t.Errorf("found %q", got)
			}
			if got := verify(t, a, nil); len(got) != 1 {
				t.Errorf("found %q", got)
			}
			if _, err := fsys.ReadFile(disk, "history/key.1", 1000); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRemovalOnPurposeIsNoFinding lets days expire and be destroyed.
func TestRemovalOnPurposeIsNoFinding(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	disk := fsys.NewMem()
	clock := now
	o := small()
	o.Now = func() time.Time { return clock }
	o.Retention.Age = 2 * day
	a := open(t, disk, m, o)
	grow(t, a, 1, 2)
	head, err := a.Head()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Destroy(t.Context(), "sshd", "2026-11-20"); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(day)
	grow(t, a, 2, 2)
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := a.Verify(t.Context(), VerifyOptions{Head: head})
	if err != nil || len(v.Findings) > 0 || v.Removed == 0 || v.Removed+v.Events != 160 {
		t.Errorf("error %v, %+v", err, v)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open(t, disk, m, o)
	if got := verify(t, a, []byte(v.Head)); got != nil {
		t.Errorf("found %q", got)
	}
}

// TestVerifyGoesOnWhileTheArchiveChanges destroys days, seals, merges and expires while
// it is verified.
func TestVerifyGoesOnWhileTheArchiveChanges(t *testing.T) {
	t.Parallel()
	clock := now
	o := small()
	o.Now = func() time.Time { return clock }
	o.Retention.Age = 2 * day
	a := open(t, fsys.NewMem(), newMaster(t), o)
	grow(t, a, 1, 6)
	var once sync.Once
	changed := errors.New("not called")
	v, err := a.Verify(t.Context(), VerifyOptions{Progress: func(done, total int64) {
		once.Do(func() {
			changed = errors.Join(a.Destroy(context.Background(), "sshd", "2026-11-20"), a.Destroy(context.Background(), "switch", "2026-11-20"))
			clock = clock.Add(day)
			grow(t, a, 2, 2)
			changed = errors.Join(changed, a.upkeep(context.Background()))
		})
	}})
	if err != nil || changed != nil || len(v.Findings) > 0 {
		t.Errorf("errors %v and %v, %+v", err, changed, v)
	}
	if got := verify(t, a, []byte(v.Head)); got != nil {
		t.Errorf("later: found %q", got)
	}
}

// TestMergingKeepsRoots merges all there is, copies blocks and joins them.
func TestMergingKeepsRoots(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	a := open(t, fsys.NewMem(), m, small())
	grow(t, a, 1, 12)
	before := rootsOf(t, a)
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := rootsOf(t, a)
	if len(before) < 20 || !maps.Equal(before, after) {
		t.Errorf("%d roots have become %d others", len(before), len(after))
	}
	if got := verify(t, a, nil); got != nil {
		t.Errorf("found %q", got)
	}
}

func rootsOf(t *testing.T, a *Archive) map[root.Root]string {
	t.Helper()
	all := map[root.Root]string{}
	for _, p := range a.parts {
		for _, s := range p.segments {
			d, err := s.Directory()
			if err != nil {
				t.Fatal(err)
			}
			for i := range d.Blocks() {
				for _, r := range d.Roots(i) {
					all[r] = p.folder()
				}
			}
		}
	}
	return all
}

// TestEveryEventCanBeProved takes the proof of each event, and the public key, to where
// the archive is not.
func TestEveryEventCanBeProved(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	a := open(t, fsys.NewMem(), m, small())
	grow(t, a, 1, 4)
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, err := contents(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range want {
		p, err := a.Prove(t.Context(), e.Seq)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Check(a.VerifierKey())
		if diff := diffEvents([]llama.Event{e}, []llama.Event{got}); diff != "" || err != nil {
			t.Fatalf("event %d: error %v, -want +got\n%s", e.Seq, err, diff)
		}
	}
	one, err1 := a.Prove(t.Context(), 1)
	two, err2 := a.Prove(t.Context(), 100)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	mixed := &Proof{Event: one.Event, Record: two.Record}
	if _, err := mixed.Check(a.VerifierKey()); !errors.Is(err, root.ErrProof) {
		t.Errorf("the proof of one event with the record of another: %v", err)
	}
	other := open(t, fsys.NewMem(), m, small())
	if _, err := one.Check(other.VerifierKey()); !errors.Is(err, history.ErrHead) {
		t.Errorf("with another archive's key: %v", err)
	}
	put(t, a, lines("s", 0, 2))
	for _, seq := range []uint64{0, 161, 1000} {
		if _, err := a.Prove(t.Context(), seq); llama.CodeOf(err) != llama.NotFound {
			t.Errorf("event %d, which is not sealed: %v", seq, err)
		}
	}
}

// TestHeadIsSignedByBoth: the archive's own key and that of the node sign heads; one
// that signs from later on signs the head that is there, too.
func TestHeadIsSignedByBoth(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	files, head := sealedArchive(t, m)
	if n := bytes.Count(head, []byte("— ")); n != 1 {
		t.Errorf("%d signatures", n)
	}
	o := small()
	o.Signer = newSigner()
	a := open(t, diskOf(t, files), m, o)
	head, err := a.Head()
	if n := bytes.Count(head, []byte("— ")); n != 2 || err != nil {
		t.Errorf("error %v, %d signatures", err, n)
	}
	if got := verify(t, a, head); got != nil {
		t.Errorf("found %q", got)
	}
}

// BenchmarkVerify verifies logins as parsed from sshd.
func BenchmarkVerify(b *testing.B) {
	events, _ := corpus(400_000)
	a := benchArchive(b)
	for at := 0; at < len(events); at += 1000 {
		if err := a.Put(context.Background(), &llama.Batch{Events: events[at : at+1000]}); err != nil {
			b.Fatal(err)
		}
	}
	if err := a.sealAll(context.Background()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if got := verify(b, a, nil); got != nil {
			b.Fatal(fmt.Sprint(got))
		}
	}
	b.ReportMetric(float64(len(events)*b.N)/b.Elapsed().Seconds(), "events/s")
}

func newSigner() crypto.Signer {
	_, key, _ := ed25519.GenerateKey(rand2.Reader) // never fails
	return key
}

// forgeInto writes the blocks of a segment anew, changed.
func forgeInto(t *testing.T, m *merger, g *stored, change func(*llama.Event) bool) {
	t.Helper()
	d, err := g.Directory()
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.Blocks() {
		b, err := g.Block(d, i)
		if err != nil {
			t.Fatal(err)
		}
		to, hasher := block.NewBuilder("sshd"), root.NewHasher("sshd")
		err = b.Each(func(r *column.Row) error {
			e := llama.Event{Seq: r.Seq, Message: r.Message}
			change(&e)
			r.Message = e.Message
			to.Add(r)
			hasher.Add(r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		packed, err := m.codec.Pack(to, hasher.Root())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.w.Append(packed); err != nil {
			t.Fatal(err)
		}
	}
}

// rewrite makes a new history of files that have none, by which all that is there is as
// it was sealed.
func rewrite(t *testing.T, files map[string]string, m seal.Master) map[string]string {
	t.Helper()
	disk := diskOf(t, files)
	keyring, err := seal.OpenKeyring(disk, keyringName, m)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keyring.Key(historyKeyID)
	if err != nil {
		t.Fatal(err)
	}
	h, err := history.Open(disk, key, history.Options{New: true})
	if err != nil {
		t.Fatal(err)
	}
	a := open(t, disk, m, small())
	for r, folder := range rootsOf(t, a) {
		parts := strings.Split(folder, "/")
		number, _ := parseDay(parts[2])
		h.Add(history.Record{
			Kind: history.Sealed, Part: history.Part{Collection: parts[1], Day: number},
			First: r.First, Last: r.Last, Rows: uint64(r.Rows), Root: r.Hash,
		})
	}
	a.lock.Close()
	if err := errors.Join(h.Flush(), keyring.Close()); err != nil {
		t.Fatal(err)
	}
	return tree(t, disk, ".")
}

// TestVerifyFindsNothingInEventsWithANameTwice: an event may have a field whose name is
// reserved, and one of the name that this one is given.
func TestVerifyFindsNothingInEventsWithANameTwice(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 20} {
		a := open(t, fsys.NewMem(), newMaster(t), small())
		for range 4 {
			b := &llama.Batch{}
			for range n {
				b.Events = append(b.Events, llama.Event{Collection: "c", Message: "m 12", Fields: []llama.Field{
					{Name: "b", Value: "1"}, {Name: llama.NameTime, Value: "x"}, {Name: "a", Value: "1"}, {Name: "labels._time", Value: "y"},
				}})
			}
			put(t, a, b)
			sealed(t, a)
		}
		if got := verify(t, a, nil); got != nil {
			t.Errorf("%d events at once: found %q", n, got)
		}
		if err := a.upkeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := verify(t, a, nil); got != nil {
			t.Errorf("%d events at once, merged: found %q", n, got)
		}
	}
}
