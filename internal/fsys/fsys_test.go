package fsys

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// conform runs fn on every file system.
func conform(t *testing.T, fn func(t *testing.T, f FS)) {
	t.Helper()
	dir, err := Dir(filepath.Join(t.TempDir(), "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	for name, f := range map[string]FS{"dir": dir, "mem": NewMem(), "fault": NewFault(NewMem())} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, f)
		})
	}
}

// put makes a file of text and leaves it open.
func put(t *testing.T, f FS, name, text string) File {
	t.Helper()
	file, err := f.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := file.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("write %s: %d, %v", name, n, err)
	}
	return file
}

// text returns what a file holds, or its error's kind.
func text(f FS, name string) string {
	b, err := ReadFile(f, name, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return "absent"
	} else if err != nil {
		return err.Error()
	}
	return string(b)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got error %v, want %v", err, kind)
	}
}

func TestFileIsWrittenReadAndCut(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		file := put(t, f, "x", "hello")
		_, err := f.Create("x")
		want(t, err, fs.ErrExist)
		must(t, file.Truncate(2))
		want(t, file.Truncate(3), fs.ErrInvalid)
		_, err = file.Write([]byte("LP"))
		must(t, err)
		must(t, file.Sync())
		must(t, file.Close())
		want(t, file.Close(), fs.ErrClosed)

		file, err = f.Append("x")
		must(t, err)
		_, err = file.Write([]byte("!"))
		must(t, err)
		buf := make([]byte, 3)
		if n, err := file.ReadAt(buf, 2); n != 3 || err != nil || string(buf) != "LP!" {
			t.Errorf("ReadAt: %d, %v, %q", n, err, buf)
		}
		if n, err := file.ReadAt(buf, 4); n != 1 || err != io.EOF {
			t.Errorf("ReadAt the end: %d, %v, want 1, EOF", n, err)
		}
		if n, err := file.ReadAt(buf, 9); n != 0 || err != io.EOF {
			t.Errorf("ReadAt behind the end: %d, %v, want 0, EOF", n, err)
		}
		if size, err := file.Size(); size != 5 || err != nil {
			t.Errorf("Size: %d, %v, want 5", size, err)
		}
		must(t, file.Close())
		if got := text(f, "x"); got != "heLP!" {
			t.Errorf("got %q, want heLP!", got)
		}
	})
}

func TestFileIsOverwritten(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		_, err := f.Overwrite("x")
		want(t, err, fs.ErrNotExist)
		must(t, put(t, f, "x", "hello").Close())
		file, err := f.Overwrite("x")
		must(t, err)
		for _, step := range [][2]string{{"HE", "HEllo"}, {"LLO", "HELLO"}, {"!!", "HELLO!!"}} {
			_, err = file.Write([]byte(step[0]))
			must(t, err)
			if got := text(f, "x"); got != step[1] {
				t.Errorf("got %q, want %q", got, step[1])
			}
		}
		must(t, file.Sync())
		must(t, file.Close())
	})
}

func TestNamesChange(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		must(t, f.MkdirAll("a/b"))
		must(t, f.MkdirAll("a/b"))
		must(t, put(t, f, "a/1", "one").Close())
		must(t, put(t, f, "a/2", "two").Close())
		must(t, f.Rename("a/1", "a/b/1"))
		must(t, f.Rename("a/2", "a/b/1"))
		want(t, f.Rename("a/2", "a/3"), fs.ErrNotExist)
		if got := text(f, "a/b/1"); got != "two" {
			t.Errorf("got %q, want two", got)
		}
		for dir, want := range map[string][]string{".": {"a/"}, "a": {"b/"}, "a/b": {"1"}} {
			if got, err := f.List(dir); err != nil || !slices.Equal(got, want) {
				t.Errorf("List(%s) = %q, %v, want %q", dir, got, err, want)
			}
		}
		if f.Remove("a/b") == nil {
			t.Error("Remove removed a folder that is not empty")
		}
		must(t, f.SyncDir("a/b"))
		must(t, f.Remove("a/b/1"))
		must(t, f.Remove("a/b"))
		want(t, f.Remove("a/b"), fs.ErrNotExist)
		want(t, f.SyncDir("a/b"), fs.ErrNotExist)
		_, err := f.List("a/b")
		want(t, err, fs.ErrNotExist)
		_, err = f.Open("a/b/1")
		want(t, err, fs.ErrNotExist)
		_, err = f.Append("a/b/1")
		want(t, err, fs.ErrNotExist)
		_, err = f.Create("a/b/1")
		want(t, err, fs.ErrNotExist)
	})
}

