package column

import "slices"

// Numbers are integers, in as few bytes each as the difference between the smallest
// and the largest needs, so that what is kept in memory is small.
type Numbers struct {
	base  int64
	one   []uint8
	two   []uint16
	four  []uint32
	eight []int64 // not less base
	n     int
}

// Len returns how many there are.
func (n *Numbers) Len() int { return n.n }

// At returns the i-th.
func (n *Numbers) At(i int) int64 {
	switch {
	case n.one != nil:
		return n.base + int64(n.one[i])
	case n.two != nil:
		return n.base + int64(n.two[i])
	case n.four != nil:
		return n.base + int64(n.four[i])
	case n.eight != nil:
		return n.eight[i]
	}
	return n.base
}

// pick gives dst the numbers at the places behind first.
func (n *Numbers) pick(dst []int64, first int, places []uint32) {
	switch {
	case n.one != nil:
		for i, place := range places {
			dst[i] = n.base + int64(n.one[first+int(place)])
		}
	case n.two != nil:
		for i, place := range places {
			dst[i] = n.base + int64(n.two[first+int(place)])
		}
	default:
		for i, place := range places {
			dst[i] = n.At(first + int(place))
		}
	}
}

// Sort fills places with those of each number, growing: those of 0, then those of 1 and so on.
// ends says where those of each number end. Sort reports whether that is so.
func (n *Numbers) Sort(places []uint16, ends []int) bool {
	next := make([]int, len(ends))
	copy(next[1:], ends)
	if len(places) != n.n {
		return false
	}
	switch {
	case n.one != nil:
		return sortPlaces(n.one, n.base, places, next, ends)
	case n.two != nil:
		return sortPlaces(n.two, n.base, places, next, ends)
	}
	for i := range n.n {
		if !sortPlace(n.At(i), i, places, next, ends) {
			return false
		}
	}
	return true
}

func sortPlaces[T uint8 | uint16](numbers []T, base int64, places []uint16, next, ends []int) bool {
	for i, v := range numbers {
		if !sortPlace(base+int64(v), i, places, next, ends) {
			return false
		}
	}
	return true
}

func sortPlace(v int64, place int, places []uint16, next, ends []int) bool {
	if uint64(v) >= uint64(len(next)) || next[v] >= ends[v] {
		return false
	}
	places[next[v]] = uint16(place)
	next[v]++
	return true
}

// bytes returns how much memory they take.
func (n *Numbers) bytes() int { return len(n.one) + 2*len(n.two) + 4*len(n.four) + 8*len(n.eight) }

// numbers reads n numbers that AppendInts wrote, and shares the memory they are in
// where it can.
func (r *Reader) numbers(n int) Numbers {
	if len(r.Data) == 0 {
		r.Fail()
		return Numbers{}
	}
	if form := r.Data[0]; form&intsDelta == 0 && form&intsWidth <= 4 {
		r.Byte()
		base := r.Varint()
		return r.planes(n, int(form&intsWidth), base)
	}
	p := r.intPlanes(n)
	if r.Failed || n == 0 {
		return Numbers{}
	}
	// They are read twice, some at a time, which takes less than to have all of them at
	// their full width in between.
	var low, high int64
	first := true
	p.each(func(some []int64) {
		if first {
			low, high, first = some[0], some[0], false
		}
		for _, v := range some {
			low, high = min(low, v), max(high, v)
		}
	})
	out := newNumbers(n, low, high)
	p.each(out.fill())
	return out
}

// each gives all numbers to do, some at a time, in memory that is used again. It may be
// called again.
func (p intPlanes) each(do func([]int64)) {
	room := make([]int64, min(p.n, someInts))
	for p.at < p.n {
		some := room[:min(len(room), p.n-p.at)]
		p.next(some)
		do(some)
	}
}

// newNumbers returns room for n numbers between two.
func newNumbers(n int, low, high int64) Numbers {
	out := Numbers{base: low, n: n}
	switch w := width(uint64(high) - uint64(low)); {
	case w == 0:
	case w == 1:
		out.one = make([]uint8, n)
	case w == 2:
		out.two = make([]uint16, n)
	case w <= 4:
		out.four = make([]uint32, n)
	default:
		out.eight = make([]int64, n)
	}
	return out
}

// fill returns what puts numbers into the room, one behind the other.
func (n *Numbers) fill() func([]int64) {
	at := 0
	return func(some []int64) {
		switch {
		case n.one != nil:
			for i, v := range some {
				n.one[at+i] = uint8(v - n.base)
			}
		case n.two != nil:
			for i, v := range some {
				n.two[at+i] = uint16(v - n.base)
			}
		case n.four != nil:
			for i, v := range some {
				n.four[at+i] = uint32(v - n.base)
			}
		case n.eight != nil:
			copy(n.eight[at:], some)
		}
		at += len(some)
	}
}

// planes reads the planes of n numbers of up to four bytes.
func (r *Reader) planes(n, w int, base int64) Numbers {
	out := Numbers{base: base, n: n}
	if r.Failed || w > 0 && n > len(r.Data)/w {
		r.Fail()
		return Numbers{}
	}
	planes := r.Bytes(w * n)
	switch w {
	case 0:
	case 1:
		out.one = planes
	case 2:
		out.two = make([]uint16, n)
		low, high := planes[:n], planes[n:2*n]
		for i := range out.two {
			out.two[i] = uint16(low[i]) | uint16(high[i])<<8
		}
	default:
		out.four = make([]uint32, n)
		for p := range w {
			for i, b := range planes[p*n : (p+1)*n] {
				out.four[i] |= uint32(b) << (8 * p)
			}
		}
	}
	return out
}

// least returns a number that none is below.
func (n *Numbers) least() int64 {
	if n.eight == nil {
		return n.base
	}
	return slices.Min(n.eight)
}

// most returns the largest, of at least one.
func (n *Numbers) most() int64 {
	switch {
	case n.one != nil:
		return n.base + int64(slices.Max(n.one))
	case n.two != nil:
		return n.base + int64(slices.Max(n.two))
	case n.four != nil:
		return n.base + int64(slices.Max(n.four))
	case n.eight != nil:
		return slices.Max(n.eight)
	}
	return n.base
}

// DecodeNumbers is DecodeInts, with the numbers in as few bytes as they need. They
// may share data.
func DecodeNumbers(n int, data []byte) (numbers Numbers, rest []byte, err error) {
	r := Reader{Data: data}
	numbers = r.numbers(n)
	if r.Failed {
		return Numbers{}, nil, damagedInts(n, data)
	}
	return numbers, r.Data, nil
}
