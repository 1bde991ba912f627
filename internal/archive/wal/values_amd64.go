package wal

import (
	"math/bits"
	"slices"
	"unsafe"

	"github.com/llama-logs/llama"
)

// someShort is some as far as there is room up to end in the memory of the body, which is
// for atOnce short values at least, and as values and their offsets take two bytes for their
// numbers at most. It returns what is left, bits for those that are the last again, and how long
// the body is now; behind that it may have changed what is there up to end. Of a value it may
// read 16 bytes although it is shorter, but none of another page: a processor compares and copies
// 16 bytes at once as fast as one, and to see how many it has to take takes it longer.
//
//go:noescape
func someShort(body *byte, written, end int, message *byte, length, at int, fields *llama.Field, last *place, left uint64) (rest, same uint64, now int)

// The places of what someShort reads of a field and a place, which it has as numbers.
const (
	_ = -(unsafe.Sizeof(llama.Field{}) ^ 40)
	_ = -(unsafe.Offsetof(llama.Field{}.Value) ^ 16)
	_ = -(unsafe.Sizeof(place{}) ^ 8)
	_ = -(unsafe.Offsetof(place{}.n) ^ 4)
)

// roomAtOnce is for how many bytes memory is taken at least: someShort looks whether there is
// room only for long values.
const roomAtOnce = atOnce*17 + 512

// some writes the values of those fields that left has a bit for, and returns bits for those
// that are the last again.
func (v *valueWriter) some(fields []llama.Field, last []place, left uint64) (same uint64) {
	for {
		v.body = slices.Grow(v.body, roomAtOnce)
		rest, those, n := someShort(unsafe.SliceData(v.body), len(v.body), cap(v.body),
			unsafe.StringData(v.message), len(v.message), v.at, unsafe.SliceData(fields), unsafe.SliceData(last), left)
		v.body, same = v.body[:n], same|those
		if rest == 0 {
			return same
		}
		i := bits.TrailingZeros64(rest)
		if v.one(fields[i].Value, &last[i]) {
			same |= 1 << i
		}
		left = rest & (rest - 1)
	}
}
