package query

import "container/heap"

// leading returns the groups that the sort behind the pipe keeps: the first by its
// keys, and of those that are equal there, the first by compare, which is how they
// would come.
func (g *groupGatherer) leading(groups []int, keys []orderKey, compare func(a, b int) int) []int {
	most := g.first.offset + g.first.limit
	if len(groups) <= most {
		return groups
	}
	width := len(g.first.by)
	own := make([]orderKey, 0, len(groups)*width)
	for _, group := range groups {
		for _, f := range g.first.by {
			own = append(own, g.keyOf(group, f.name, keys))
		}
	}
	last := func(a, b int) int { // what comes last first
		for i, f := range g.first.by {
			if c := compareKeys(&own[a*width+i], &own[b*width+i]); c != 0 {
				if f.desc != g.first.desc {
					return c
				}
				return -c
			}
		}
		return -compare(a, b)
	}
	kept := &groupHeap{order: last}
	for _, group := range groups {
		if len(kept.list) < most {
			heap.Push(kept, group)
		} else if last(group, kept.list[0]) > 0 {
			kept.list[0] = group
			heap.Fix(kept, 0)
		}
	}
	return kept.list
}

// keyOf returns the sort key of a field of a group's row.
func (g *groupGatherer) keyOf(group int, name string, keys []orderKey) orderKey {
	for i, result := range g.names {
		if result == name {
			text, _ := g.aggs[i].result(group)
			return keyOf(text)
		}
	}
	for i := range g.by {
		if g.by[i].name == name {
			return keys[group*len(g.by)+i]
		}
	}
	return orderKey{}
}

// A groupHeap has the group that is first by order on top.
type groupHeap struct {
	order func(a, b int) int
	list  []int
}

func (h *groupHeap) Len() int           { return len(h.list) }
func (h *groupHeap) Less(i, j int) bool { return h.order(h.list[i], h.list[j]) < 0 }
func (h *groupHeap) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *groupHeap) Push(group any)     { h.list = append(h.list, group.(int)) }
func (h *groupHeap) Pop() any {
	group := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return group
}
