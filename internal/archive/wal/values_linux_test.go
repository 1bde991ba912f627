package wal

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/llama-logs/llama"
)

// TestValuesAreWrittenAsOneByOne writes values of all lengths and offsets that matter, in bodies
// with more and less room, and compares with what one writes. Many are those of the
// event before, or nearly so. Some end where their page ends, and the next must not be touched.
func TestValuesAreWrittenAsOneByOne(t *testing.T) {
	t.Parallel()
	page := syscall.Getpagesize()
	pages, err := syscall.Mmap(-1, 0, 5*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(pages) })
	rng := rand.New(rand.NewPCG(9, 9))
	text := pages[:4*page]
	for i := range text {
		text[i] = byte(rng.Uint32())
	}
	if err := syscall.Mprotect(pages[4*page:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	value := func(before string) string {
		n := rng.IntN(40)
		switch rng.IntN(8) {
		case 0:
			n = []int{0, 16, 17, 63, 64, 65, 127, 128, 129, 300, 3000, 8191, 8192, 9000}[rng.IntN(14)]
		case 1, 2:
			return before
		case 3:
			if n = len(before); n > 0 { // as long, and different somewhere
				other := []byte(before)
				other[rng.IntN(n)]++
				return string(other)
			}
		}
		begin := len(text) - n
		if rng.IntN(2) == 0 {
			begin -= min(begin, rng.IntN(20))
		}
		return unsafe.String(&text[min(begin, len(text)-1)], n)
	}
	for round := range 300 {
		n := rng.IntN(70)
		if rng.IntN(4) == 0 {
			n = []int{0, 1, 8, 63, 64, 65, 128, 130}[rng.IntN(8)]
		}
		got := valueWriter{body: []byte("before")}
		want := valueWriter{body: bytes.Clone(got.body)}
		last, wantLast := make([]place, n), make([]place, n)
		before := make([]string, n)
		for event := range 5 {
			got.message = strings.Repeat("a message", rng.IntN(4)*rng.IntN(1200))
			if rng.IntN(8) == 0 {
				got.message = unsafe.String(&text[0], len(text)) // with all values
			}
			room := append(slices.Concat(got.body, []byte(got.message)), bytes.Repeat([]byte{0xaa}, 3000)...)
			end := len(got.body) + len(got.message) + rng.IntN(2900)
			got.body = room[: len(got.body)+len(got.message) : end]
			got.at = len(got.body) - len(got.message)
			want.body = append(want.body, got.message...)
			want.message, want.at = got.message, got.at
			fields, fixed := make([]llama.Field, n), uint64(0)
			for i := range fields {
				fields[i].Value = value(before[i])
				if m := got.message; m != "" && rng.IntN(4) == 0 {
					from := rng.IntN(len(m))
					fields[i].Value = m[from:][:rng.IntN(min(40, len(m)-from)+1)]
				}
				if i < atOnce && rng.IntN(8) == 0 {
					fields[i].Value, fixed = before[i], fixed|1<<i
				}
				before[i] = fields[i].Value
			}
			writeOneByOne(&want, fields, wantLast, fixed)
			got.write(fields, last, fixed)
			if !bytes.Equal(got.body, want.body) {
				at := len(commonPrefix(got.body, want.body))
				t.Fatalf("round %d, event %d: %d bytes, want %d; from byte %d on they are %x, want %x", round, event, len(got.body), len(want.body),
					at, got.body[at:min(at+40, len(got.body))], want.body[at:min(at+40, len(want.body))])
			}
			if behind := room[end:]; !bytes.Equal(behind, bytes.Repeat([]byte{0xaa}, len(behind))) {
				t.Fatalf("round %d, event %d: bytes behind the room are changed", round, event)
			}
		}
	}
}

// writeOneByOne is what write does, without its haste.
func writeOneByOne(v *valueWriter, fields []llama.Field, last []place, fixed uint64) {
	marks := len(v.body)
	v.body = append(v.body, make([]byte, (len(fields)+7)/8)...)
	for i := range fields {
		if i < atOnce && fixed>>i&1 != 0 || v.one(fields[i].Value, &last[i]) {
			v.body[marks+i/8] |= 1 << (i % 8)
		}
	}
}

func commonPrefix(a, b []byte) []byte {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// TestValuesFillTheirRoom writes as many values of 16 bytes as are written at once, behind a long
// one that leaves more or less room for them.
func TestValuesFillTheirRoom(t *testing.T) {
	t.Parallel()
	const end = atOnce/8 + atOnce*17 + 512 // with the marks
	for first := 17; first < end; first++ {
		fields := make([]llama.Field, atOnce)
		fields[0].Value = strings.Repeat("x", first)
		for i := range fields[1:] {
			fields[1+i].Value = strings.Repeat(string(rune('a'+i%26)), 16)
		}
		room := make([]byte, end+64)
		got, want := valueWriter{body: room[:0:end]}, valueWriter{}
		got.write(fields, make([]place, atOnce), 0)
		writeOneByOne(&want, fields, make([]place, atOnce), 0)
		if !bytes.Equal(got.body, want.body) {
			t.Fatalf("first of %d bytes: %x, want %x", first, got.body, want.body)
		}
		if behind := room[end:]; !bytes.Equal(behind, make([]byte, len(behind))) {
			t.Fatalf("first of %d bytes: bytes behind the room are changed", first)
		}
	}
}
