package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/llama-logs/llama"
)

// A full disk is said to be one, and what comes then is refused whole.
func TestAFullDiskIsSaidToBeOne(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", 4<<20)); errors.Is(err, syscall.EPERM) {
		t.Skip("a file system cannot be mounted here; run the test as root")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	s, err := Open(t.Context(), filepath.Join(dir, "central.db"), keyring(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer ballast.Close()
	for size := 1 << 20; size > 0; {
		if _, err := ballast.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	for i := range 1000 { // the pages that are there already take some
		err = s.PutGroup(context.Background(), Group{Name: fmt.Sprint("g", i)})
		if err != nil {
			break
		}
	}
	if llama.CodeOf(err) != llama.Unavailable {
		t.Errorf("on a full disk: %v; want it said so", err)
	}
}
