//go:build !amd64

package wal

import (
	"math/bits"

	"github.com/llama-logs/llama"
)

// some writes the values of those fields that left has a bit for, and returns bits for those
// that are the last again.
func (v *valueWriter) some(fields []llama.Field, last []place, left uint64) (same uint64) {
	for ; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		if v.one(fields[i].Value, &last[i]) {
			same |= 1 << i
		}
	}
	return same
}
