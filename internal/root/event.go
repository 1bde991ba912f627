package root

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"unsafe"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama/internal/column"
)

// What stands before the bytes of a leaf, by RFC 6962, and of an event, so that neither
// can be taken for the other, or for a node.
const (
	leafMark  = 0
	eventMark = 2
)

// appendEvent appends what is hashed of an event: its canonical form, behind its mark and
// its salt.
func appendEvent(dst, salt []byte, row *column.Row, s *shape) []byte {
	dst = append(append(dst, eventMark), salt...)
	dst = binary.BigEndian.AppendUint64(dst, row.Seq)
	dst = binary.BigEndian.AppendUint64(dst, uint64(row.Time))
	dst = binary.BigEndian.AppendUint64(dst, uint64(row.Ingested))
	dst = append(dst, s.digest[:]...)
	dst = appendString(dst, row.Message)
	return appendValues(dst, row.Values[:len(row.Shape.Names)], s.order)
}

// run is how many events a leaf of the tree stands for, but for the last, which has what
// is left. A leaf for each event took four fifths of the time that trees take; a proof has
// the hashes of the other events of its leaf instead, 480 bytes.
const run = 16

// A leaf gathers the hashes of its events.
type leaf struct {
	bytes [1 + run*tlog.HashSize]byte
	n     int // events
}

// put adds the hash of an event, and reports whether the leaf is full.
func (l *leaf) put(hash tlog.Hash) bool {
	copy(l.bytes[1+l.n*tlog.HashSize:], hash[:])
	l.n++
	return l.n == run
}

// end returns what is hashed of the leaf, and empties it. It is good until put is called.
func (l *leaf) end() []byte {
	n := l.n
	l.bytes[0], l.n = leafMark, 0
	return l.bytes[:1+n*tlog.HashSize]
}

func appendString(dst []byte, s string) []byte {
	if len(s) < 0x80 {
		return append(append(dst, byte(len(s))), s...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// A shape is what is known of a column.Shape.
type shape struct {
	digest [sha256.Size]byte
	order  []int // the values in the order of their names
}

// maxShapes bounds the shapes that are known. Collections of random JSON have a new
// one for each event.
const maxShapes = 1 << 12

// nearShapes is how many shapes are found without a map; it is a power of two.
const nearShapes = 64

type nearShape struct {
	of *column.Shape
	*shape
}

// shapes knows the shapes of a collection by where they lie in memory.
type shapes struct {
	collection string
	near       [nearShapes]nearShape // the last ones
	byPlace    map[*column.Shape]*shape
	encoded    []byte
	ranks      ranks
	own        shape // of the newest passing shape
}

func (k *shapes) of(s *column.Shape) *shape {
	if s.Passing() {
		return k.passing(s)
	}
	near := &k.near[uintptr(unsafe.Pointer(s))/unsafe.Sizeof(*s)%nearShapes]
	if near.of == s {
		return near.shape
	}
	known := k.byPlace[s]
	if known == nil {
		if len(k.byPlace) >= maxShapes || k.byPlace == nil {
			k.byPlace = map[*column.Shape]*shape{}
		}
		known = &shape{order: order(s)}
		k.encoded = appendShape(k.encoded[:0], k.collection, s, known.order)
		known.digest = sha256.Sum256(k.encoded)
		k.byPlace[s] = known
	}
	*near = nearShape{s, known}
	return known
}

// order returns the places of names in their order. Of a name that is there twice,
// as no event should have it, the last counts: only that is sure to be kept.
func order(s *column.Shape) []int {
	places := make([]int, len(s.Names))
	ordered := true
	for i := range places {
		places[i] = i
		ordered = ordered && (i == 0 || s.Names[i-1] < s.Names[i])
	}
	if ordered {
		return places
	}
	slices.SortFunc(places, func(i, j int) int { return cmp.Or(cmp.Compare(s.Names[i], s.Names[j]), j-i) })
	return slices.CompactFunc(places, func(i, j int) bool { return s.Names[i] == s.Names[j] })
}

// appendShape appends what the digest of a shape is of.
func appendShape(dst []byte, collection string, s *column.Shape, order []int) []byte {
	dst = appendShapeHead(dst, collection, s, len(order))
	for _, i := range order {
		dst = append(appendString(dst, s.Names[i]), byte(s.Kinds[i]))
	}
	return dst
}

// appendShapeHead appends what stands before the names of so many fields.
func appendShapeHead(dst []byte, collection string, s *column.Shape, fields int) []byte {
	dst = appendString(dst, collection)
	dst = appendString(dst, s.Source)
	return binary.AppendUvarint(dst, uint64(fields))
}
