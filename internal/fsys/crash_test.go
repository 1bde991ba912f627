package fsys

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const seeds = 300

// outcomes returns how often each state was found after a power cut, over many
// seeds. Build makes the state before it, look says what is there after it.
func outcomes(t *testing.T, build func(m *Mem), look func(m *Mem) string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for seed := range uint64(seeds) {
		m := NewMem()
		build(m)
		found[look(m.Crash(seed))]++
	}
	return found
}

// onlyAll fails unless exactly the states wanted were found.
func onlyAll(t *testing.T, found map[string]int, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
		t.Errorf("found %q\nwant  %q", got, want)
	}
}

func look(names ...string) func(*Mem) string {
	return func(m *Mem) string {
		var s []string
		for _, name := range names {
			s = append(s, text(m, name))
		}
		return strings.Join(s, " ")
	}
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	t.Parallel()
	onlyAll(t, outcomes(t, func(m *Mem) {
		must(t, m.MkdirAll("a"))
		must(t, m.SyncDir("."))
		must(t, put(t, m, "a/x", "one").Sync())
		must(t, m.SyncDir("a"))
	}, look("a/x")), "one")
}

func TestCrashMayLoseANameOfSyncedBytes(t *testing.T) {
	t.Parallel()
	onlyAll(t, outcomes(t, func(m *Mem) { must(t, put(t, m, "x", "one").Sync()) }, look("x")), "absent", "one")
}

func TestCrashMayLoseAFolderOfSyncedNames(t *testing.T) {
	t.Parallel()
	onlyAll(t, outcomes(t, func(m *Mem) {
		must(t, m.MkdirAll("a"))
		must(t, put(t, m, "a/x", "one").Sync())
		must(t, m.SyncDir("a"))
	}, look("a/x")), "absent", "one")
}

func TestCrashTearsWrites(t *testing.T) {
	t.Parallel()
	onlyAll(t, outcomes(t, func(m *Mem) {
		f := put(t, m, "x", "ab")
		must(t, f.Sync())
		must(t, m.SyncDir("."))
		for _, s := range []string{"cd", "e"} {
			_, err := f.Write([]byte(s))
			must(t, err)
		}
	}, look("x")), "ab", "abc", "abcd", "abcde", "ab\x00\x00", "abc\x00", "ab\x00\x00e", "abc\x00e")
}

func TestCrashMayUndoACut(t *testing.T) {
	t.Parallel()
	onlyAll(t, outcomes(t, func(m *Mem) {
		f := put(t, m, "x", "abc")
		must(t, f.Sync())
		must(t, m.SyncDir("."))
		must(t, f.Truncate(1))
	}, look("x")), "a", "abc")
}

func TestCrashUndoesARenameWhole(t *testing.T) {
	t.Parallel()
	onlyAll(t, outcomes(t, func(m *Mem) {
		must(t, Replace(m, "x", []byte("old")))
		must(t, put(t, m, "x.tmp", "new").Sync())
		must(t, m.SyncDir("."))
		must(t, m.Rename("x.tmp", "x"))
	}, look("x", "x.tmp")), "old new", "new absent")
}

func TestCrashUndoesARemoval(t *testing.T) {
	t.Parallel()
	onlyAll(t, outcomes(t, func(m *Mem) {
		must(t, Replace(m, "x", []byte("old")))
		must(t, m.Remove("x"))
	}, look("x")), "old", "absent")
	onlyAll(t, outcomes(t, func(m *Mem) {
		must(t, Replace(m, "x", []byte("old")))
		must(t, m.Remove("x"))
		must(t, m.SyncDir("."))
	}, look("x")), "absent")
}

func TestCrashKeepsChangesInAnyMix(t *testing.T) {
	t.Parallel()
	onlyAll(t, outcomes(t, func(m *Mem) {
		put(t, m, "x", "")
		put(t, m, "y", "")
	}, look("x", "y")), "absent absent", " absent", "absent ", " ")
	// A change that builds on another is not kept without it.
	onlyAll(t, outcomes(t, func(m *Mem) {
		must(t, put(t, m, "x", "1").Sync())
		must(t, m.Rename("x", "y"))
		must(t, put(t, m, "x", "2").Sync())
	}, look("x", "y")), "absent absent", "1 absent", "absent 1", "2 1")
}

func TestSyncDirTakesWhatItBuildsOn(t *testing.T) {
	t.Parallel()
	onlyAll(t, outcomes(t, func(m *Mem) {
		must(t, m.MkdirAll("a"))
		must(t, m.MkdirAll("b"))
		must(t, m.SyncDir("."))
		must(t, put(t, m, "a/x", "1").Sync())
		put(t, m, "a/other", "")
		must(t, m.Rename("a/x", "b/x"))
		must(t, m.SyncDir("b"))
	}, look("a/x", "b/x", "a/other")), "absent 1 absent", "absent 1 ")
}

func TestReplaceSurvivesACrashAnywhere(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		done := false
		onlyAll := map[string]bool{"old": true, "new": true}
		for seed := range uint64(20) {
			m := NewMem()
			must(t, Replace(m, "x", []byte("old")))
			f := NewFault(m)
			f.Set(Plan{At: at, Then: -1, Partial: 0.5})
			done = Replace(f, "x", []byte("new")) == nil
			got := text(m.Crash(seed), "x")
			if !onlyAll[got] || done && got != "new" {
				t.Errorf("operation %d, seed %d: got %q, done %v", at, seed, got, done)
			}
		}
		if done {
			return
		}
	}
}

