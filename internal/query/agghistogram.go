package query

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/llama-logs/llama"
)

// histogramAgg counts numbers in buckets that grow by the 18th root of ten, from
// 1e-9 to 1e18: what is in one differs by 13 % at most. Negative numbers are not
// counted. These are the buckets of VictoriaMetrics.
type histogramAgg struct {
	field  string
	budget *budget
	hits   []map[int16]uint64 // by the number of the bucket
}

const (
	histogramSteps = 18 // of a decade
	histogramFirst = -9 // the decade of the first bucket
	histogramLast  = 18 // the decade where the last ends
	bucketBelow    = -1
	bucketAbove    = histogramSteps * (histogramLast - histogramFirst)
)

// bucketOf returns the number of the bucket of f. Its lower bound is not in it, its
// upper is.
func bucketOf(f float64) int16 {
	at := (math.Log10(f) - histogramFirst) * histogramSteps
	switch {
	case at < 0:
		return bucketBelow
	case at >= bucketAbove:
		return bucketAbove
	case at == math.Floor(at) && at > 0:
		at--
	}
	return int16(at)
}

func bucketRange(n int16) string {
	bound := func(n int16) string {
		return strconv.FormatFloat(math.Pow(10, float64(n)/histogramSteps+histogramFirst), 'e', 3, 64)
	}
	switch n {
	case bucketBelow:
		return "0..." + bound(0)
	case bucketAbove:
		return bound(bucketAbove) + "...+Inf"
	}
	return bound(n) + "..." + bound(n+1)
}

func (a *histogramAgg) grow(n int) { a.hits = grown(a.hits, n) }

func (a *histogramAgg) update(c *chunk, sel, of []uint32) error {
	col := c.column(a.field)
	if col == nil {
		return c.err
	}
	number := numbers(col, len(sel))
	for i, r := range sel {
		if f, ok := number(r); ok && f >= 0 {
			if err := a.count(int(of[i]), bucketOf(f), 1); err != nil {
				return err
			}
		}
	}
	return c.err
}

func (a *histogramAgg) count(group int, bucket int16, n uint64) error {
	hits := a.hits[group]
	if hits == nil {
		hits = map[int16]uint64{}
		a.hits[group] = hits
	}
	_, known := hits[bucket]
	hits[bucket] += n
	if known {
		return nil
	}
	return a.budget.grow(costEntry)
}

func (a *histogramAgg) merge(from aggregate, to []uint32) error {
	for i, hits := range from.(*histogramAgg).hits {
		for bucket, n := range hits {
			if err := a.count(int(to[i]), bucket, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// The wire form: count, and of each bucket its number (signed) and its hits.
func (a *histogramAgg) write(w *wire, group int) bool {
	w.uint(uint64(len(a.hits[group])))
	for bucket, n := range a.hits[group] {
		w.int(int64(bucket))
		w.uint(n)
	}
	a.hits[group] = nil
	return false
}

func (a *histogramAgg) read(r *reader, group int, _ string) error {
	for n := r.count(2); n > 0 && r.err == nil; n-- {
		bucket, hits := r.int(), r.uint()
		if bucket < bucketBelow || bucket > bucketAbove {
			r.fail()
		}
		if r.err == nil {
			if err := a.count(group, int16(bucket), hits); err != nil {
				return err
			}
		}
	}
	return r.err
}

func (a *histogramAgg) result(group int) (string, llama.Kind) {
	hits := a.hits[group]
	dst := []byte{'['}
	for i, bucket := range slices.Sorted(maps.Keys(hits)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"vmrange":"`+bucketRange(bucket)+`","hits":`...)
		dst = append(strconv.AppendUint(dst, hits[bucket], 10), '}')
	}
	return string(append(dst, ']')), llama.Array
}
