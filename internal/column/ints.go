package column

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// Integers are written as the difference to the smallest of them, or to the one
// before, in planes: the lowest bytes of all, then the next bytes, and so on. What
// is random in them stays in planes of its own, and the others compress well.
const (
	intsWidth = 0x0f
	intsDelta = 0x10
)

// AppendInts encodes numbers, of which there is at least one.
func AppendInts[N ~int64 | ~uint64](dst []byte, numbers []N) []byte {
	base, last := int64(numbers[0]), int64(numbers[0])
	for _, n := range numbers {
		base = min(base, int64(n))
	}
	var plain, step uint64 // all bits that are set in one of the differences
	var plainBits, stepBits int
	for _, n := range numbers {
		d, s := uint64(n)-uint64(base), zigzag(int64(n)-last)
		plain |= d
		step |= s
		plainBits += bits.Len64(d)
		stepBits += bits.Len64(s)
		last = int64(n)
	}
	if stepBits >= plainBits-plainBits/16 {
		dst = append(dst, byte(width(plain)))
		dst = binary.AppendVarint(dst, base)
		return appendPlanes(dst, width(plain), numbers, base)
	}
	dst = append(dst, byte(intsDelta|width(step)))
	dst = binary.AppendVarint(dst, int64(numbers[0]))
	return appendSteps(dst, width(step), numbers)
}

// appendSteps writes the lowest w bytes of the differences of numbers to those before them.
func appendSteps[N ~int64 | ~uint64](dst []byte, w int, numbers []N) []byte {
	start, n := len(dst), len(numbers)
	dst = slices.Grow(dst, w*n)[:start+w*n]
	for p := range w {
		plane, last := dst[start+p*n:start+(p+1)*n], numbers[0]
		for i, v := range numbers[:len(plane)] {
			plane[i] = byte(zigzag(int64(v-last)) >> (8 * p & 63))
			last = v
		}
	}
	return dst
}

// appendPlanes writes the lowest w bytes of numbers, less a base.
func appendPlanes[N ~int64 | ~uint64 | ~uint32](dst []byte, w int, numbers []N, base int64) []byte {
	start, n := len(dst), len(numbers)
	dst = slices.Grow(dst, w*n)[:start+w*n]
	for p := range w {
		plane := dst[start+p*n : start+(p+1)*n]
		for i, v := range numbers[:len(plane)] {
			plane[i] = byte((uint64(v) - uint64(base)) >> (8 * p & 63))
		}
	}
	return dst
}

// width returns how many bytes v has without leading zeros.
func width(v uint64) int { return (bits.Len64(v) + 7) / 8 }

func zigzag(n int64) uint64   { return uint64(n)<<1 ^ uint64(n>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// intPlanes are numbers as AppendInts wrote them, read one after the other.
type intPlanes struct {
	planes   []byte
	n, width int
	delta    bool
	base     int64 // with delta the number before
	at       int   // how many were read
}

// intPlanes finds n numbers that AppendInts wrote.
func (r *Reader) intPlanes(n int) intPlanes {
	form := r.Byte()
	p := intPlanes{n: n, width: int(form & intsWidth), delta: form&intsDelta != 0, base: r.Varint()}
	if p.width > 8 || form&^(intsWidth|intsDelta) != 0 {
		r.Fail()
	}
	if r.Failed || p.width > 0 && n > len(r.Data)/p.width {
		r.Fail()
		return intPlanes{}
	}
	p.planes = r.Bytes(p.width * n)
	return p
}

// next reads as many numbers as dst has room for, which are there.
func (p *intPlanes) next(dst []int64) {
	if p.width == 0 {
		clear(dst)
	}
	for k := range p.width {
		plane := p.planes[k*p.n+p.at:][:len(dst)]
		if k == 0 {
			for i, b := range plane {
				dst[i] = int64(b)
			}
			continue
		}
		for i, b := range plane {
			dst[i] |= int64(b) << (8 * k & 63)
		}
	}
	p.at += len(dst)
	if !p.delta {
		for i := range dst {
			dst[i] += p.base
		}
		return
	}
	base := p.base
	for i, s := range dst {
		base += unzigzag(uint64(s))
		dst[i] = base
	}
	p.base = base
}

// ints reads n numbers that AppendInts wrote.
func (r *Reader) ints(n int) []int64 {
	p := r.intPlanes(n)
	if r.Failed {
		return nil
	}
	numbers := make([]int64, n)
	p.next(numbers)
	return numbers
}

// DecodeInts returns the n numbers that AppendInts encoded, and what lies behind
// them. The error wraps ErrDamaged.
func DecodeInts(n int, data []byte) (numbers []int64, rest []byte, err error) {
	r := Reader{Data: data}
	numbers = r.ints(n)
	if r.Failed {
		return nil, nil, damagedInts(n, data)
	}
	return numbers, r.Data, nil
}

// someInts is how many numbers EachInts gives at once: those stay near the processor.
const someInts = 512

// EachInts is DecodeInts for who looks at each number once: it gives them to do, some at a
// time, in memory that it uses again.
func EachInts(n int, data []byte, do func([]int64)) (rest []byte, err error) {
	r := Reader{Data: data}
	p := r.intPlanes(n)
	if r.Failed {
		return nil, damagedInts(n, data)
	}
	p.each(do)
	return r.Data, nil
}

func damagedInts(n int, data []byte) error {
	return fmt.Errorf("%w: %d numbers in %d bytes", ErrDamaged, n, len(data))
}
