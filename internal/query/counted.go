package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A counted plan asks for one field only, and the same of all rows with the same value of
// it: `user.name:* | stats by (user.name) count()`. So of a block it is enough to know
// how many rows have each value, and each value becomes one row that stands for so many.
type counted struct {
	field  string   // "": not even one; rows are all that counts
	bucket *byField // of `_time`, if that is the field
	filter filter   // without the time range, which holds the whole block, or the block is read
	from   llama.Time
	to     llama.Time
}

// countedOf returns what a plan asks for so, or nil when it asks for more.
func countedOf(p *plan) *counted {
	if len(p.rows) > 0 {
		return nil
	}
	c := &counted{}
	c.from, c.to = rangeOf(p.filter)
	c.filter, _ = withoutRange(p.filter)
	ok := c.hasFilter(c.filter)
	switch g := p.gather.(type) {
	case *groupPipe:
		for _, name := range g.by {
			ok = ok && c.has(name)
		}
	case *statsPipe:
		if len(g.by) == 1 && g.by[0].name == llama.NameTime && g.by[0].bucket != "" && g.by[0].size > 0 && c.field == "" {
			c.field, c.bucket = llama.NameTime, &g.by[0]
		}
		for i := range g.by {
			if c.bucket != nil {
				break
			}
			ok = ok && c.has(g.by[i].name)
		}
		for i := range g.funcs {
			ok = ok && c.hasFunc(&g.funcs[i])
		}
	default:
		return nil
	}
	if !ok {
		return nil
	}
	return c
}

// has takes a field, if it is the first or the one there is.
func (c *counted) has(name string) bool {
	switch name {
	case "", llama.NameTime, llama.NameMessage, llama.NameCollection, llama.NameID, llama.NameSeq, llama.NameIngested:
		return false // these are not kept as fields, or differ in each row
	}
	if strings.HasSuffix(name, "*") || c.field != "" && c.field != name {
		return false
	}
	c.field = name
	return true
}

func (c *counted) hasFunc(f *statsFunc) bool {
	switch f.name {
	case "count", "rate":
	case "count_empty", "sum_len", "count_uniq", "count_uniq_hash", "uniq_values", "min", "max": // of equal values one says as much as all
		if len(f.fields) == 0 {
			return false // of all fields
		}
	default:
		return false
	}
	for _, name := range f.fields {
		if !c.has(name) {
			return false
		}
	}
	return f.condition == nil || c.hasFilter(f.condition)
}

func (c *counted) hasFilter(f filter) bool {
	switch f := f.(type) {
	case allFilter:
		return true
	case *andFilter:
		return !slices.ContainsFunc(f.list, func(g filter) bool { return !c.hasFilter(g) })
	case *orFilter:
		return !slices.ContainsFunc(f.list, func(g filter) bool { return !c.hasFilter(g) })
	case *notFilter:
		return c.hasFilter(f.f)
	case *fieldFilter:
		return f.field == llama.NameCollection || c.has(f.field)
	}
	return false
}

// chunk returns the rows that stand for those of a block; nil where the block has to be
// read.
func (c *counted) chunk(b *column.Block, ref *column.Ref, node string, work *scratch) (*chunk, error) {
	if b.Counts == nil || ref.MinTime < c.from || ref.MaxTime > c.to {
		return nil, nil
	}
	if c.bucket != nil {
		return c.buckets(b, ref, node, work)
	}
	counts := &column.Counts{Without: uint64(b.Rows())}
	if c.field != "" {
		var err error
		if counts, err = b.Counts(c.field); counts == nil || err != nil {
			return nil, err
		}
	}
	n := len(counts.Values)
	col := &column.Column{Name: c.field, Codes: make([]uint32, n, n+1), Values: counts.Values, Kinds: counts.Kinds}
	for i := range col.Codes {
		col.Codes[i] = uint32(i + 1)
	}
	stands := counts.Rows
	if counts.Without > 0 {
		col.Codes = append(col.Codes, 0)
		stands = append(slices.Clip(stands), counts.Without)
	}
	out := &chunk{rows: len(stands), stands: stands, block: b, node: node, work: work}
	out.sel = work.all(out.rows)
	out.fields = []field{{name: llama.NameCollection, base: llama.NameCollection}}
	if n > 0 {
		out.fields = append(out.fields, field{name: c.field, col: col})
	}
	return out, nil
}

// buckets returns a row for each run of rows whose `_time` is in one bucket; there may be
// several of one.
func (c *counted) buckets(b *column.Block, ref *column.Ref, node string, work *scratch) (*chunk, error) {
	out := &chunk{block: b, node: node, work: work}
	out.fields = []field{{name: llama.NameCollection, base: llama.NameCollection}, {name: llama.NameTime, base: llama.NameTime}}
	length := uint64(c.bucket.whole())
	begin := c.bucket.time(int64(ref.MinTime))
	if uint64(int64(ref.MaxTime)-begin) < length {
		out.times, out.stands = []llama.Time{ref.MinTime}, []uint64{uint64(b.Rows())}
	} else {
		counts, err := b.TimeCounts(llama.Time(begin), int64(length))
		if err != nil {
			return nil, err
		}
		for _, n := range counts {
			out.times, out.stands = append(out.times, n.Time), append(out.stands, n.Rows)
		}
	}
	out.rows = len(out.stands)
	out.sel = work.all(out.rows)
	return out, nil
}
