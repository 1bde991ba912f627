package root

import (
	"crypto/sha256"
	"math/bits"
	"slices"
	"strings"

	"github.com/llama-logs/llama/internal/column"
)

// maxRanked bounds the names whose order is known. Fields of others are sorted event by
// event.
const maxRanked = 1 << 12

// ranks puts the fields of passing shapes in order without comparing names.
type ranks struct {
	of     *column.Names
	byName []uint16 // by the number of a name, its place among all that are known
	have   []uint64 // a bit for each rank
	field  []int32  // by rank, the field that has it
}

// passing returns what there is to know of a passing shape, until it is asked again.
func (k *shapes) passing(s *column.Shape) *shape {
	if k.ranks.know(s) {
		k.own.order = k.ranks.order(k.own.order[:0], s)
	} else {
		k.own.order = order(s)
	}
	k.encoded = appendShape(k.encoded[:0], k.collection, s, k.own.order)
	k.own.digest = sha256.Sum256(k.encoded)
	return &k.own
}

// know reports whether the ranks of all names of a shape are known. They are computed
// again when there are a quarter more names.
func (r *ranks) know(s *column.Shape) bool {
	if r.of != s.Of {
		*r = ranks{of: s.Of}
	}
	if len(s.Numbers) == 0 || int(slices.Max(s.Numbers)) < len(r.byName) {
		return true
	}
	names := s.Of.List()
	if len(names) > maxRanked || 4*len(names) < 5*len(r.byName) {
		return false
	}
	sorted := make([]uint16, len(names))
	for i := range sorted {
		sorted[i] = uint16(i)
	}
	slices.SortFunc(sorted, func(i, j uint16) int { return strings.Compare(names[i], names[j]) })
	r.byName = make([]uint16, len(names))
	for rank, i := range sorted {
		r.byName[i] = uint16(rank)
	}
	r.have, r.field = make([]uint64, (len(names)+63)/64), make([]int32, len(names))
	return true
}

// order is that of the function, for a shape whose ranks are known.
func (r *ranks) order(dst []int, s *column.Shape) []int {
	for i, number := range s.Numbers {
		rank := r.byName[number]
		r.have[rank/64] |= 1 << (rank % 64)
		r.field[rank] = int32(i)
	}
	for word, bitsOf := range r.have {
		for ; bitsOf != 0; bitsOf &= bitsOf - 1 {
			dst = append(dst, int(r.field[64*word+bits.TrailingZeros64(bitsOf)]))
		}
		r.have[word] = 0
	}
	return dst
}
