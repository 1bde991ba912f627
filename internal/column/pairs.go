package column

// pairs tells which bytes, and which pairs of neighbours, are not in a text. Most of
// what is sought in values is not there, and this says so without looking through them.
type pairs struct {
	bytes [4]uint64
	two   [64]uint64 // by a hash of 12 bits
}

func newPairs(data []byte) *pairs {
	p := &pairs{}
	last := byte(0)
	for _, c := range data {
		p.bytes[c>>6] |= 1 << (c & 63)
		h := hashPair(last, c)
		p.two[h>>6] |= 1 << (h & 63)
		last = c
	}
	return p
}

// hashPair gives pairs of ASCII letters and digits mostly numbers of their own.
func hashPair(a, b byte) uint16 { return (uint16(a)*67 ^ uint16(b)<<3 ^ uint16(b)) & 4095 }

// may reports whether the text may hold sought.
func (p *pairs) may(sought string) bool {
	for i := range len(sought) {
		c := sought[i]
		if p.bytes[c>>6]>>(c&63)&1 == 0 {
			return false
		}
		if i > 0 {
			if h := hashPair(sought[i-1], c); p.two[h>>6]>>(h&63)&1 == 0 {
				return false
			}
		}
	}
	return true
}
