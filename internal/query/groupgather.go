package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// A groupGatherer computes functions for each group of rows. Groups are numbered
// as they come; the state of a function is a list with one place for each group,
// so that a chunk is worked off column by column.
type groupGatherer struct {
	env    *env
	by     []byField
	aggs   []aggregate
	conds  []filter
	names  []string
	ids    map[string]uint32
	keys   []string     // the texts of the by fields, group by group
	kinds  []llama.Kind // of keys; String where events differ
	finish func(groups []int, row func(group int) Row, emit func(Row) error) error
	// first is a sort behind the pipe that wants no more groups than the first most.
	first *sortPipe
	whole bool // all groups are needed, whatever first says
	// columns are groups that were kept; see settle.
	columns []groupColumn
}

func newGroupGatherer(e *env, by []byField) *groupGatherer {
	return &groupGatherer{env: e, by: by, ids: map[string]uint32{}}
}

func (g *groupGatherer) addFunc(f *statsFunc) {
	agg := newAggregate(f, g.env.budget)
	if rate, ok := agg.(*rateAgg); ok && rate.seconds == 0 {
		rate.seconds = g.env.seconds
	}
	g.aggs = append(g.aggs, agg)
	condition := f.condition
	if condition != nil {
		condition = ordered(condition)
	}
	g.conds = append(g.conds, condition)
	g.names = append(g.names, f.result)
	if len(g.by) == 0 && len(g.aggs) == 1 {
		g.ids[""] = 0 // there is one group even if there is no row
	}
	if len(g.by) == 0 {
		g.aggs[len(g.aggs)-1].grow(1)
	}
}

func (g *groupGatherer) groups() int { return len(g.ids) }

func (g *groupGatherer) add(c *chunk) error {
	if len(c.sel) == 0 {
		return nil
	}
	ids, err := g.number(c)
	if err != nil {
		return err
	}
	for i, agg := range g.aggs {
		if c.stopped(0) {
			return c.err
		}
		agg.grow(g.groups())
		sel, of := c.sel, ids
		if g.conds[i] != nil {
			sel = c.eval(g.conds[i], c.sel)
			of = c.pick(sel, ids)
		}
		if len(sel) == 0 {
			continue
		}
		if err := agg.update(c, sel, of); err != nil {
			return err
		}
	}
	return c.err
}

// pick returns the numbers of ids, one for each row that is in, for the rows of
// sel only.
func (c *chunk) pick(sel, ids []uint32) []uint32 {
	out := c.work.numbers(len(sel))
	at := 0
	for _, r := range sel {
		for c.sel[at] != r {
			at++
		}
		out = append(out, ids[at])
	}
	return out
}

// number returns the group of each row that is in.
func (g *groupGatherer) number(c *chunk) ([]uint32, error) {
	ids := c.work.numbers(len(c.sel))[:len(c.sel)]
	clear(ids)
	if len(g.by) == 0 {
		return ids, nil
	}
	// Field after field, ids become the numbers of the combinations of values
	// that the chunk has; a combination is the number of one of the fields before
	// and the code of its own.
	levels := make([]level, len(g.by))
	for i := range g.by {
		codes, values, kinds := g.codes(c, &g.by[i])
		size := 1
		if i > 0 {
			size = len(levels[i-1].combos)
		}
		levels[i] = level{combine(ids, codes, size, len(values)), values, kinds}
	}
	global := make([]uint32, len(levels[len(levels)-1].combos))
	texts, kinds := make([]string, len(levels)), make([]llama.Kind, len(levels))
	var key wire
	for i := range global {
		if c.stopped(i) {
			return nil, c.err
		}
		at := uint32(i)
		for n := len(levels) - 1; n >= 0; n-- {
			combo := levels[n].combos[at]
			code := uint32(combo)
			at, texts[n] = uint32(combo>>32), levels[n].values[code]
			if kinds[n] = llama.String; levels[n].kinds != nil {
				kinds[n] = levels[n].kinds[code]
			}
		}
		id, err := g.id(&key, texts, kinds)
		if err != nil {
			return nil, err
		}
		global[i] = id
	}
	for i := range ids {
		ids[i] = global[ids[i]]
	}
	return ids, nil
}

// A level is the combinations up to one of the by fields: in the upper half the
// combination before, in the lower the code of the field's value.
type level struct {
	combos []uint64
	values []string
	kinds  []llama.Kind // of values; nil when all are strings
}

// combine refines ids, which are below size, by codes, which are below width:
// rows stay together that were and that have the same code. A table is used
// where it is small, else a map.
func combine(ids, codes []uint32, size, width int) (combos []uint64) {
	if size*width <= 1<<20 {
		table := make([]uint32, size*width)
		for i, code := range codes {
			at := int(ids[i])*width + int(code)
			if table[at] == 0 {
				combos = append(combos, uint64(ids[i])<<32|uint64(code))
				table[at] = uint32(len(combos))
			}
			ids[i] = table[at] - 1
		}
		return combos
	}
	seen := make(map[uint64]uint32)
	for i, code := range codes {
		combo := uint64(ids[i])<<32 | uint64(code)
		id, ok := seen[combo]
		if !ok {
			id = uint32(len(combos))
			combos = append(combos, combo)
			seen[combo] = id
		}
		ids[i] = id
	}
	return combos
}