func TestCrashEndsHandlesAndLocks(t *testing.T) {
	t.Parallel()
	m := NewMem()
	f := put(t, m, "x", "1")
	lock, err := m.Lock("lock")
	must(t, err)
	after := m.Crash(1)
	_, write := f.Write([]byte("2"))
	_, create := m.Create("y")
	_, list := m.List(".")
	for _, err := range []error{write, create, list, f.Sync(), f.Close(), m.Rename("x", "y")} {
		want(t, err, fs.ErrClosed)
	}
	again, err := after.Lock("lock")
	must(t, err)
	must(t, lock.Close()) // the dead process' handle
	_, err = after.Lock("lock")
	want(t, err, ErrLocked)
	must(t, again.Close())
}

func TestKillLosesNothingYet(t *testing.T) {
	t.Parallel()
	m := NewMem()
	put(t, m, "x", "1")
	m = m.Kill()
	if got := text(m, "x"); got != "1" {
		t.Errorf("after Kill: %q, want 1", got)
	}
	if got := text(m.Crash(0), "x"); got != "1" && got != "absent" && got != "" {
		t.Errorf("after Crash: %q", got)
	}
	onlyAll(t, outcomes(t, func(m *Mem) { put(t, m, "x", "1") }, func(m *Mem) string { return text(m.Kill(), "x") }), "1", "", "absent")
}

func TestFullDiskWritesAPart(t *testing.T) {
	t.Parallel()
	m := NewMem()
	f := put(t, m, "x", "12")
	m.SetFree(3)
	n, err := f.Write([]byte("34567"))
	want(t, err, syscall.ENOSPC)
	if free, _, _ := m.Free(); n != 3 || free != 0 {
		t.Errorf("%d bytes were written, %d are free; want 3 and 0", n, free)
	}
	must(t, put(t, m, "empty", "").Close())
	must(t, f.Truncate(2))
	other := put(t, m, "y", "abc")
	must(t, m.Remove("x"))
	if free, _, _ := m.Free(); free != 2 {
		t.Errorf("%d bytes are free, want 2", free)
	}
	_, err = other.Write([]byte("45"))
	must(t, err)
	must(t, Replace(m, "empty", nil))
	must(t, m.Rename("empty", "y"))
	if free, total, _ := m.Free(); free != 5 || total != 5 {
		t.Errorf("%d of %d bytes are free, want all 5", free, total)
	}
}

func TestFaultFailsTheNth(t *testing.T) {
	t.Parallel()
	f := NewFault(NewMem())
	file := put(t, f, "x", "1")
	f.Set(Plan{Only: OpWrite | OpSync, At: 2, Then: 1, Err: syscall.ENOSPC, Partial: 0.5})
	must(t, file.Sync())
	n, err := file.Write([]byte("1234"))
	want(t, err, syscall.ENOSPC)
	if n != 2 {
		t.Errorf("%d bytes were written, want 2", n)
	}
	put := func() error { _, err := file.Write([]byte("x")); return err }
	_, err = f.List(".")
	must(t, err)
	want(t, put(), syscall.ENOSPC)
	must(t, put())
	if f.Count() != 4 || !f.Failed() {
		t.Errorf("Count %d, Failed %v; want 4, true", f.Count(), f.Failed())
	}
	if got := text(f, "x"); got != "112x" {
		t.Errorf("got %q, want 112x", got)
	}
}

func TestFaultMayDoTheWork(t *testing.T) {
	t.Parallel()
	f := NewFault(NewMem())
	file := put(t, f, "x", "")
	f.Set(Plan{At: 1, Then: -1, Done: true})
	n, err := file.Write([]byte("all"))
	want(t, err, syscall.EIO)
	want(t, f.Rename("x", "y"), syscall.EIO)
	_, err = f.Create("z")
	want(t, err, syscall.EIO)
	f.Set(Plan{})
	if got := fmt.Sprint(n, text(f, "x"), text(f, "y"), text(f, "z")); got != "3absentall" {
		t.Errorf("got %q", got)
	}
}

func TestGoneDiskFailsEverything(t *testing.T) {
	t.Parallel()
	f := NewFault(NewMem())
	file := put(t, f, "x", "1")
	f.Set(Plan{At: 1, Then: -1})
	_, create := f.Create("y")
	_, open := f.Open("x")
	_, app := f.Append("x")
	_, list := f.List(".")
	_, stat := f.Stat("x")
	_, lock := f.Lock("l")
	_, _, free := f.Free()
	_, write := file.Write([]byte("2"))
	_, read := file.ReadAt(make([]byte, 1), 0)
	for i, err := range []error{create, open, app, list, stat, lock, free, write, read, file.Sync(), file.Truncate(0),
		f.Rename("x", "y"), f.Remove("x"), f.MkdirAll("a"), f.SyncDir(".")} {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("operation %d: got %v, want EIO", i, err)
		}
	}
	if f.Count() != 15 {
		t.Errorf("Count %d, want 15", f.Count())
	}
}

func TestFailedSyncIsNotMendedByTheNext(t *testing.T) {
	t.Parallel()
	onlyAll(t, outcomes(t, func(m *Mem) {
		f := NewFault(m)
		file := put(t, f, "x", "a")
		must(t, file.Sync())
		must(t, f.SyncDir("."))
		_, err := file.Write([]byte("b"))
		must(t, err)
		f.Set(Plan{At: 1})
		want(t, file.Sync(), syscall.EIO)
		_, err = file.Write([]byte("c"))
		must(t, err)
		must(t, file.Sync())
	}, look("x")), "a\x00c", "abc")
}
