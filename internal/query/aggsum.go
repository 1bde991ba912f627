package query

import (
	"math"

	"github.com/llama-logs/llama"
)

// sumAgg sums what is a number. The sum is exact and rounded once, at the end,
// so that it is the same in whatever order the parts come.
type sumAgg struct {
	fields []string
	avg    bool
	sums   []exactSum
}

// An exactSum is a sum without rounding: whole numbers in an integer, all else
// as floats that do not overlap, after Shewchuk. Most sums have one or two.
type exactSum struct {
	count uint64 // numbers that were added
	whole int64
	parts []float64
	wild  float64 // the sum of infinities and NaN
}

func (s *exactSum) add(f float64) {
	s.count++
	if f == math.Trunc(f) && math.Abs(f) < maxExact {
		if sum := s.whole + int64(f); sum > -1<<62 && sum < 1<<62 {
			s.whole = sum
			return
		}
	}
	s.addFloat(f)
}

func (s *exactSum) addFloat(f float64) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		s.wild += f
		return
	}
	kept := s.parts[:0]
	for _, p := range s.parts {
		if math.Abs(f) < math.Abs(p) {
			f, p = p, f
		}
		high := f + p
		if low := p - (high - f); low != 0 {
			kept = append(kept, low)
		}
		f = high
	}
	if math.IsInf(f, 0) { // the sum is beyond the floats
		s.wild += f
		f = 0
	}
	if f != 0 {
		kept = append(kept, f)
	}
	s.parts = kept
}

func (s *exactSum) merge(o *exactSum) {
	s.count += o.count
	s.wild += o.wild
	for _, p := range o.parts {
		s.addFloat(p)
	}
	s.addWhole(o.whole)
}

func (s *exactSum) addWhole(n int64) {
	if sum := s.whole + n; sum > -1<<62 && sum < 1<<62 && n > -1<<62 && n < 1<<62 {
		s.whole = sum
		return
	}
	s.addFloat(float64(n >> 32 << 32)) // both halves are exact floats
	s.addFloat(float64(n & (1<<32 - 1)))
}

// float returns the sum, rounded once.
func (s *exactSum) float() float64 {
	t := exactSum{parts: append([]float64(nil), s.parts...), wild: s.wild}
	t.addFloat(float64(s.whole >> 32 << 32))
	t.addFloat(float64(s.whole & (1<<32 - 1)))
	if t.wild != 0 {
		return t.wild
	}
	sum := 0.0
	for i := len(t.parts) - 1; i >= 0; i-- { // the largest is last
		last := sum
		sum = last + t.parts[i]
		if low := t.parts[i] - (sum - last); low != 0 {
			return halfway(sum, low, t.parts[:i])
		}
	}
	return sum
}

// halfway corrects a sum whose rest is exactly half of its last place: what is
// smaller still decides.
func halfway(sum, low float64, smaller []float64) float64 {
	if len(smaller) > 0 && (low < 0) == (smaller[len(smaller)-1] < 0) {
		if next := sum + 2*low; 2*low == next-sum {
			return next
		}
	}
	return sum
}

func (a *sumAgg) grow(n int) { a.sums = grown(a.sums, n) }

func (a *sumAgg) update(c *chunk, sel, of []uint32) error {
	for _, col := range c.matching(a.fields) {
		if col == nil {
			continue
		}
		number := numbers(col, len(sel))
		for i, r := range sel {
			if f, ok := number(r); ok {
				a.sums[of[i]].add(f)
			}
		}
	}
	return c.err
}

func (a *sumAgg) merge(from aggregate, to []uint32) error {
	for i := range from.(*sumAgg).sums {
		a.sums[to[i]].merge(&from.(*sumAgg).sums[i])
	}
	return nil
}

// The wire form: count, whole (signed), wild (float), parts (count and floats).
func (a *sumAgg) write(w *wire, group int) bool {
	s := a.sums[group]
	a.sums[group] = exactSum{}
	w.uint(s.count)
	w.int(s.whole)
	w.float(s.wild)
	w.uint(uint64(len(s.parts)))
	for _, p := range s.parts {
		w.float(p)
	}
	return false
}

func (a *sumAgg) read(r *reader, group int, _ string) error {
	s := exactSum{count: r.uint(), whole: r.int(), wild: r.float()}
	for n := r.count(8); n > 0; n-- {
		s.addFloat(r.float())
	}
	if r.err == nil {
		a.sums[group].merge(&s)
	}
	return r.err
}

func (a *sumAgg) result(group int) (string, llama.Kind) {
	s := &a.sums[group]
	switch {
	case s.count == 0:
		return "NaN", llama.String
	case a.avg:
		text := formatFloat(s.float() / float64(s.count))
		return text, kindOf(text)
	}
	text := formatFloat(s.float())
	return text, kindOf(text)
}