// codes returns for each row that is in a number, and the texts the numbers
// stand for with their kinds, nil when all are strings.
func (g *groupGatherer) codes(c *chunk, by *byField) (codes []uint32, values []string, kinds []llama.Kind) {
	codes = c.work.numbers(len(c.sel))[:len(c.sel)]
	if times := c.clock(by.name); times != nil && by.bucket != "" {
		return codes, timeCodes(c, times, by, codes), nil
	}
	col := c.column(by.name)
	if col == nil {
		clear(codes)
		return codes, []string{""}, nil
	}
	if by.bucket == "" {
		for i, r := range c.sel {
			codes[i] = col.Codes[r]
		}
		if col.Kinds != nil {
			kinds = append([]llama.Kind{llama.String}, col.Kinds...)
		}
		return codes, append([]string{""}, col.Values...), kinds
	}
	values, kinds = []string{""}, []llama.Kind{llama.String}
	known := map[string]uint32{"": 0}
	of := make([]uint32, len(col.Values)+1)
	for i, r := range c.sel {
		code := col.Codes[r]
		if code != 0 && of[code] == 0 {
			text, kind := by.value(col.Values[code-1]), llama.String
			if col.Kinds != nil && llama.IsNumber(text) {
				kind = col.Kinds[code-1]
			}
			id, ok := known[text]
			if !ok {
				id = uint32(len(values))
				values, kinds = append(values, text), append(kinds, kind)
				known[text] = id
			} else if kinds[id] != kind {
				kinds[id] = llama.String
			}
			of[code] = id
		}
		codes[i] = of[code]
	}
	return codes, values, kinds
}

func timeCodes(c *chunk, times []llama.Time, by *byField, codes []uint32) (values []string) {
	known := map[int64]uint32{}
	last, lastCode := int64(0), uint32(0)
	// Times mostly are in the bucket of the one before. That of a month or a year has
	// no one length.
	length := int64(0)
	if by.size > 0 {
		length = by.whole()
	}
	for i, r := range c.sel {
		if t := int64(times[r]); i > 0 && t >= last && uint64(t)-uint64(last) < uint64(length) {
			codes[i] = lastCode
			continue
		}
		bucket := by.time(int64(times[r]))
		if i == 0 || bucket != last {
			code, ok := known[bucket]
			if !ok {
				code = uint32(len(values))
				values = append(values, llama.Time(bucket).String())
				known[bucket] = code
			}
			last, lastCode = bucket, code
		}
		codes[i] = lastCode
	}
	return values
}

// id returns the number of the group with these texts, which an event had with these
// kinds. Of several they are put together in key.
func (g *groupGatherer) id(key *wire, texts []string, kinds []llama.Kind) (uint32, error) {
	if len(texts) == 1 {
		if id, ok := g.ids[texts[0]]; ok {
			g.kinds[id] = common(g.kinds[id], kinds[0])
			return id, nil
		}
		text := strings.Clone(texts[0])
		return g.newGroup(text, kinds, text)
	}
	key.b = key.b[:0]
	for _, t := range texts {
		key.text(t)
	}
	if id, ok := g.ids[string(key.b)]; ok {
		own := g.kinds[int(id)*len(texts):]
		for i, kind := range kinds {
			own[i] = common(own[i], kind)
		}
		return id, nil
	}
	own := make([]string, len(texts))
	for i, t := range texts {
		own[i] = strings.Clone(t)
	}
	return g.newGroup(string(key.b), kinds, own...)
}

// common returns the kind of a text that events have with both.
func common(a, b llama.Kind) llama.Kind {
	if a != b {
		return llama.String
	}
	return a
}

func (g *groupGatherer) newGroup(key string, kinds []llama.Kind, texts ...string) (uint32, error) {
	id := uint32(len(g.ids))
	g.ids[key] = id
	g.keys = append(g.keys, texts...)
	g.kinds = append(g.kinds, kinds...)
	return id, g.env.budget.grow(g.cost(len(key), len(texts)))
}

// cost is what a group takes of the budget.
func (g *groupGatherer) cost(key, texts int) int {
	return costEntry + 2*key + 17*texts + 80*len(g.aggs)
}

func (g *groupGatherer) texts(id int) []string { return g.keys[id*len(g.by) : (id+1)*len(g.by)] }

func (g *groupGatherer) kindsOf(id int) []llama.Kind {
	return g.kinds[id*len(g.by) : (id+1)*len(g.by)]
}

