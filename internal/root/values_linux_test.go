package root

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// TestValuesAreAppendedAsStrings appends values of all lengths that matter, in buffers with more
// and less room. Some end where their page ends, and the next must not be touched.
func TestValuesAreAppendedAsStrings(t *testing.T) {
	t.Parallel()
	page := syscall.Getpagesize()
	pages, err := syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(pages) })
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range page {
		pages[i] = byte(rng.Uint32())
	}
	if err := syscall.Mprotect(pages[page:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	for round := range 3000 {
		values := make([]string, 1+rng.IntN(20))
		order := rng.Perm(len(values))[:rng.IntN(len(values)+1)]
		for i := range values {
			n := rng.IntN(40)
			if rng.IntN(8) == 0 {
				n = []int{0, 16, 17, 127, 128, 129, 300, 3000}[rng.IntN(8)]
			}
			begin := page - n
			if rng.IntN(2) == 0 {
				begin -= rng.IntN(20)
			}
			values[i] = unsafe.String(&pages[min(begin, page-1)], n)
			if n > 0 && rng.IntN(4) == 0 {
				values[i] = strings.Clone(values[i])
			}
		}
		want := []byte("before")
		for _, i := range order {
			want = appendString(want, values[i])
		}
		room := bytes.Repeat([]byte{0xaa}, 6+rng.IntN(2*len(want))+64)
		end := rng.IntN(len(room) - 63)
		dst := append(room[:0:end], "before"...)
		if got := appendValues(dst, values, order); !bytes.Equal(got, want) {
			t.Fatalf("round %d: %q in the order %d:\ngot  %x\nwant %x", round, values, order, got, want)
		}
		if !bytes.Equal(room[end:], bytes.Repeat([]byte{0xaa}, len(room)-end)) {
			t.Fatalf("round %d: %q in the order %d: bytes behind the room are changed", round, values, order)
		}
	}
}
