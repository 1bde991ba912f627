package column

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"unsafe"
)

// A Hasher hashes strings for tables of this process. Most values are short, and
// for those it takes a third of the time of maphash. Its seeds are random, so who
// writes the strings cannot choose them to collide.
type Hasher struct {
	x, y uint64
	long maphash.Seed
}

// NewHasher returns a Hasher with seeds of its own.
func NewHasher() Hasher { return Hasher{rand.Uint64(), rand.Uint64(), maphash.MakeSeed()} }

// Hash returns the hash of s.
func (h Hasher) Hash(s string) uint64 {
	n := len(s)
	if n <= MaxWords {
		x, y := Words(s)
		return h.HashWords(x, y, n)
	}
	if n > 32 {
		return maphash.String(h.long, s)
	}
	b := unsafe.Slice(unsafe.StringData(s), n)
	x := h.Mix(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]))
	return h.Mix(x^binary.LittleEndian.Uint64(b[n-16:]), binary.LittleEndian.Uint64(b[n-8:])^uint64(n)<<56)
}

// MaxWords is the length of the longest string that Words says all of.
const MaxWords = 16

// HashWords is Hash of a string of which Words has said x and y, with its length.
func (h Hasher) HashWords(x, y uint64, length int) uint64 {
	return h.Mix(x, y^uint64(length)<<56)
}

// Words returns two numbers that together with its length say what a string of up to MaxWords bytes is.
func Words(s string) (x, y uint64) {
	n := len(s)
	b := unsafe.Slice(unsafe.StringData(s), n)
	switch {
	case n >= 8:
		return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		return uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16, 0
	}
	return 0, 0
}

// Mix returns the hash of two numbers.
func (h Hasher) Mix(x, y uint64) uint64 {
	high, low := bits.Mul64(x^h.x, y^h.y)
	return high ^ low
}
