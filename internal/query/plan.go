package query

import (
	"cmp"
	"slices"

	"github.com/llama-logs/llama"
)

// A plan is a query as a node runs it.
type plan struct {
	filter filter
	rows   []rowPipe
	gather gatherPipe // nil: rows are the answer
	rest   []pipe     // what the merger goes on with
	window *window    // of the rows that are the answer, where many are wanted; nil for all

	skipDamaged bool
	within      bool  // it has queries within
	nows        int   // how often the query looks at now
	without     error // what a query within left out: an ErrSkipped
}

func (q *Query) plan(o *RunOptions) *plan {
	*o = q.options.apply(*o)
	p := &plan{filter: q.filter, skipDamaged: q.options.skipDamaged, within: len(q.queries()) > 0, nows: q.nows}
	if o.From != 0 || o.To != 0 {
		f := &timeFilter{from: minTime, to: maxTime}
		if o.From != 0 {
			f.from = o.From
		}
		if o.To != 0 {
			f.to = o.To
		}
		p.filter = simplify(&andFilter{[]filter{f, q.filter}})
	}
	p.filter = ordered(p.filter)
	if o.Lines {
		p.rows, p.window = manyOf(q.pipes, cmp.Or(o.few, manyRows))
	}
	if p.window == nil {
		p.rows, p.gather, p.rest = split(early(q.pipes))
	}
	return p
}

// early moves limits and offsets before pipes that neither drop nor add rows, so
// that these work on fewer and a sort before them keeps fewer.
func early(pipes []pipe) []pipe {
	pipes = slices.Clone(pipes)
	for i := 1; i < len(pipes); i++ {
		for j := i; j > 0 && isWindow(pipes[j]) && keepsRows(pipes[j-1]); j-- {
			pipes[j-1], pipes[j] = pipes[j], pipes[j-1]
		}
	}
	return mergePipes(pipes)
}

func isWindow(p pipe) bool {
	switch p.(type) {
	case *limitPipe, *offsetPipe:
		return true
	}
	return false
}

func keepsRows(p pipe) bool {
	switch p.(type) {
	case *fieldsPipe, *deletePipe, *movePipe, *extractPipe, *formatPipe, *measurePipe, *replacePipe, *rewritePipe, *mathPipe, *packPipe, *unpackPipe, *wordsPipe:
		return true
	}
	return false
}

// split cuts pipes at the first that gathers. When there is no gather and a rest,
// that begins with a mergePipe.
func split(pipes []pipe) (rows []rowPipe, gather gatherPipe, rest []pipe) {
	for i := 0; i < len(pipes); i++ {
		row, ok := pipes[i].(rowPipe)
		if ok {
			rows = append(rows, row)
			continue
		}
		if _, ok := pipes[i].(mergePipe); ok {
			return rows, nil, pipes[i:]
		}
		if w, n := windowOf(pipes[i:]); n > 0 {
			return rows, w, pipes[i+n:]
		}
		return rows, pipes[i].(gatherPipe), pipes[i+1:]
	}
	return rows, nil, nil
}

// A windowPipe is a run of limits and offsets, so that `offset 5 | limit 10`
// keeps 15 rows and not all.
type windowPipe struct {
	pipe
	spec rowSpec
}

func (w *windowPipe) gather(e *env, rest []pipe) gatherer { return newRowGatherer(e, rest, w.spec) }

// windowOf returns the window that the first n pipes are.
func windowOf(pipes []pipe) (w *windowPipe, n int) {
	w = &windowPipe{spec: rowSpec{limit: -1}}
	for _, p := range pipes {
		switch p := p.(type) {
		case *limitPipe:
			if w.spec.limit < 0 || p.n < w.spec.limit {
				w.spec.limit = p.n
			}
		case *offsetPipe:
			w.spec.offset += p.n
			if w.spec.limit >= 0 {
				w.spec.limit = max(0, w.spec.limit-p.n)
			}
		default:
			return w, n
		}
		w.pipe = p
		n++
	}
	return w, n
}

// namedCollections returns the only collections that can be in the answer, or
// "", which stands for all.
func namedCollections(f filter) []string {
	list := []filter{f}
	if and, ok := f.(*andFilter); ok {
		list = and.list
	}
	for _, f := range list {
		if f, ok := f.(*fieldFilter); ok && f.field == llama.NameCollection && f.names != nil {
			names := slices.Clone(f.names)
			slices.Sort(names)
			return slices.DeleteFunc(slices.Compact(names), func(s string) bool { return s == "" })
		}
	}
	return []string{""}
}

// Collections returns which of the known collections the query can find
// something in. It names one that is not known: that is an error.
func (q *Query) Collections(known []string) ([]string, error) {
	var unknown *llama.Error
	visit(q.filter, func(f *fieldFilter) {
		for _, name := range f.names {
			if f.field == llama.NameCollection && unknown == nil && !slices.Contains(known, name) {
				unknown = unknownCollection(name, known)
			}
		}
	})
	if unknown != nil {
		return nil, unknown
	}
	var out []string
	for _, name := range known {
		if may, _ := mayHold(q.filter, name); may {
			out = append(out, name)
		}
	}
	for _, inner := range q.queries() {
		names, err := inner.Collections(known)
		if err != nil {
			return nil, err
		}
		out = append(out, names...)
	}
	return unique(out), nil
}

func unknownCollection(name string, known []string) *llama.Error {
	guesses := near(name, known)
	if len(guesses) == 0 && len(known) > 0 {
		guesses = slices.Sorted(slices.Values(known))[:min(10, len(known))]
	}
	if len(guesses) == 0 {
		return llama.Errorf(llama.NotFound, "there is no collection %q, nor any other yet", name)
	}
	return llama.Errorf(llama.NotFound, "there is no collection %q; there is %s", name, quoteAll(guesses, func(s string) string { return `"` + s + `"` }, ", "))
}

func visit(f filter, each func(*fieldFilter)) {
	switch f := f.(type) {
	case *andFilter:
		for _, g := range f.list {
			visit(g, each)
		}
	case *orFilter:
		for _, g := range f.list {
			visit(g, each)
		}
	case *notFilter:
		visit(f.f, each)
	case *fieldFilter:
		each(f)
	}
}
