package query

import (
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
	ids    groupTable
	keys   []string     // the texts of the by fields, group by group
	kinds  []llama.Kind // of keys; String where events differ
	finish func(groups []int, row func(group int) Row, emit func(Row) error) error
	// first is a sort behind the pipe that wants no more groups than the first most.
	first *sortPipe
	room  []byte // for texts
	whole bool   // all groups are needed, whatever first says
	// columns are groups that were kept; see settle.
	columns []groupColumn
}

func newGroupGatherer(e *env, by []byField) *groupGatherer {
	return &groupGatherer{env: e, by: by, ids: newGroupTable()}
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
		g.ids.add(groupPlace{}, "", 0) // there is one group even if there is no row
	}
	if len(g.by) == 0 {
		g.aggs[len(g.aggs)-1].grow(1)
	}
}

func (g *groupGatherer) groups() int { return g.ids.len() }

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

// id returns the number of the group with these texts, which an event had with these
// kinds. Of several they are put together in key.
func (g *groupGatherer) id(key *wire, texts []string, kinds []llama.Kind) (uint32, error) {
	if len(texts) == 1 {
		at := g.ids.place(texts[0])
		if id, ok := g.ids.find(at, texts[0]); ok {
			g.kinds[id] = common(g.kinds[id], kinds[0])
			return id, nil
		}
		text := g.clone(texts[0])
		return g.newGroup(at, text, kinds, text)
	}
	key.b = key.b[:0]
	for _, t := range texts {
		key.text(t)
	}
	if id, ok := g.ids.texts[string(key.b)]; ok {
		own := g.kinds[int(id)*len(texts):]
		for i, kind := range kinds {
			own[i] = common(own[i], kind)
		}
		return id, nil
	}
	own := make([]string, len(texts))
	for i, t := range texts {
		own[i] = g.clone(t)
	}
	return g.newGroup(groupPlace{}, string(key.b), kinds, own...)
}

// common returns the kind of a text that events have with both.
func common(a, b llama.Kind) llama.Kind {
	if a != b {
		return llama.String
	}
	return a
}

// clone copies a text to where the groups' texts lie side by side: there may be very many, and
// short ones.
func (g *groupGatherer) clone(s string) string {
	if len(s) > textRoom/16 {
		return strings.Clone(s)
	}
	if len(g.room)+len(s) > cap(g.room) {
		g.room = make([]byte, 0, min(textRoom, max(64, 2*cap(g.room))))
	}
	start := len(g.room)
	g.room = append(g.room, s...)
	return view(g.room[start:])
}

// textRoom is how many bytes of texts lie side by side.
const textRoom = 16 << 10

func (g *groupGatherer) newGroup(at groupPlace, key string, kinds []llama.Kind, texts ...string) (uint32, error) {
	id := uint32(g.groups())
	g.ids.add(at, key, id)
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
	for _, agg := range g.aggs {
		agg.grow(g.groups())
	}
	order := make([]int, g.groups())
	for i := range order {
		order[i] = i
	}
	if g.first != nil {
		order = g.leading(order)
	}
	type keyed struct {
		group int
		keys  []orderKey
	}
	all, keys := make([]keyed, len(order)), make([]orderKey, 0, len(order)*len(g.by))
	for i, group := range order {
		from := len(keys)
		for _, text := range g.texts(group) {
			keys = append(keys, keyOf(text))
		}
		all[i] = keyed{group, keys[from:]}
	}
	slices.SortFunc(all, func(a, b keyed) int { return g.compareTexts(a.group, b.group, a.keys, b.keys) })
	for i := range all {
		order[i] = all[i].group
	}
	return order
}

// compareTexts compares two groups by their texts, of which it is given the keys.
func (g *groupGatherer) compareTexts(a, b int, keysOfA, keysOfB []orderKey) int {
	for i := range g.by {
		if c := compareKeys(&keysOfA[i], &keysOfB[i]); c != 0 {
			return c
		}
		if c := strings.Compare(g.texts(a)[i], g.texts(b)[i]); c != 0 {
			return c
		}
	}
	return 0
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