func (g *groupGatherer) merge(from gatherer) error {
	f := from.(*groupGatherer)
	g.columns, f.columns = append(g.columns, f.columns...), nil
	to := make([]uint32, f.groups())
	var key wire
	for id := range to {
		if err := g.env.over(id); err != nil {
			return err
		}
		n, err := g.id(&key, f.texts(id), f.kindsOf(id))
		if err != nil {
			return err
		}
		to[id] = n
	}
	for i, agg := range g.aggs {
		agg.grow(g.groups())
		f.aggs[i].grow(f.groups())
		if err := agg.merge(f.aggs[i], to); err != nil {
			return err
		}
	}
	return nil
}

func (g *groupGatherer) frames(emit func(Frame) error) error {
	if err := g.settle(); err != nil {
		return err
	}
	return g.parts(func(int) bool { return true }, false, emit)
}

// parts gives some of the groups away as frames, or as what is kept beside a segment.
func (g *groupGatherer) parts(of func(id int) bool, kept bool, emit func(Frame) error) error {
	groups := wire{kept: kept}
	version := byte(frameVersion)
	if kept {
		version = keptVersion
	}
	count, whole := 0, 0
	send := func() error {
		out := wire{b: []byte{version}}
		out.uint(uint64(count))
		out.b = append(out.b, groups.b...)
		f := Frame{Kind: State, Bytes: out.b, Rows: whole}
		groups.b, count, whole = groups.b[:0], 0, 0
		return emit(f)
	}
	for id := range g.groups() {
		if err := g.env.over(id); err != nil {
			return err
		}
		if !of(id) {
			continue
		}
		for more := true; more; {
			more = g.write(&groups, id)
			if count++; !more {
				whole++
			}
			if len(groups.b) >= frameBytes {
				if err := send(); err != nil {
					return err
				}
			}
		}
	}
	if count == 0 {
		return nil
	}
	return send()
}

// write gives a group away, or a part of it that is large.
func (g *groupGatherer) write(w *wire, id int) (more bool) {
	for i, t := range g.texts(id) {
		w.text(t)
		w.b = append(w.b, byte(g.kindsOf(id)[i]))
	}
	for _, agg := range g.aggs {
		agg.grow(g.groups())
		if agg.write(w, id) {
			more = true
		}
	}
	return more
}

func (g *groupGatherer) read(node string, f Frame) error {
	return g.readGroups(newReader(f.Bytes), node)
}

// readKept takes in a part of what keptParts gave away.
func (g *groupGatherer) readKept(part []byte) error {
	if part[0] == groupsVersion {
		return g.readColumn(part)
	}
	return g.readGroups(keptReader(part), "")
}

func (g *groupGatherer) readGroups(r *reader, node string) error {
	texts, kinds := make([]string, len(g.by)), make([]llama.Kind, len(g.by))
	var key wire
	for n := r.count(2*len(g.by) + len(g.aggs)); n > 0 && r.err == nil; n-- {
		for i := range texts {
			texts[i], kinds[i] = r.text(), r.kind()
		}
		if r.err != nil {
			break
		}
		id, err := g.id(&key, texts, kinds)
		if err != nil {
			return err
		}
		for _, agg := range g.aggs {
			agg.grow(g.groups())
			if err := agg.read(r, int(id), node); err != nil {
				return fmt.Errorf("read state: %w", err)
			}
		}
	}
	return r.end()
}

// rows gives the groups in the order of their by values.
func (g *groupGatherer) rows(emit func(Row) error) error {
	if err := g.gathered(); err != nil {
		return err
	}
	return g.finish(g.order(), g.row, emit)
}

// order returns the groups in the order of their by values: all, or those that the
// sort behind the pipe keeps.
func (g *groupGatherer) order() []int {
	keys := make([]orderKey, len(g.keys))
	for i, text := range g.keys {
		keys[i] = keyOf(text)
	}
	for _, agg := range g.aggs {
		agg.grow(g.groups())
	}
	order := make([]int, g.groups())
	for i := range order {
		order[i] = i
	}
	n := len(g.by)
	compare := func(a, b int) int {
		for i := range n {
			if c := compareKeys(&keys[a*n+i], &keys[b*n+i]); c != 0 {
				return c
			}
			if c := strings.Compare(g.keys[a*n+i], g.keys[b*n+i]); c != 0 {
				return c
			}
		}
		return 0
	}
	if g.first != nil {
		order = g.leading(order, keys, compare)
	}
	slices.SortFunc(order, compare)
	return order
}

func (g *groupGatherer) row(id int) Row {
	row := make(Row, 0, len(g.by)+len(g.aggs)+1)
	for i, text := range g.texts(id) {
		row = append(row, llama.Field{Name: g.by[i].name, Value: text, Kind: g.kindsOf(id)[i]})
	}
	for i, agg := range g.aggs {
		value, kind := agg.result(id)
		row = append(row, llama.Field{Name: g.names[i], Value: value, Kind: kind})
	}
	return row
}
