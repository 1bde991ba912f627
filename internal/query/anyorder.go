package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// An anyOrder is of a plan that asks nothing of rows that goes by their order, nor when they
// came: `"Failed password" | stats by (source.ip) count()`. The rows of a block may then be
// looked at as they are quickest to read.
type anyOrder struct {
	filter   filter // without the time range, which holds the whole block
	from, to llama.Time
}

// anyOrderOf returns that of a plan, or nil.
func anyOrderOf(p *plan) *anyOrder {
	stats, ok := p.gather.(*statsPipe)
	if !ok || len(p.rows) > 0 {
		return nil
	}
	a := &anyOrder{}
	a.from, a.to = rangeOf(p.filter)
	a.filter, _ = withoutRange(p.filter)
	if !fieldsOnly(a.filter) {
		return nil
	}
	for i := range stats.by {
		if !isPlainField(stats.by[i].name) {
			return nil
		}
	}
	for i := range stats.funcs {
		if !inAnyOrder(&stats.funcs[i]) {
			return nil
		}
	}
	return a
}

// inAnyOrder reports whether a function comes to the same in whatever order rows come.
func inAnyOrder(f *statsFunc) bool {
	switch f.name {
	case "count", "rate":
	case "count_empty", "sum_len", "sum", "avg", "min", "max", "median", "quantile", "count_uniq", "count_uniq_hash", "histogram", "rate_sum":
		if len(f.fields) == 0 {
			return false // of all fields, and so of those that are left out
		}
	default:
		return false
	}
	return f.limit == 0 && !slices.ContainsFunc(f.fields, func(name string) bool { return !isPlainField(name) }) &&
		(f.condition == nil || fieldsOnly(f.condition))
}

// isPlainField reports whether a name is of one field that goes with the event, or its
// message, and not with its place among others.
func isPlainField(name string) bool {
	switch name {
	case "", llama.NameTime, llama.NameID, llama.NameSeq, llama.NameIngested:
		return false
	}
	return !strings.HasSuffix(name, "*")
}

// fieldsOnly reports whether a filter asks for such fields alone.
func fieldsOnly(f filter) bool {
	all := func(list []filter) bool {
		return !slices.ContainsFunc(list, func(g filter) bool { return !fieldsOnly(g) })
	}
	switch f := f.(type) {
	case allFilter:
		return true
	case *andFilter:
		return all(f.list)
	case *orFilter:
		return all(f.list)
	case *notFilter:
		return fieldsOnly(f.f)
	case *pairFilter:
		return isPlainField(f.field) && isPlainField(f.other)
	case *fieldFilter:
		return isPlainField(f.field)
	}
	return false
}

// fits reports whether the rows of a block may come in any order. Nil fits none.
func (a *anyOrder) fits(b *column.Block, ref *column.Ref) bool {
	return a != nil && b.Grouped != nil && ref.MinTime >= a.from && ref.MaxTime <= a.to
}
