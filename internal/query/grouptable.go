package query

import (
	"math/rand/v2"

	"github.com/llama-logs/llama/internal/column"
)

// A groupTable has the number of each group by the text of its by fields. Texts that are
// addresses or small whole numbers, of which there may be very many, are found as numbers:
// who looks for a text waits for its hash, its place, its header and its bytes.
type groupTable struct {
	texts     map[string]uint32
	addresses numberTable
	integers  numberTable
}

func newGroupTable() groupTable { return groupTable{texts: map[string]uint32{}} }

func (t *groupTable) len() int { return len(t.texts) + t.addresses.n + t.integers.n }

// A groupPlace is where a group belongs in the table.
type groupPlace struct {
	numbers *numberTable // nil: among the texts
	number  uint32
}

// place returns where a text belongs.
func (t *groupTable) place(text string) groupPlace {
	if text == "" || text[0] < '0' || text[0] > '9' {
		return groupPlace{}
	}
	if n, ok := column.ParseAddress(text); ok {
		return groupPlace{&t.addresses, n}
	}
	if n, ok := column.ParseUint32(text); ok {
		return groupPlace{&t.integers, n}
	}
	return groupPlace{}
}

func (t *groupTable) find(at groupPlace, text string) (id uint32, ok bool) {
	if at.numbers != nil {
		return at.numbers.find(at.number)
	}
	id, ok = t.texts[text]
	return id, ok
}

// add puts in a group that is not there.
func (t *groupTable) add(at groupPlace, text string, id uint32) {
	if at.numbers != nil {
		at.numbers.add(at.number, id)
		return
	}
	t.texts[text] = id
}

// A numberTable is a hash table from numbers to numbers. Its factor is drawn, so that nobody
// knows which numbers would be in each other's way.
type numberTable struct {
	places []uint64 // the number in the upper half, and in the lower its value + 1; 0 is free
	shift  uint8    // of a product, so that it is a place
	factor uint64
	n      int
}

// at returns the place of a number, or the free one where it would be.
func (t *numberTable) at(number uint32) uint64 {
	mask := uint64(len(t.places) - 1)
	at := uint64(number) * t.factor >> t.shift
	for t.places[at] != 0 && uint32(t.places[at]>>32) != number {
		at = (at + 1) & mask
	}
	return at
}

func (t *numberTable) find(number uint32) (value uint32, ok bool) {
	if t.n == 0 {
		return 0, false
	}
	x := uint32(t.places[t.at(number)])
	return x - 1, x != 0
}

// add puts in a number that is not there. No value is the largest that there is.
func (t *numberTable) add(number, value uint32) {
	if 4*t.n >= 3*len(t.places) {
		t.grow()
	}
	t.places[t.at(number)] = uint64(number)<<32 | uint64(value+1)
	t.n++
}

func (t *numberTable) grow() {
	old := t.places
	if old == nil {
		t.factor, t.shift = rand.Uint64()|1, 64-5
		t.places = make([]uint64, 1<<5)
		return
	}
	t.shift--
	t.places = make([]uint64, 2*len(old))
	for _, x := range old {
		if x != 0 {
			t.places[t.at(uint32(x>>32))] = x
		}
	}
}
