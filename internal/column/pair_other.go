//go:build !amd64

package column

import "strings"

// pair returns the least i at which text has a byte, and another so much behind it; -1 for
// none.
func pair(text string, distance int, first, second byte) int {
	sought, beside := first, second // the rarer of both is looked for
	from, other := 0, distance
	if rarity[second] > rarity[first] {
		sought, beside, from, other = second, first, distance, 0
	}
	for at := 0; at+distance < len(text); at++ {
		n := strings.IndexByte(text[at+from:len(text)-distance+from], sought)
		if n < 0 {
			return -1
		}
		if at += n; text[at+other] == beside {
			return at
		}
	}
	return -1
}
