package query

import (
	"encoding/binary"
	"math"
)

// The form in which numbers are kept beside a segment: read as they are, as runs, and at a
// byte or two each, as they are sorted.
//
//	uvarint rows without a text · uvarint other texts, each: text, uvarint how often
//	by scale, where there are some: 1 byte, scale + 1 · uvarint numbers · varint the first
//	  each: uvarint 2 × (more than the one before, the first more than the first) + 1 if
//	  it was there more than once, and then uvarint how often
//	1 byte 0

// writeKept gives a spread away.
func (s *spread) writeKept(w *wire) {
	w.uint(s.empty)
	w.uint(uint64(len(s.others)))
	for text, n := range s.others {
		w.text(text)
		w.uint(n)
	}
	_ = s.numbers.flatten(nil) // without a budget it does not fail
	s.numbers.tidy()
	var counts [plainDigits + 1]int
	for i := range s.numbers.tidied {
		counts[s.numbers.tidied[i].scale]++
	}
	for scale, count := range counts {
		if count == 0 {
			continue
		}
		w.b = append(w.b, byte(scale+1))
		w.uint(uint64(count))
		last, begun := int64(0), false
		for i := range s.numbers.tidied {
			x := &s.numbers.tidied[i]
			if int(x.scale) != scale {
				continue
			}
			n := x.whole()
			if !begun {
				w.int(n)
				last, begun = n, true
			}
			if x.n == 1 {
				w.uint(2 * uint64(n-last))
			} else {
				w.uint(2*uint64(n-last) + 1)
				w.uint(x.n)
			}
			last = n
		}
	}
	w.b = append(w.b, 0)
	*s = spread{}
}

func (a *quantileAgg) readKept(r *reader, group int) error {
	a.groups[group].empty += r.uint()
	for n := r.count(2); n > 0 && r.err == nil; n-- {
		text, times := r.text(), r.uint()
		if r.err == nil {
			if err := a.count(group, text, times); err != nil {
				return err
			}
		}
	}
	for scale := r.byte(); scale > 0 && r.err == nil; scale = r.byte() {
		run := r.numberRun(scale - 1)
		if r.err != nil {
			break
		}
		if err := a.groups[group].numbers.addRun(run, a.budget); err != nil {
			return err
		}
	}
	return r.err
}

// numberRun reads a run behind its scale.
func (r *reader) numberRun(scale uint8) numberRun {
	if run, ok := r.made.recall(r); ok {
		return run.(numberRun)
	}
	from := len(r.b)
	run := numberRun{scale: scale}
	n := r.count(1)
	last := r.int()
	if run.scale >= plainDigits || n == 0 {
		r.fail()
	}
	if r.err == nil {
		run.read(r, n, last)
	}
	r.made.note(r, from, run, run.bytes())
	return run
}

// read reads n numbers, the first of them last or more.
func (run *numberRun) read(r *reader, n int, last int64) {
	values := growingInts{near: make([]uint32, 0, n)}
	b := r.b // of a local variable the garbage collector need not hear
	defer func() { r.b = b }()
	next := func() uint64 {
		x, size := binary.Uvarint(b)
		if size <= 0 {
			r.fail()
			size = 0
		}
		b = b[size:]
		return x
	}
	sum := uint64(0)
	for i := range n {
		step := next()
		if i > 0 && step < 2 || step > 4*mostPlain {
			r.fail()
		}
		if last += int64(step / 2); last >= mostPlain || last <= -mostPlain {
			r.fail()
		}
		times := uint64(1)
		if step%2 == 1 {
			times = next()
		}
		if sum += times; times > math.MaxUint32 || sum > math.MaxUint32 {
			r.fail()
		}
		if r.err != nil {
			return
		}
		if i == 0 {
			values.first = last
		}
		values.add(last)
		if step%2 == 1 && run.upTo == nil {
			run.upTo = make([]uint32, i, n)
			for k := range run.upTo {
				run.upTo[k] = uint32(k + 1)
			}
		}
		if run.upTo != nil {
			run.upTo = append(run.upTo, uint32(sum))
		}
	}
	run.values = values
}
