package wal

import (
	"unsafe"

	"github.com/llama-logs/llama/internal/column"
)

// text is a string that is read from its front. After anything that is not there,
// failed is set and it is empty.
type text struct {
	data   string
	failed bool
}

func (t *text) fail() { t.data, t.failed = "", true }

// string reads a length and as many bytes.
func (t *text) string() string { return t.bytes(t.uvarint()) }

// bytes reads n bytes.
func (t *text) bytes(n uint64) string {
	if n > uint64(len(t.data)) {
		t.fail()
		return ""
	}
	s := t.data[:n]
	t.data = t.data[n:]
	return s
}

// uvarint is binary.Uvarint for strings.
func (t *text) uvarint() uint64 {
	if len(t.data) > 0 && t.data[0] < 0x80 {
		v := uint64(t.data[0])
		t.data = t.data[1:]
		return v
	}
	return t.longUvarint()
}

func (t *text) longUvarint() uint64 {
	var v uint64
	for i := 0; i < len(t.data) && i < 10; i++ {
		b := t.data[i]
		if i == 9 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			t.data = t.data[i+1:]
			return v
		}
	}
	t.fail()
	return 0
}

func (t *text) varint() int64 {
	u := t.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// stringBytes lets s be read as bytes, which must not be changed.
func stringBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// bytesString lets b be read as a string; b must not be changed any more.
func bytesString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// within returns where in whole the memory of part lies, and whether it does.
func within(whole, part string) (offset uintptr, ok bool) {
	offset = uintptr(unsafe.Pointer(unsafe.StringData(part))) - uintptr(unsafe.Pointer(unsafe.StringData(whole)))
	return offset, offset < uintptr(len(whole)) && uintptr(len(part)) <= uintptr(len(whole))-offset && part != ""
}

// address returns where the memory of s begins, to be compared with others.
func address(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }

// layoutHash returns a number below layouts for a layout, which it is told by.
func layoutHash(f *column.Layout) uint64 {
	return uint64(uintptr(unsafe.Pointer(f))) >> 4 * 0x9e3779b97f4a7c15 >> 58
}

// same is a == b, quick for strings of the same memory.
func same(a, b string) bool {
	return len(a) == len(b) && (unsafe.StringData(a) == unsafe.StringData(b) || a == b)
}
