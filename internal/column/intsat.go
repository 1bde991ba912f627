package column

import "fmt"

// IntsAt returns some of n numbers that AppendInts encoded: those at the places given,
// which grow. It makes no list of all. What is behind the numbers is returned, too.
func IntsAt(n int, data []byte, places []int) (numbers []int64, rest []byte, err error) {
	r := Reader{Data: data}
	form := r.Byte()
	base := r.Varint()
	w := int(form & intsWidth)
	if form&^(intsWidth|intsDelta) != 0 || w > 8 || w > 0 && n > len(r.Data)/w {
		r.Fail()
	}
	planes := r.Bytes(w * n)
	if r.Failed || len(places) > 0 && places[len(places)-1] >= n {
		return nil, nil, fmt.Errorf("%w: some of %d numbers", ErrDamaged, n)
	}
	at := func(i int) (v uint64) {
		for p := range w {
			v |= uint64(planes[p*n+i]) << (8 * p)
		}
		return v
	}
	numbers = make([]int64, len(places))
	if form&intsDelta == 0 {
		for i, place := range places {
			numbers[i] = base + int64(at(place))
		}
		return numbers, r.Data, nil
	}
	next, number := 0, base
	for i, place := range places {
		number += sumDeltas(planes[min(next, len(planes)):], n, w, place+1-next)
		next = place + 1
		numbers[i] = number
	}
	return numbers, r.Data, nil
}
