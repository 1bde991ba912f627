// Package turns puts what is worked on one after another in an order in which like
// follows like, for the processor foresees better what it has just done: which way a
// parser goes, and which memory it needs.
package turns

// Max is how many items take turns at most.
const Max = 64

// Turns makes orders. It can be used again and again, by one goroutine at a time.
type Turns struct {
	first, last [256]uint8 // item of each kind, the first from 1; 0 for none
	next        [Max]uint8 // item of the same kind, from 1; 0 for none
	kinds       [Max]uint8 // in the order of their first items
	order       [Max]uint8
}

// Of returns the order of items by the kind of each: those of a kind one after another as
// they came, and the kinds by their first items. It is valid until the next call.
func (t *Turns) Of(items []uint8) []uint8 {
	items = items[:min(len(items), Max)]
	clear(t.first[:])
	kinds := 0
	for i, kind := range items {
		t.next[i] = 0
		if t.first[kind] == 0 {
			t.first[kind] = uint8(i + 1)
			t.kinds[kinds] = kind
			kinds++
		} else {
			t.next[t.last[kind]] = uint8(i + 1)
		}
		t.last[kind] = uint8(i)
	}
	order := t.order[:0]
	for _, kind := range t.kinds[:kinds] {
		for n := t.first[kind]; n > 0; n = t.next[n-1] {
			order = append(order, n-1)
		}
	}
	return order
}
