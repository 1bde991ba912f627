package column

import "github.com/llama-logs/llama"

// Counts say how many rows of a block have each value of a field. Who asks for nothing
// else of the block need not look at its rows.
type Counts struct {
	Values  []string
	Kinds   []llama.Kind // nil when all are strings
	Rows    []uint64     // that have the value
	Without uint64       // rows without the field
}

// Bytes returns about how much memory the counts take.
func (c *Counts) Bytes() int {
	n := 100 + 24*len(c.Values) + len(c.Kinds)
	for _, v := range c.Values {
		n += len(v)
	}
	return n
}

// Count adds to counts, by code, how many of the n rows from first on have it. It is for
// values that rows share.
func (v *Values) Count(first, n int, counts []uint64) {
	switch x := &v.codes; {
	case x.one != nil:
		for _, code := range x.one[first : first+n] {
			counts[code]++
		}
	case x.two != nil:
		for _, code := range x.two[first : first+n] {
			counts[code]++
		}
	default:
		for row := first; row < first+n; row++ {
			counts[x.At(row)]++
		}
	}
}
