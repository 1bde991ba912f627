package query

import (
	"math"
	"slices"
	"sort"
)

// A numberRun is numbers that were sorted and counted once and for all, as they are kept
// beside a segment: of one scale, growing, each once. It never changes.
type numberRun struct {
	scale  uint8
	values growingInts // times 10 to the power of scale
	upTo   []uint32    // how often each and those before it were there; nil: each once
}

const (
	// maxRuns is in how many runs the numbers of a group are at most; more become one.
	maxRuns = 16
	// mostPlain is more than any plainNumber, without its point.
	mostPlain = 1e15
)

// until returns how often the first n numbers were there.
func (r *numberRun) until(n int) uint64 {
	if r.upTo == nil || n == 0 {
		return uint64(n)
	}
	return uint64(r.upTo[n-1])
}

func (r *numberRun) len() int { return r.values.len() }

func (r *numberRun) at(i int) numberCount {
	p := plainNumber{float64(r.values.at(i)) / tens[r.scale], r.scale} // both are exact, so this is the nearest
	return numberCount{p, r.until(i+1) - r.until(i)}
}

// behind returns how many numbers of the run are not behind x.
func (r *numberRun) behind(x numberCount) int {
	near := x.value * tens[r.scale]
	switch {
	case near >= mostPlain:
		return r.len()
	case near <= -mostPlain:
		return 0
	}
	// What is less by two units of its last digit is less however it was rounded.
	i := r.values.before(int64(near) - 2)
	for i < r.len() && r.at(i).compare(x) <= 0 {
		i++
	}
	return i
}

// bytes returns how much memory the run takes.
func (r *numberRun) bytes() int { return 120 + r.values.bytes() + 4*len(r.upTo) }

// addRun adds a run. Where there are many, two of a scale become one.
func (c *numberCounts) addRun(r numberRun, b *budget) error {
	c.runs = append(c.runs, r)
	if err := b.grow(r.bytes()); err != nil || len(c.runs) <= maxRuns {
		return err
	}
	slices.SortFunc(c.runs, func(x, y numberRun) int { return x.len() - y.len() })
	for i := range c.runs {
		for k := range i {
			x, y := &c.runs[k], &c.runs[i]
			if x.scale != y.scale || x.until(x.len())+y.until(y.len()) > math.MaxUint32 {
				continue
			}
			both := x.with(y)
			freed := x.bytes() + y.bytes()
			c.runs[k] = both
			c.runs = slices.Delete(c.runs, i, i+1)
			return b.grow(both.bytes() - freed)
		}
	}
	return nil
}

// with returns the numbers of two runs of one scale.
func (r *numberRun) with(o *numberRun) numberRun {
	n, m := r.len(), o.len()
	low, high := min(r.values.at(0), o.values.at(0)), max(r.values.at(n-1), o.values.at(m-1))
	both := numberRun{scale: r.scale, values: newGrowingInts(low, high, n+m), upTo: make([]uint32, 0, n+m)}
	sum := uint64(0)
	for i, k := 0, 0; i < n || k < m; {
		x := int64(mostPlain)
		if i < n {
			x = r.values.at(i)
		}
		if k < m {
			x = min(x, o.values.at(k))
		}
		if i < n && r.values.at(i) == x {
			sum += r.until(i+1) - r.until(i)
			i++
		}
		if k < m && o.values.at(k) == x {
			sum += o.until(k+1) - o.until(k)
			k++
		}
		both.values.add(x)
		both.upTo = append(both.upTo, uint32(sum))
	}
	return both
}

// flatten turns the runs into numbers like others.
func (c *numberCounts) flatten(b *budget) error {
	runs := c.runs
	c.runs = nil
	for i := range runs {
		for k := range runs[i].len() {
			if err := c.add(runs[i].at(k), b); err != nil {
				return err
			}
		}
		_ = b.grow(-runs[i].bytes()) // giving never fails
	}
	return nil
}

// total returns how many numbers were counted.
func (c *numberCounts) total() (n uint64) {
	c.tidy()
	for i := range c.tidied {
		n += c.tidied[i].n
	}
	for i := range c.runs {
		n += c.runs[i].until(c.runs[i].len())
	}
	return n
}

// A sortedNumbers is a run, or the numbers beside runs.
type sortedNumbers interface {
	len() int
	at(i int) numberCount
	// behind returns how many numbers are not behind x, and until how often the first n of
	// them were there.
	behind(x numberCount) int
	until(n int) uint64
}

// at returns the number that has rank others before it, of more than rank that there are.
// The lists are searched as they are: in each, what may be the number gets less with each
// number that is tried, the middle one of the list of which most is left.
func (c *numberCounts) at(rank uint64) plainNumber {
	c.tidy()
	lists := make([]sortedNumbers, 0, 1+len(c.runs))
	if len(c.tidied) > 0 {
		lists = append(lists, newTidiedNumbers(c.tidied))
	}
	for i := range c.runs {
		lists = append(lists, &c.runs[i])
	}
	low, high := make([]int, len(lists)), make([]int, len(lists))
	for i, list := range lists {
		high[i] = list.len()
	}
	var best numberCount
	for {
		widest := 0
		for i := range lists {
			if high[i]-low[i] > high[widest]-low[widest] {
				widest = i
			}
		}
		if high[widest] <= low[widest] {
			return best.plainNumber
		}
		x := lists[widest].at((low[widest] + high[widest]) / 2)
		places, n := make([]int, 0, 1+maxRuns), uint64(0)
		for _, list := range lists {
			place := list.behind(x)
			places, n = append(places, place), n+list.until(place)
		}
		for i, place := range places {
			if n <= rank {
				low[i] = max(low[i], place)
				continue
			}
			best = x // or one before it
			if place > 0 && lists[i].at(place-1).compare(x) == 0 {
				place--
			}
			high[i] = min(high[i], place)
		}
	}
}

// A tidiedNumbers is numbers that were counted, and not kept.
type tidiedNumbers struct {
	list []numberCount
	upTo []uint64
}

func newTidiedNumbers(list []numberCount) *tidiedNumbers {
	t := &tidiedNumbers{list: list, upTo: make([]uint64, len(list))}
	sum := uint64(0)
	for i := range list {
		sum += list[i].n
		t.upTo[i] = sum
	}
	return t
}

func (t *tidiedNumbers) len() int             { return len(t.list) }
func (t *tidiedNumbers) at(i int) numberCount { return t.list[i] }

func (t *tidiedNumbers) behind(x numberCount) int {
	return sort.Search(len(t.list), func(i int) bool { return t.list[i].compare(x) > 0 })
}

func (t *tidiedNumbers) until(n int) uint64 {
	if n == 0 {
		return 0
	}
	return t.upTo[n-1]
}
