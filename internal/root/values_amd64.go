package root

import (
	"slices"
	"unsafe"
)

// copyShort writes n values in an order to dst, each behind its length, up to one of more than
// 127 bytes or for which there is not so much room. It says how many values and bytes it wrote;
// behind these it may have changed bytes of the room. Of a value it may read 16 bytes although
// it is shorter, but none of another page: a processor copies 16 bytes at once as fast as one,
// and to see how many it has to copy takes it longer.
//
//go:noescape
func copyShort(dst *byte, room int, values *string, order *int, n int) (done, written int)

// roomAtOnce is for how many bytes of values memory is taken, when there is not enough.
const roomAtOnce = 4 << 10

// appendValues appends values in an order, as appendString does. The order has none that is not there.
func appendValues(dst []byte, values []string, order []int) []byte {
	for len(order) > 0 {
		room := dst[len(dst):cap(dst)]
		done, written := copyShort(unsafe.SliceData(room), len(room), unsafe.SliceData(values), unsafe.SliceData(order), len(order))
		dst, order = dst[:len(dst)+written], order[done:]
		if len(order) > 0 {
			dst = appendString(slices.Grow(dst, roomAtOnce), values[order[0]])
			order = order[1:]
		}
	}
	return dst
}
