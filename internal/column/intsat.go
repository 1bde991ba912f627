package column

import (
	"fmt"
	"sync"
)

// SomeInts are numbers that AppendInts encoded, of which only some are looked at. They
// stay as they were written: there is no list of all. They may be read by many at once.
type SomeInts struct {
	n, w   int
	base   int64
	deltas bool
	planes []byte

	mu sync.Mutex
	// sums are the numbers before each run of sumEvery, as far as somebody has come.
	sums []int64
}

// sumEvery is how many differences are added up at most for a number, once it is known
// where the run begins that it is in.
const sumEvery = 1024

// ReadSomeInts returns n numbers that AppendInts encoded, which share data, and what is
// behind them.
func ReadSomeInts(n int, data []byte) (s *SomeInts, rest []byte, err error) {
	r := Reader{Data: data}
	form := r.Byte()
	base := r.Varint()
	w := int(form & intsWidth)
	if form&^(intsWidth|intsDelta) != 0 || w > 8 || w > 0 && n > len(r.Data)/w {
		r.Fail()
	}
	planes := r.Bytes(w * n)
	if r.Failed {
		return nil, nil, damagedInts(n, data)
	}
	return &SomeInts{n: n, w: w, base: base, deltas: form&intsDelta != 0, planes: planes, sums: []int64{base}}, r.Data, nil
}

// At returns the numbers at the places given, which grow.
func (s *SomeInts) At(places []int) ([]int64, error) {
	if len(places) > 0 && places[len(places)-1] >= s.n {
		return nil, fmt.Errorf("%w: number %d of %d", ErrDamaged, places[len(places)-1], s.n)
	}
	numbers := make([]int64, len(places))
	if !s.deltas {
		for i, place := range places {
			numbers[i] = s.base + int64(s.plain(place))
		}
		return numbers, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next, number := 0, s.base // the number before next
	for i, place := range places {
		if run := place / sumEvery; run*sumEvery > next {
			s.sumUntil(run)
			next, number = run*sumEvery, s.sums[run]
		}
		number += s.sum(next, place+1)
		next = place + 1
		numbers[i] = number
	}
	return numbers, nil
}

// plain returns what was written for a number.
func (s *SomeInts) plain(i int) (v uint64) {
	for p := range s.w {
		v |= uint64(s.planes[p*s.n+i]) << (8 * p)
	}
	return v
}

// sumUntil finds the number before a run. The caller holds mu.
func (s *SomeInts) sumUntil(run int) {
	for k := len(s.sums); k <= run; k++ {
		s.sums = append(s.sums, s.sums[k-1]+s.sum((k-1)*sumEvery, k*sumEvery))
	}
}

// sum adds up the differences from one place to before another.
func (s *SomeInts) sum(from, to int) int64 {
	return sumDeltas(s.planes[min(from, len(s.planes)):], s.n, s.w, to-from)
}

// Bytes returns about how much memory the numbers take.
func (s *SomeInts) Bytes() int { return 200 + len(s.planes) + 8*(s.n/sumEvery+1) }
