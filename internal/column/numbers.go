package column

import (
	"encoding/binary"
	"fmt"
)

// AppendNumbers encodes numbers that are near those before them.
func AppendNumbers[N ~int64 | ~uint64](dst []byte, numbers []N) []byte {
	last := N(0)
	for _, n := range numbers {
		dst = binary.AppendVarint(dst, int64(n-last))
		last = n
	}
	return dst
}

// DecodeNumbers returns the rows numbers that AppendNumbers encoded. The error
// wraps ErrDamaged.
func DecodeNumbers[N ~int64 | ~uint64](rows int, data []byte) ([]N, error) {
	if rows > len(data) {
		return nil, fmt.Errorf("%w: %d numbers in %d bytes", ErrDamaged, rows, len(data))
	}
	numbers := make([]N, rows)
	last := N(0)
	for i := range numbers {
		step, n := binary.Varint(data)
		if n <= 0 {
			return nil, fmt.Errorf("%w: number %d", ErrDamaged, i)
		}
		data = data[n:]
		last += N(step)
		numbers[i] = last
	}
	if len(data) != 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", ErrDamaged, len(data))
	}
	return numbers, nil
}
