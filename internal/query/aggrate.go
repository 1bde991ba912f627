package query

import (
	"math"
	"strconv"

	"github.com/llama-logs/llama"
)

// rateAgg is another function, divided by the seconds that its group spans: those
// of its bucket of time, or those of the time range that is asked about. Where
// neither is known it is the function itself.
type rateAgg struct {
	aggregate
	seconds float64
}

// seconds returns how long the time range of a filter is, or 0 when it has no
// beginning or no end.
func seconds(f filter) float64 {
	from, to := span(f)
	if from == minTime || to == maxTime || from > to {
		return 0
	}
	return float64(to-from+1) / 1e9
}

func (a *rateAgg) merge(from aggregate, to []uint32) error {
	f := from.(*rateAgg)
	a.seconds = max(a.seconds, f.seconds)
	return a.aggregate.merge(f.aggregate, to)
}

// The wire form: seconds (float), then that of the function. A node knows the time
// range, a merger need not.
func (a *rateAgg) write(w *wire, group int) bool {
	w.float(a.seconds)
	return a.aggregate.write(w, group)
}

func (a *rateAgg) read(r *reader, group int, node string) error {
	if s := r.float(); s > 0 && !math.IsInf(s, 0) {
		a.seconds = max(a.seconds, s)
	}
	return a.aggregate.read(r, group, node)
}

func (a *rateAgg) result(group int) (string, llama.Kind) {
	text, kind := a.aggregate.result(group)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || a.seconds == 0 || kind != llama.Number {
		return text, kind
	}
	return formatFloat(f / a.seconds), kind
}
