package query

import "container/heap"

// leading returns the groups that the sort behind the pipe keeps: the first by its
// keys, and of those that are equal there, the first by their texts, which is how they
// would come.
func (g *groupGatherer) leading(groups []int) []int {
	most := g.first.offset + g.first.limit
	if len(groups) <= most {
		return groups
	}
	kept := &groupHeap{g: g}
	for _, group := range groups {
		x := leader{group: group, key: g.keyOf(group, g.first.by[0].name)}
		if len(kept.list) < most {
			heap.Push(kept, x)
		} else if kept.compare(&x, &kept.list[0]) < 0 {
			kept.list[0] = x
			heap.Fix(kept, 0)
		}
	}
	out := make([]int, len(kept.list))
	for i := range out {
		out[i] = kept.list[i].group
	}
	return out
}

// keyOf returns the sort key of a field of a group's row.
func (g *groupGatherer) keyOf(group int, name string) orderKey {
	for i, result := range g.names {
		if result == name {
			text, _ := g.aggs[i].result(group)
			return keyOf(text)
		}
	}
	for i := range g.by {
		if g.by[i].name == name {
			return keyOf(g.texts(group)[i])
		}
	}
	return orderKey{}
}

// A leader is a group with the first of its keys. The others are made once they are asked
// for: most groups differ from the last that is kept by the first.
type leader struct {
	group int
	key   orderKey
	rest  []orderKey // those that are left, and those of its texts; nil before
}

// A groupHeap has the group that comes last on top.
type groupHeap struct {
	g    *groupGatherer
	list []leader
}

func (h *groupHeap) rest(x *leader) []orderKey {
	if x.rest == nil {
		by, texts := h.g.first.by[1:], h.g.texts(x.group)
		x.rest = make([]orderKey, 0, len(by)+len(texts))
		for _, f := range by {
			x.rest = append(x.rest, h.g.keyOf(x.group, f.name))
		}
		for _, text := range texts {
			x.rest = append(x.rest, keyOf(text))
		}
	}
	return x.rest
}

func (h *groupHeap) compare(a, b *leader) int {
	by := h.g.first.by
	turned := func(i, c int) int {
		if by[i].desc != h.g.first.desc {
			return -c
		}
		return c
	}
	if c := compareKeys(&a.key, &b.key); c != 0 {
		return turned(0, c)
	}
	own, others := h.rest(a), h.rest(b)
	for i := range by[1:] {
		if c := compareKeys(&own[i], &others[i]); c != 0 {
			return turned(i+1, c)
		}
	}
	return h.g.compareTexts(a.group, b.group, own[len(by)-1:], others[len(by)-1:])
}

func (h *groupHeap) Len() int           { return len(h.list) }
func (h *groupHeap) Less(i, j int) bool { return h.compare(&h.list[i], &h.list[j]) > 0 }
func (h *groupHeap) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *groupHeap) Push(x any)         { h.list = append(h.list, x.(leader)) }
func (h *groupHeap) Pop() any {
	x := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return x
}
