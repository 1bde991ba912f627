package column

import (
	"encoding/binary"
	"math/bits"
)

// A NumberSet gathers the numbers of five to seven digits that are words of a block. Such
// numbers, ports and process ids and sizes, are so many and lie so near to each other that
// saying exactly which there are takes less than the filter for other words would: half as
// much, at 32,768 events a block. Of numbers of more than five digits it knows the
// remainder of a division by numbersRange, so that few others are taken for them. The
// zero value is empty.
type NumberSet struct{ bits [numbersRange / 64]uint64 }

const (
	numbersRange = 1 << 17 // more than five digits need
	numbersPage  = 1 << 13
	// plainPage is in the place of a Rice parameter where a page is a bit a number.
	plainPage = 0xff
	maxRice   = 12
)

// Reset empties the set.
func (s *NumberSet) Reset() { clear(s.bits[:]) }

// Add adds a number.
func (s *NumberSet) Add(n uint64) {
	n %= numbersRange
	s.bits[n/64] |= 1 << (n % 64)
}

// Append encodes the set, page by page: each its length in bytes, and then how the
// differences between its numbers are written, how many there are, and these.
func (s *NumberSet) Append(dst []byte) []byte {
	var page [numbersPage / 8]byte
	for from := 0; from < numbersRange; from += numbersPage {
		words := s.bits[from/64 : (from+numbersPage)/64]
		count := 0
		for _, w := range words {
			count += bits.OnesCount64(w)
		}
		if count == 0 {
			dst = append(dst, 0)
			continue
		}
		rice := min(maxRice, max(0, bits.Len(uint(numbersPage*2/3/count))-1))
		data, ok := appendRice(page[:0], words, count, rice)
		if !ok {
			data = page[:0]
			for _, w := range words {
				data = binary.LittleEndian.AppendUint64(data, w)
			}
			dst = append(binary.AppendUvarint(dst, uint64(1+len(data))), plainPage)
			dst = append(dst, data...)
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(data)))
		dst = append(dst, data...)
	}
	return dst
}

// appendRice writes the differences between numbers, less one, by a Rice code: so many ones
// as 2 to the power of rice goes into it, a zero, and as many bits of what is left, the
// lowest first. It gives up where dst has no room.
func appendRice(dst []byte, words []uint64, count, rice int) ([]byte, bool) {
	dst = binary.AppendUvarint(append(dst, byte(rice)), uint64(count))
	var held uint64 // bits that are no bytes yet
	have, next := 0, 0
	for i, w := range words {
		for ; w != 0; w &= w - 1 {
			n := 64*i + bits.TrailingZeros64(w)
			gap := n - next
			next = n + 1
			for ones := gap >> rice; ; {
				some := min(ones, 32)
				held |= (1<<some - 1) << have
				have += some
				for ; have >= 8; have -= 8 {
					if len(dst) == cap(dst) {
						return dst, false
					}
					dst = append(dst, byte(held))
					held >>= 8
				}
				if ones -= some; ones == 0 {
					break
				}
			}
			have++ // the zero
			held |= uint64(gap&(1<<rice-1)) << have
			have += rice
			for ; have >= 8; have -= 8 {
				if len(dst) == cap(dst) {
					return dst, false
				}
				dst = append(dst, byte(held))
				held >>= 8
			}
		}
	}
	if have > 0 {
		if len(dst) == cap(dst) {
			return dst, false
		}
		dst = append(dst, byte(held))
	}
	return dst, true
}

// HasNumber reports whether a number may be in the set that Append encoded as data. Of
// what is damaged it says so of all.
func HasNumber(data []byte, n uint64) bool {
	n %= numbersRange
	r := Reader{Data: data}
	for range n / numbersPage {
		r.Bytes(r.Count(1))
	}
	page := r.Bytes(r.Count(1))
	if r.Failed || len(page) == 0 {
		return r.Failed
	}
	n %= numbersPage
	if page[0] == plainPage {
		return len(page) != 1+numbersPage/8 || page[1+n/8]>>(n%8)&1 == 1
	}
	return hasRice(page, n)
}

// hasRice looks for a number in a page of differences.
func hasRice(page []byte, n uint64) bool {
	rice := int(page[0])
	count, size := binary.Uvarint(page[1:])
	if rice > maxRice || size <= 0 || count > numbersPage {
		return true
	}
	data := page[1+size:]
	var held uint64
	have := 0
	at := uint64(0) // of the next number, at the least
	for range count {
		for {
			for ; have <= 56 && len(data) > 0; have += 8 {
				held |= uint64(data[0]) << have
				data = data[1:]
			}
			ones := bits.TrailingZeros64(^held)
			if ones < have {
				at += uint64(ones) << rice
				held >>= ones + 1
				have -= ones + 1
				break
			}
			if len(data) == 0 {
				return true // it ends too soon
			}
			at += uint64(have) << rice
			held, have = 0, 0
		}
		for ; have <= 56 && len(data) > 0; have += 8 {
			held |= uint64(data[0]) << have
			data = data[1:]
		}
		if have < rice {
			return true
		}
		at += held & (1<<rice - 1)
		held >>= rice
		have -= rice
		if at >= n {
			return at == n
		}
		at++
	}
	return false
}
