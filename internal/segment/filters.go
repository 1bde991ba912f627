package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"

	"github.com/FastFilter/xorfilter"

	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/seal"
)

// The filters of a segment say of each block which words it does not have; see
// docs/format.md. They are binary fuse filters (Graf and Lemire, 2022) with a byte for
// a word: one of 256 words that are not there is taken for one that is. All filters of
// a segment are one piece, so that one read tells which blocks are worth reading.

const (
	maxFilters = 64 << 20 // sealed
	// maxSegment is the longest segment of a filter, as a power of two.
	maxSegment = 18
)

// A Filter tells which words a block does not have. It is immutable.
type Filter struct {
	salt uint64
	fuse xorfilter.BinaryFuse[uint8]
}

// May reports whether a word with the key may be in the block. If not, it is not.
func (f *Filter) May(key uint64) bool { return f.fuse.Contains(key ^ f.salt) }

// A filterMaker makes filters. It is not safe for concurrent use.
type filterMaker struct{ fuse xorfilter.BinaryFuseBuilder }

// encode returns the filter of a block of so many events with the words of the keys,
// which it may change; nil when it is better off without.
func (m *filterMaker) encode(keys []uint64, events int) []byte {
	if len(keys) == 0 || len(keys) > block.MaxKeys(events) {
		return nil
	}
	salt := rand.Uint64() // so that nobody can choose words of which no filter can be made
	for i := range keys {
		keys[i] ^= salt
	}
	f, err := xorfilter.BuildBinaryFuse[uint8](&m.fuse, keys)
	if err != nil {
		return nil // it is too unlucky; the block is looked through then
	}
	dst := make([]byte, 0, 32+len(f.Fingerprints))
	dst = binary.BigEndian.AppendUint64(dst, salt)
	dst = binary.BigEndian.AppendUint64(dst, f.Seed)
	dst = append(dst, byte(bits.TrailingZeros32(f.SegmentLength)))
	dst = binary.AppendUvarint(dst, uint64(f.SegmentCount))
	return append(dst, f.Fingerprints...)
}

// decodeFilter reads what encode wrote; nil for nothing. The filter shares data.
func decodeFilter(data []byte) (*Filter, error) {
	if len(data) == 0 {
		return nil, nil
	}
	r := column.Reader{Data: data}
	head := r.Bytes(17)
	segments := r.Uvarint()
	if r.Failed || head[16] > maxSegment || segments == 0 || segments > uint64(len(r.Data)) ||
		uint64(len(r.Data)) != (segments+2)<<head[16] {
		return nil, errors.New("wrong length of a filter")
	}
	length := uint32(1) << head[16]
	f := &Filter{salt: binary.BigEndian.Uint64(head)}
	f.fuse = xorfilter.BinaryFuse[uint8]{
		Seed: binary.BigEndian.Uint64(head[8:]), SegmentLength: length, SegmentLengthMask: length - 1,
		SegmentCount: uint32(segments), SegmentCountLength: uint32(segments) * length, Fingerprints: r.Data,
	}
	return f, nil
}

// Filters are those of the blocks of a segment.
type Filters struct {
	raw [][]byte // as they were written
	of  []*Filter
}

// Of returns the filter of a block; nil when it has none.
func (f *Filters) Of(block int) *Filter { return f.of[block] }

// Bytes returns about how much memory they take.
func (f *Filters) Bytes() int {
	n := 100
	for _, raw := range f.raw {
		n += 130 + len(raw)
	}
	return n
}

// FilterBytes returns how many bytes of the file are filters.
func (s *Segment) FilterBytes() int64 { return int64(s.end.filtersLength) }

// Filters reads the filters of all blocks.
func (s *Segment) Filters(d *Directory) (*Filters, error) {
	all := &Filters{raw: make([][]byte, len(d.blocks)), of: make([]*Filter, len(d.blocks))}
	if s.end.filtersLength == 0 {
		return all, nil
	}
	f, err := s.disk.Open(s.name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	at := s.end.directory - int64(s.end.filtersLength)
	plain, err := s.piece(f, 'f', at, s.end.filtersLength, d.pieces)
	if err != nil {
		return nil, err
	}
	r := column.Reader{Data: plain}
	for i := range all.of {
		all.raw[i] = r.Bytes(r.Count(1))
		if all.of[i], err = decodeFilter(all.raw[i]); err != nil {
			return nil, s.corrupt(at, err)
		}
	}
	if r.Failed || len(r.Data) > 0 {
		return nil, s.corrupt(at, errors.New("wrong length of filters"))
	}
	return all, nil
}

// filtersOf returns the filters of a segment that blocks are copied from, read once.
func (w *Writer) filtersOf(s *Segment, d *Directory) (*Filters, error) {
	if w.copied != s {
		f, err := s.Filters(d)
		if err != nil {
			return nil, err
		}
		w.copied, w.copiedFilters = s, f
	}
	return w.copiedFilters, nil
}

// sealFilters writes the filters behind the last chunk, if a block has one. It returns
// how long they are, sealed.
func (w *Writer) sealFilters() (length uint32, err error) {
	some := false
	plain := w.plain[:0]
	for _, filter := range w.filters {
		some = some || len(filter) > 0
		plain = append(binary.AppendUvarint(plain, uint64(len(filter))), filter...)
	}
	if !some {
		return 0, nil
	}
	if len(plain) > maxFilters-seal.Overhead {
		return 0, fmt.Errorf("close %s: filters %w", w.tmp, errSize)
	}
	w.out = w.sealer.Seal(w.out, plain, ad(nil, 'f', w.offset, w.salt[:]), w.piece)
	return uint32(len(w.out)), nil
}
