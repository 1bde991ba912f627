package parse

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// This file compares eight bytes at once, for the way of every event.

// wordLen is how many bytes are compared at once.
const wordLen = 8

// A word is the first bytes of a text, up to wordLen, as a number.
type word struct{ bytes, mask uint64 }

func wordOf(s string) (w word) {
	for i := range min(len(s), wordLen) {
		w.bytes |= uint64(s[i]) << (8 * i)
		w.mask |= 0xff << (8 * i)
	}
	return w
}

// starts reports whether s, which has as many bytes at least, starts with w.
func (w word) starts(s string) bool {
	return headOf(s)&w.mask == w.bytes
}

// headOf returns the first bytes of s; behind its end they are 0.
func headOf(s string) uint64 {
	if len(s) >= wordLen {
		return first8(s)
	}
	return wordOf(s).bytes
}

// first8 returns the first wordLen bytes of s, which are there.
func first8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// A form is eight bytes of which some are digits and the others known.
type form struct{ want, over uint64 }

// formOf returns the form that is written with 0 for a digit and any byte for a blank.
func formOf(text string) (f form) {
	for i := range wordLen {
		switch c := uint64(text[i]); c {
		case '0':
			f.want |= c << (8 * i)
			f.over |= (0x7f - 9) << (8 * i)
		case ' ':
		default:
			f.want |= c << (8 * i)
			f.over |= 0x7f << (8 * i)
		}
	}
	return f
}

// read returns the digits where they stand, if bytes are of the form: then what is left
// of each by want is 9 or 0 at most, and what is over that is seen in its highest bit.
func (f *form) read(bytes uint64) (digits uint64, ok bool) {
	digits = bytes ^ f.want
	return digits, (digits+f.over|digits)&0x8080808080808080 == 0
}

// pair returns the number of two digits that a form has read, from the ith byte on.
func pair(digits uint64, i int) int {
	return int(digits>>(8*i)&15)*10 + int(digits>>(8*i+8)&15)
}

// notGraphicBySteps is notGraphic, eight bytes at once.
func notGraphicBySteps(text *[64]byte) (marks uint64) {
	const ones, highest = 0x0101010101010101, 0x8080808080808080
	for i := 0; i < len(text); i += wordLen {
		x := binary.LittleEndian.Uint64(text[i:])
		low := x &^ highest
		// A byte that is more than 0x20, or other than 0x7f, carries into its highest bit.
		graphic := (low + ones*(0x7f-0x20)) & ((low ^ ones*0x7f) + ones*0x7f)
		found := ^(graphic | x) & highest
		marks |= found >> 7 * 0x0102040810204080 >> 56 << i // the highest bits of all, side by side
	}
	return marks
}

// ends returns bits for the ends of a text's parts: those of its first 64 bytes that are blanks or
// control characters, or behind it.
func ends(text string) uint64 {
	if len(text) >= 64 {
		return notGraphic((*[64]byte)(unsafe.Slice(unsafe.StringData(text), 64)))
	}
	var room [64]byte
	copy(room[:], text)
	return notGraphic(&room)
}

// graphicLen returns how many bytes s begins with that are neither blanks nor control
// characters.
func graphicLen(s string) int {
	const ones, highest = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; n+wordLen <= len(s); n += wordLen {
		x := first8(s[n:])
		// A byte less than 0x21 becomes negative by it, and 0x7f by 0x7f and one; what is
		// above the first of those may be marked without being so.
		if found := ((x - ones*0x21) | ((x ^ ones*0x7f) - ones)) &^ x & highest; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for n < len(s) && s[n] > ' ' && s[n] != 0x7f {
		n++
	}
	return n
}
