//go:build !amd64

package root

// appendValues appends values in an order, as appendString does.
func appendValues(dst []byte, values []string, order []int) []byte {
	for _, i := range order {
		dst = appendString(dst, values[i])
	}
	return dst
}
