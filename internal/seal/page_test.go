package seal

import (
	"bytes"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/fsys"
)

// A pageFile is the file of a page.
type pageFile struct {
	name string
	data []byte
}

// pageFiles returns the pages of the keyring on a disk.
func pageFiles(t testing.TB, disk fsys.FS) (files []pageFile) {
	t.Helper()
	names, _ := disk.List("keyring.pages") // none: there are no pages
	for _, name := range names {
		data, err := fsys.ReadFile(disk, path.Join("keyring.pages", name), maxPage)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, pageFile{name, data})
	}
	return files
}

func TestPagesAreByTheEndOfIDs(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"collection/sshd/2026-11-20": "2026-11-20", "log": "", "log/2": "", "a/b/": "", "a/b/C": "", "a//x": "x", "a/b/c/d": "d",
		"a/b/" + strings.Repeat("x", 65): "",
	} {
		if got := pageOf(id); got != want {
			t.Errorf("%s: page %q, want %q", id, got, want)
		}
	}
	disk, m := fsys.NewMem(), master("m")
	k := open(t, disk, m)
	must(t, k.Make("c/a/1", "c/b/1", "c/a/2", "log"))
	if files := pageFiles(t, disk); len(files) != 2 {
		t.Errorf("%d pages", len(files))
	}
	before := raw(t, disk)
	must(t, k.Make("c/c/1"))
	if !bytes.Equal(raw(t, disk), before) {
		t.Error("the file was written for a key of a page that was there")
	}
	must(t, k.Destroy("c/a/1", "c/a/1", "c/c/1", "c/b/1", "c/x/9"))
	if files := pageFiles(t, disk); len(files) != 1 {
		t.Errorf("%d pages after one was emptied", len(files))
	}
	if got := open(t, disk, m).IDs(); !slices.Equal(got, []string{"c/a/2", "log"}) {
		t.Errorf("ids %q", got)
	}
	if _, err := k.Key(pagePrefix + "x"); err == nil {
		t.Error("a key was made that looks like that of a page")
	}
}

// TestOldPagesOpenNoMore keeps copies of pages from before keys were destroyed, and from
// before a new root key.
func TestOldPagesOpenNoMore(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), master("m")
	k := open(t, disk, m)
	must(t, k.Make("c/a/1", "c/b/1", "c/a/2"))
	opens := func(files []pageFile) (n int) {
		for _, f := range files {
			for id, key := range k.has.Load().keys {
				if _, err := key.UnsealBlob(pageContext, f.data[len(pageMagic)+1:], k.pageAD(f.name)); err == nil && strings.HasPrefix(id, pagePrefix) {
					n++
				}
			}
		}
		return n
	}
	kept := pageFiles(t, disk)
	if n := opens(kept); n != 2 {
		t.Fatalf("%d pages open", n)
	}
	must(t, k.Destroy("c/a/1"))
	if n := opens(kept); n != 1 {
		t.Errorf("%d of the old pages open after a key in one was destroyed, want the other", n)
	}
	kept = pageFiles(t, disk)
	must(t, k.Rekey(m))
	if n := opens(kept); n != 0 {
		t.Errorf("%d of the old pages open with the keys of a new root key", n)
	}
	if now := pageFiles(t, disk); opens(now) != 2 || len(now) != 2 {
		t.Errorf("of %d pages %d open", len(now), opens(now))
	}
}

// TestDamagedPageIsNamed changes, cuts, exchanges and removes pages.
func TestDamagedPageIsNamed(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), master("m")
	must(t, open(t, disk, m).Make("c/a/1", "c/a/2"))
	files := pageFiles(t, disk)
	refused := func(what string, data []byte) {
		t.Helper()
		name := path.Join("keyring.pages", files[0].name)
		if data == nil {
			must(t, disk.Remove(name))
		} else {
			must(t, fsys.Replace(disk, name, data))
		}
		if _, err := OpenKeyring(disk, "keyring", m); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", what, err)
		}
	}
	data := files[0].data
	for i := range data {
		changed := bytes.Clone(data)
		changed[i] ^= 1
		refused(fmt.Sprint("byte ", i), changed)
		refused(fmt.Sprint("cut at ", i), data[:i:i])
	}
	refused("exchanged", files[1].data)
	refused("removed", nil)
}

// BenchmarkMillionKeys has a keyring of ten thousand collections and a hundred days.
func BenchmarkMillionKeys(b *testing.B) {
	disk, err := fsys.Dir(b.TempDir())
	must(b, err)
	defer disk.Close()
	m := master("m")
	k := open(b, disk, m)
	for day := range 100 {
		ids := make([]string, 10_000)
		for i := range ids {
			ids[i] = fmt.Sprintf("collection/app-%d/2026-%02d-%02d", i, 1+day/28, 1+day%28)
		}
		must(b, k.Make(ids...))
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			k = nil
			runtime.GC()
			k = open(b, disk, m)
		}
		var stat runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stat)
		b.ReportMetric(float64(stat.HeapAlloc)/1e6, "bytes/key")
	})
	b.Run("add", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			must(b, k.Make(fmt.Sprintf("collection/new-%d/2026-01-01", n)))
		}
	})
	b.Run("destroy", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			must(b, k.Destroy(fmt.Sprintf("collection/app-%d/2026-01-02", n)))
		}
	})
}