func TestModesAreNarrow(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		must(t, f.MkdirAll("a"))
		must(t, put(t, f, "a/x", "12").Close())
		for name, want := range map[string]fs.FileMode{".": fs.ModeDir | 0o700, "a": fs.ModeDir | 0o700, "a/x": 0o600} {
			info, err := f.Stat(name)
			must(t, err)
			if info.Mode() != want || info.IsDir() != want.IsDir() {
				t.Errorf("%s has mode %s, want %s", name, info.Mode(), want)
			}
		}
		info, err := f.Stat("a/x")
		must(t, err)
		if info.Size() != 2 || info.Name() != "x" {
			t.Errorf("got %s with %d bytes, want x with 2", info.Name(), info.Size())
		}
		_, err = f.Stat("b")
		want(t, err, fs.ErrNotExist)
	})
}

func TestNamesOutsideAreRefused(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		for _, name := range []string{"", "/etc", "../x", "a/../x", "a//b", "./a", "a/"} {
			_, create := f.Create(name)
			_, open := f.Open(name)
			_, list := f.List(name)
			_, lock := f.Lock(name)
			for _, err := range []error{create, open, list, lock, f.MkdirAll(name), f.Remove(name), f.SyncDir(name), f.Rename(name, "x"), f.Rename("x", name)} {
				if !errors.Is(err, fs.ErrInvalid) {
					t.Errorf("%q: got error %v, want ErrInvalid", name, err)
				}
			}
		}
	})
}

func TestErrorsNameTheFile(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		_, open := f.Open("some/file")
		_, create := f.Create("some/file")
		for _, err := range []error{open, create, f.Remove("some/file"), f.Rename("some/file", "y")} {
			if err == nil || !strings.Contains(err.Error(), "some/file") {
				t.Errorf("%v does not name some/file", err)
			}
		}
	})
}

func TestLockExcludes(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		first, err := f.Lock("lock")
		must(t, err)
		_, err = f.Lock("lock")
		want(t, err, ErrLocked)
		must(t, first.Close())
		second, err := f.Lock("lock")
		must(t, err)
		must(t, second.Close())
	})
}

func TestFreeIsWithinTheDisk(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		free, total, err := f.Free()
		if err != nil || free < 0 || total < free {
			t.Errorf("Free: %d of %d, %v", free, total, err)
		}
	})
}

func TestManyUseAFile(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		file := put(t, f, "x", strings.Repeat("0123456789", 100))
		defer file.Close()
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for i := range 100 {
					var digit [1]byte
					if _, err := file.ReadAt(digit[:], int64(i)); err != nil || int(digit[0]-'0') != i%10 {
						t.Errorf("at %d: %q, %v", i, digit, err)
					}
				}
			})
		}
		for range 10 {
			_, err := file.Write([]byte("more"))
			must(t, err)
			must(t, file.Sync())
		}
		readers.Wait()
	})
}

func TestReplaceLeavesOneFile(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		must(t, f.MkdirAll("a"))
		must(t, put(t, f, "a/x.tmp", "left by a crash").Close())
		for _, s := range []string{"one", "", "three"} {
			must(t, Replace(f, "a/x", []byte(s)))
			if got := text(f, "a/x"); got != s {
				t.Errorf("got %q, want %q", got, s)
			}
		}
		if names, err := f.List("a"); err != nil || !slices.Equal(names, []string{"x"}) {
			t.Errorf("List: %q, %v", names, err)
		}
		_, err := ReadFile(f, "a/x", 4)
		want(t, err, ErrTooLarge)
	})
}

func TestDirRefusesLinksThatLeadOut(t *testing.T) {
	t.Parallel()
	outside, root := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600))
	must(t, os.Symlink(outside, filepath.Join(root, "link")))
	f, err := Dir(root)
	must(t, err)
	defer f.Close()
	if _, err := f.Open("link/secret"); err == nil {
		t.Error("Open followed a link out of the folder")
	}
	if _, err := f.Create("link/new"); err == nil {
		t.Error("Create followed a link out of the folder")
	}
}

func BenchmarkDirWriteSync(b *testing.B) {
	f, err := Dir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	file, err := f.Create("x")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	page := bytes.Repeat([]byte("x"), 64<<10)
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		if _, err := file.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}
