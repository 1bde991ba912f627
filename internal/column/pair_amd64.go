package column

import "unsafe"

// pairBlocks returns the least i below n at which the text has a byte, and another so much
// behind it; -1 for none. It looks at 32 places at once, and not at what is left of n then.
//
//go:noescape
func pairBlocks(text *byte, n, distance int, first, second byte) int

// pair returns the least i at which text has a byte, and another so much behind it; -1 for
// none.
func pair(text string, distance int, first, second byte) int {
	n := max(0, len(text)-distance)
	done := n &^ 31
	if done > 0 {
		if at := pairBlocks(unsafe.StringData(text), done, distance, first, second); at >= 0 {
			return at
		}
	}
	for i := done; i < n; i++ {
		if text[i] == first && text[i+distance] == second {
			return i
		}
	}
	return -1
}
