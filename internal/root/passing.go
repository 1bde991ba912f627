package root

import (
	"crypto/sha256"
	"math/bits"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// maxRanked bounds the names whose order is known. Fields of others are sorted event by
// event.
const maxRanked = 1 << 12

// ranks puts the fields of passing shapes in order without comparing names.
type ranks struct {
	of     *column.Names
	byName []uint16   // by the number of a name, its place among all that are known
	texts  []rankText // by rank, the name
	have   []uint64   // a bit for each rank
	field  []int32    // by rank, the field that has it
	missed int        // fields of shapes with names whose rank is not known
}

// A rankText is a name as appendString writes it. A short one is copied as a whole array,
// which takes a third of the time.
type rankText struct {
	short [shortText]byte
	n     int    // bytes of short
	long  string // all of one that is not short
}

const shortText = 16

func rankTextOf(name string) (t rankText) {
	text := appendString(nil, name)
	if len(text) > shortText {
		return rankText{long: string(text)}
	}
	t.n = copy(t.short[:], text)
	return t
}

// passing returns what there is to know of a passing shape, until it is asked again.
func (k *shapes) passing(s *column.Shape) *shape {
	if k.ranks.know(s) {
		k.encoded, k.own.order = k.ranks.appendShape(k.encoded[:0], k.own.order[:0], k.collection, s)
	} else {
		k.own.order = order(s)
		k.encoded = appendShape(k.encoded[:0], k.collection, s, k.own.order)
	}
	k.own.digest = sha256.Sum256(k.encoded)
	return &k.own
}

// know reports whether the ranks of all names of a shape are known. They are computed
// again when as many fields were sorted for want of them as there are names.
func (r *ranks) know(s *column.Shape) bool {
	if r.of != s.Of {
		*r = ranks{of: s.Of}
	}
	if len(s.Numbers) == 0 || int(slices.Max(s.Numbers)) < len(r.byName) {
		return true
	}
	names := s.Of.List()
	if r.missed += len(s.Numbers); len(names) > maxRanked || r.missed < len(names) && len(r.byName) > 0 {
		return false
	}
	r.missed = 0
	sorted := make([]uint16, len(names))
	for i := range sorted {
		sorted[i] = uint16(i)
	}
	slices.SortFunc(sorted, func(i, j uint16) int { return strings.Compare(names[i], names[j]) })
	r.byName, r.texts = make([]uint16, len(names)), make([]rankText, len(names))
	for rank, i := range sorted {
		r.byName[i], r.texts[rank] = uint16(rank), rankTextOf(names[i])
	}
	r.have, r.field = make([]uint64, (len(names)+63)/64), make([]int32, len(names))
	return true
}

// appendShape is the function, and order, for a shape whose ranks are known.
func (r *ranks) appendShape(dst []byte, order []int, collection string, s *column.Shape) ([]byte, []int) {
	word, bitsOf := 0, uint64(0) // in registers: the next field would wait for what was just written
	for i, number := range s.Numbers {
		rank := int(r.byName[number])
		if rank/64 != word {
			r.have[word] |= bitsOf
			word, bitsOf = rank/64, 0
		}
		bitsOf |= 1 << (rank % 64)
		r.field[rank] = int32(i)
	}
	if bitsOf != 0 {
		r.have[word] |= bitsOf
	}
	fields := 0
	for _, word := range r.have {
		fields += bits.OnesCount64(word)
	}
	dst = appendShapeHead(dst, collection, s, fields)
	for word, bitsOf := range r.have {
		for ; bitsOf != 0; bitsOf &= bitsOf - 1 {
			rank := 64*word + bits.TrailingZeros64(bitsOf)
			i := int(r.field[rank])
			order = append(order, i)
			dst = r.texts[rank].append(dst, s.Kinds[i])
		}
		r.have[word] = 0
	}
	return dst, order
}

// append appends the name, and a kind.
func (t *rankText) append(dst []byte, kind llama.Kind) []byte {
	if t.n == 0 {
		return append(append(dst, t.long...), byte(kind))
	}
	at := len(dst)
	dst = slices.Grow(dst, shortText+1)[:at+shortText+1]
	*(*[shortText]byte)(dst[at:]) = t.short
	dst[at+t.n] = byte(kind)
	return dst[:at+t.n+1]
}
