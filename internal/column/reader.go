package column

import "encoding/binary"

// A Reader takes bytes apart, from Data's front. After the first mistake it has Failed,
// and only gives zeros.
type Reader struct {
	Data   []byte
	Failed bool
}

// Fail makes what was read a mistake.
func (r *Reader) Fail() { r.Data, r.Failed = nil, true }

// Byte reads a byte.
func (r *Reader) Byte() byte {
	if len(r.Data) == 0 {
		r.Fail()
		return 0
	}
	b := r.Data[0]
	r.Data = r.Data[1:]
	return b
}

// Uvarint reads a number as binary.AppendUvarint writes it.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.Data)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.Data = r.Data[n:]
	return v
}

// Varint reads a number as binary.AppendVarint writes it.
func (r *Reader) Varint() int64 { return unzigzag(r.Uvarint()) }

// Count reads a number of things that have at least size bytes each.
func (r *Reader) Count(size int) int {
	n := r.Uvarint()
	if n > uint64(len(r.Data)/size) {
		r.Fail()
		return 0
	}
	return int(n)
}

// Bytes reads n bytes, and shares them.
func (r *Reader) Bytes(n int) []byte {
	if n < 0 || n > len(r.Data) {
		r.Fail()
		return nil
	}
	b := r.Data[:n:n]
	r.Data = r.Data[n:]
	return b
}
