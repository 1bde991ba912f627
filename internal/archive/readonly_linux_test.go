package archive

import (
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
)

// An unlocked disk keeps no file open for its lock.
type unlocked struct{ fsys.FS }

func (unlocked) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// TestReadOnlyRemount has the kernel make the disk read-only under an archive, as it
// does when a disk fails: nothing is taken and nothing is lost, what is there can be
// read, and it goes on when the disk can be written again.
func TestReadOnlyRemount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m")
	if errors.Is(err, syscall.EPERM) {
		t.Skip("a file system cannot be mounted here; run the test as root")
	}
	if err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	under, err := fsys.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer under.Close()
	disk, m := unlocked{under}, newMaster(t)
	a := open(t, disk, m, small())
	var want []llama.Event
	add := func(first uint64) {
		t.Helper()
		b := lines("s", first, first+9)
		put(t, a, b)
		want = append(want, b.Events...)
	}
	add(0)
	sealed(t, a)
	add(10)
	for round := range 2 {
		// While a file is open to be written only a disk that fails becomes read-only.
		if _, err := a.log.Renew(a.logKeys.Newest()); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Fatalf("remount: %v", err)
		}
		for range 3 {
			b := lines("s", uint64(20+10*round), uint64(29+10*round))
			if err := a.Put(t.Context(), b); llama.CodeOf(err) != llama.Unavailable || !errors.Is(err, syscall.EROFS) {
				t.Fatalf("a read-only disk: %v", err)
			}
		}
		if !a.Stat().Failing {
			t.Error("the archive does not say that it takes nothing")
		}
		if err := a.sealAll(t.Context()); err == nil {
			t.Error("sealed on a read-only disk")
		}
		if err := a.upkeep(t.Context()); err != nil {
			t.Logf("upkeep: %v", err)
		}
		holds(t, a, want)
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, ""); err != nil {
			t.Fatalf("remount: %v", err)
		}
		add(uint64(20 + 10*round))
		if a.Stat().Failing {
			t.Error("the archive says that it takes nothing, and does")
		}
		holds(t, a, want)
	}
	sealed(t, a)
	add(40)
	a.lock.Close() // as a crash would
	a = open(t, disk, m, small())
	holds(t, a, want)
	if next := a.Next("s", "e"); next != 50 {
		t.Errorf("line %d is next, want 50", next)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
