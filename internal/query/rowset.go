package query

import "math/bits"

// A rowSet is rows of a block, a bit each.
type rowSet []uint64

func (s rowSet) add(row uint16)      { s[row>>6] |= 1 << (row & 63) }
func (s rowSet) has(row uint16) bool { return s[row>>6]>>(row&63)&1 != 0 }

func (s rowSet) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// rows appends the numbers of the rows.
func (s rowSet) rows(dst []uint32) []uint32 {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			dst = append(dst, uint32(i<<6+bits.TrailingZeros64(w)))
		}
	}
	return dst
}
