package column

import "encoding/binary"

// sumDeltas returns the sum of the first n of rows differences that AppendInts wrote in w
// planes. Of eight rows the bytes of a plane are added at once.
//
// A difference that is even when zigzagged, u, is u/2, and an odd one is -(u+1)/2. So twice
// the sum is all even u, less all odd ones, less how many these are; and u is the sum of
// what its bytes are worth in their planes.
func sumDeltas(planes []byte, rows, w, n int) int64 {
	const (
		ones   = 0x0101010101010101
		widest = 5 // wider ones might be too large when added up
	)
	twice := int64(0)
	whole := n &^ 7
	if w == 0 || w > widest {
		whole = 0
	}
	for i := 0; i < whole; i += 8 {
		odd := binary.LittleEndian.Uint64(planes[i:]) & ones
		twice -= int64(odd * ones >> 56)
		for p := range w {
			b := binary.LittleEndian.Uint64(planes[p*rows+i:])
			twice += (addBytes(b) - 2*addBytes(b&(odd*0xff))) << (8 * p)
		}
	}
	sum := twice / 2
	for i := whole; i < n; i++ {
		u := uint64(0)
		for p := range w {
			u |= uint64(planes[p*rows+i]) << (8 * p)
		}
		sum += unzigzag(u)
	}
	return sum
}

// addBytes adds up eight bytes.
func addBytes(b uint64) int64 {
	const low = 0x00ff00ff00ff00ff
	return int64((b&low + b>>8&low) * 0x0001000100010001 >> 48)
}
