package column

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
	return pack(r.ints(n))
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

// pack returns list with as few bytes for each as they need. It may keep list.
func pack(list []int64) Numbers {
	if len(list) == 0 {
		return Numbers{}
	}
	low, high := list[0], list[0]
	for _, v := range list {
		low, high = min(low, v), max(high, v)
	}
	out := Numbers{base: low, n: len(list)}
	switch w := width(uint64(high) - uint64(low)); {
	case w == 0:
	case w == 1:
		out.one = make([]uint8, len(list))
		for i, v := range list {
			out.one[i] = uint8(v - low)
		}
	case w == 2:
		out.two = make([]uint16, len(list))
		for i, v := range list {
			out.two[i] = uint16(v - low)
		}
	case w <= 4:
		out.four = make([]uint32, len(list))
		for i, v := range list {
			out.four[i] = uint32(v - low)
		}
	default:
		out.eight = list
	}
	return out
}

// least returns a number that none is below.
func (n *Numbers) least() int64 {
	if n.eight == nil {
		return n.base
	}
	low := n.eight[0]
	for _, v := range n.eight {
		low = min(low, v)
	}
	return low
}

// most returns the largest.
func (n *Numbers) most() int64 {
	high := n.At(0)
	for i := range n.n {
		high = max(high, n.At(i))
	}
	return high
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
