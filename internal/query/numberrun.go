package query

import (
	"slices"
	"sort"
)

// A numberRun is numbers that were sorted and counted once and for all, as they are kept
// beside a segment: of one scale, growing, each once. It never changes.
type numberRun struct {
	scale  uint8
	values []int64  // times 10 to the power of scale
	upTo   []uint64 // how often each and those before it were there; nil: each once
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
	return r.upTo[n-1]
}

func (r *numberRun) at(i int) numberCount {
	p := plainNumber{float64(r.values[i]) / tens[r.scale], r.scale} // both are exact, so this is the nearest
	return numberCount{p, r.until(i+1) - r.until(i)}
}

// behind returns how many numbers of the run are not behind x.
func (r *numberRun) behind(x numberCount) int {
	near := x.value * tens[r.scale]
	switch {
	case near >= mostPlain:
		return len(r.values)
	case near <= -mostPlain:
		return 0
	}
	// What is less by two units of its last digit is less however it was rounded.
	i, _ := slices.BinarySearch(r.values, int64(near)-2)
	for i < len(r.values) && r.at(i).compare(x) <= 0 {
		i++
	}
	return i
}

// bytes returns how much memory the run takes.
func (r *numberRun) bytes() int { return 80 + 8*len(r.values) + 8*len(r.upTo) }

// addRun adds a run.
func (c *numberCounts) addRun(r numberRun, b *budget) error {
	c.runs = append(c.runs, r)
	if err := b.grow(r.bytes()); err != nil || len(c.runs) <= maxRuns {
		return err
	}
	return c.flatten(b)
}

// flatten turns the runs into numbers like others.
func (c *numberCounts) flatten(b *budget) error {
	runs := c.runs
	c.runs = nil
	for i := range runs {
		for k := range runs[i].values {
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
		n += c.runs[i].until(len(c.runs[i].values))
	}
	return n
}

// at returns the number that has rank others before it, of more than rank that there are.
// Runs are searched as they are: of each, the first number is sought that has more than
// rank before it or is equal to them, and the least of these it is.
func (c *numberCounts) at(rank uint64) plainNumber {
	c.tidy()
	own := make([]uint64, len(c.tidied)) // how often each and those before it were there
	sum := uint64(0)
	for i := range c.tidied {
		sum += c.tidied[i].n
		own[i] = sum
	}
	upTo := func(x numberCount) (n uint64) {
		if i := sort.Search(len(c.tidied), func(i int) bool { return c.tidied[i].compare(x) > 0 }); i > 0 {
			n = own[i-1]
		}
		for i := range c.runs {
			n += c.runs[i].until(c.runs[i].behind(x))
		}
		return n
	}
	var best numberCount
	found := false
	first := func(n int, at func(int) numberCount) {
		if i := sort.Search(n, func(i int) bool { return upTo(at(i)) > rank }); i < n {
			if x := at(i); !found || x.compare(best) < 0 {
				best, found = x, true
			}
		}
	}
	first(len(c.tidied), func(i int) numberCount { return c.tidied[i] })
	for i := range c.runs {
		first(len(c.runs[i].values), c.runs[i].at)
	}
	return best.plainNumber
}
