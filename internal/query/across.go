package query

import (
	"slices"

	"github.com/llama-logs/llama"
)

// Across returns the queries in the filters of q whose values are to go to all targets
// with it, as options(across_targets=true) says, each for its distinct values. Without
// the option there are none: each node then has the values that it found itself.
func (q *Query) Across() ([]*Query, error) {
	if q.options.explain {
		return nil, nil
	}
	for _, p := range q.pipes {
		if m, ok := p.(mergePipe); ok && (m.within().wantsAcross() || q.options.across && len(inFilters(m.within().filter, m.within().pipes)) > 0) {
			return nil, llama.Errorf(llama.Invalid, "across_targets does not reach a query in a filter within join or union; put it into the query's own filters")
		}
	}
	var out []*Query
	for _, f := range inFilters(q.filter, q.pipes) {
		if !q.options.across && f.query.wantsAcross() {
			return nil, llama.Errorf(llama.Invalid, "across_targets stands in a query within another; put it before the whole query")
		}
		out = append(out, f.distinct())
	}
	if !q.options.across {
		return nil, nil
	}
	return out, nil
}

// wantsAcross reports whether values are to go across for q or a query within it.
func (q *Query) wantsAcross() bool {
	return q.options.across && len(inFilters(q.filter, q.pipes)) > 0 || slices.ContainsFunc(q.queries(), (*Query).wantsAcross)
}

// WithAnswers returns q with the values of answers, one for each query of Across, in the
// places of these.
func (q *Query) WithAnswers(answers [][]Row) (*Query, error) {
	filled := *q
	filled.options.across = false
	fill := func(f *queryFilter) (filter, error) {
		rows := answers[0]
		answers = answers[1:]
		return f.filter(f.texts(rows))
	}
	var err error
	if filled.filter, err = fillFilter(q.filter, fill); err != nil {
		return nil, err
	}
	filled.pipes = make([]pipe, len(q.pipes))
	for i, p := range q.pipes {
		if filled.pipes[i], err = fillPipe(p, fill); err != nil {
			return nil, err
		}
	}
	return &filled, nil
}
