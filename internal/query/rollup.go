package query

import (
	"strconv"

	"github.com/llama-logs/llama"
)

// rollupName is the field that says how many of the by fields a row of a roll-up is
// taken together over: 0 in a row of one group, all in the row of the total.
const rollupName = "rollup"

// rollUp gives the groups of g, then those without the last by field, and so on to
// the total. Each level is merged from the one below: the rows are read once.
func (s *statsPipe) rollUp(e *env, g *groupGatherer, groups []int, emit func(Row) error) error {
	for {
		level := strconv.Itoa(len(s.by) - len(g.by))
		for _, n := range groups {
			row := append(g.row(n), llama.Field{Name: rollupName, Value: level, Kind: llama.Number})
			if err := emit(row); err != nil {
				return err
			}
		}
		if len(g.by) == 0 {
			return nil
		}
		above, err := s.above(e, g)
		if err != nil {
			return err
		}
		g, groups = above, above.order()
	}
}

// above merges the groups of g into those without its last by field. g is of no use
// afterwards.
func (s *statsPipe) above(e *env, g *groupGatherer) (*groupGatherer, error) {
	out := newGroupGatherer(e, g.by[:len(g.by)-1])
	for _, f := range s.funcs {
		f.seconds = bucketSeconds(out.by, &f)
		out.addFunc(&f)
	}
	to := make([]uint32, g.groups())
	var key wire
	for id := range to {
		n, err := out.id(&key, g.texts(id)[:len(out.by)], g.kindsOf(id)[:len(out.by)])
		if err != nil {
			return nil, err
		}
		to[id] = n
	}
	for i, agg := range out.aggs {
		agg.grow(out.groups())
		if err := agg.merge(above(g.aggs[i], agg), to); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// above returns from as a state that agg can take in: a rate of buckets says nothing
// of how long all of them are.
func above(from, agg aggregate) aggregate {
	if rate, ok := from.(*rateAgg); ok {
		return &rateAgg{rate.aggregate, agg.(*rateAgg).seconds}
	}
	return from
}
