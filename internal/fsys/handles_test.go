package fsys

import (
	"io/fs"
	"testing"
)

// whole reads a file through h.
func whole(t *testing.T, h *Handles, name string) string {
	t.Helper()
	f, err := h.Open(name)
	must(t, err)
	size, err := f.Size()
	must(t, err)
	data := make([]byte, size)
	_, err = f.ReadAt(data, 0)
	must(t, err)
	f.WillNeed(0, size)
	must(t, f.Close())
	return string(data)
}

func TestHandlesAreKeptUntilForgotten(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		h := NewHandles(f, 2)
		defer h.Close()
		_, err := h.Open("none")
		want(t, err, fs.ErrNotExist)
		must(t, put(t, f, "x", "one").Close())
		if got := whole(t, h, "x"); got != "one" {
			t.Errorf("got %q, want one", got)
		}
		must(t, f.Remove("x"))
		must(t, put(t, f, "x", "two").Close())
		if got := whole(t, h, "x"); got != "one" {
			t.Errorf("got %q of a file that is kept open, want one", got)
		}
		held, err := h.Open("x")
		must(t, err)
		h.Forget("x", "none")
		if got := whole(t, h, "x"); got != "two" {
			t.Errorf("got %q after it was forgotten, want two", got)
		}
		data := make([]byte, 3)
		if _, err := held.ReadAt(data, 0); err != nil || string(data) != "one" {
			t.Errorf("who had the file reads %q, %v", data, err)
		}
		must(t, held.Close())
		_, err = held.ReadAt(data, 0)
		want(t, err, fs.ErrClosed)
	})
}

func TestHandlesAreFew(t *testing.T) {
	conform(t, func(t *testing.T, f FS) {
		h := NewHandles(f, 2)
		held := map[string]File{}
		for _, name := range []string{"a", "b", "c"} {
			must(t, put(t, f, name, name).Close())
			var err error
			held[name], err = h.Open(name)
			must(t, err)
		}
		for name, file := range held { // the first has had to go, and can be used all the same
			data := make([]byte, 1)
			if _, err := file.ReadAt(data, 0); err != nil || string(data) != name {
				t.Errorf("read %q, %v, want %s", data, err, name)
			}
			must(t, file.Close())
		}
		if n := h.newest.Len(); n != 2 || h.byName["a"] != nil {
			t.Errorf("%d files are open, want the last two", n)
		}
		h.Close()
		file, err := h.Open("a")
		must(t, err)
		must(t, file.Close())
		if n := h.newest.Len(); n != 0 {
			t.Errorf("%d files are open after Close", n)
		}
	})
}
