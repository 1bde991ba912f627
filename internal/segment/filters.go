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
// a word: one of 256 words that are not there is taken for one that is. Of numbers of few
// digits there is a column.NumberSet. All filters of a segment are one piece, so that one
// read tells which blocks are worth reading.

const (
	maxFilters = 64 << 20 // sealed
	// maxSegment is the longest segment of a filter, as a power of two.
	maxSegment = 18
)

// A Filter tells which words a block does not have. It is immutable.
type Filter struct {
	words *fuse
	// Numbers of few digits, as a column.NumberSet writes them: of messages, and of all
	// else; nil where nothing is known of them.
	message, beside []byte
}

// A fuse tells of the words but those that are numbers of few digits. Nil knows nothing.
type fuse struct {
	salt uint64
	xorfilter.BinaryFuse[uint8]
}

// May reports whether a word with the key may be in the block, or in a message of it. If
// not, it is not.
func (f *Filter) May(key uint64, inMessage bool) bool {
	if n, ok := column.ShortNumber(key); ok {
		return f.message == nil || column.HasNumber(f.message, n) || !inMessage && column.HasNumber(f.beside, n)
	}
	return f.words == nil || f.words.Contains(key^f.words.salt)
}

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

// decodeFuse reads what encode wrote; nil for nothing. The filter shares data.
func decodeFuse(data []byte) (*fuse, error) {
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
	f := &fuse{salt: binary.BigEndian.Uint64(head)}
	f.BinaryFuse = xorfilter.BinaryFuse[uint8]{
		Seed: binary.BigEndian.Uint64(head[8:]), SegmentLength: length, SegmentLengthMask: length - 1,
		SegmentCount: uint32(segments), SegmentCountLength: uint32(segments) * length, Fingerprints: r.Data,
	}
	return f, nil
}

// Filters are those of the blocks of a segment.
type Filters struct {
	raw []rawFilter
	of  []*Filter
}

// A rawFilter is a filter as it was written.
type rawFilter struct{ words, message, beside []byte }

// Of returns the filter of a block; nil when it has none.
func (f *Filters) Of(block int) *Filter { return f.of[block] }

// Bytes returns about how much memory they take.
func (f *Filters) Bytes() int {
	n := 100
	for _, raw := range f.raw {
		n += raw.bytes()
	}
	return n
}

// bytes returns about how much memory a filter takes, as it was written and open.
func (f rawFilter) bytes() int { return 230 + len(f.words) + len(f.message) + len(f.beside) }

// open returns the filter, which shares memory; nil where it says nothing.
func (f rawFilter) open() (*Filter, error) {
	words, err := decodeFuse(f.words)
	if err != nil {
		return nil, err
	}
	if words == nil && len(f.message) == 0 {
		return nil, nil
	}
	open := &Filter{words: words}
	if len(f.message) > 0 {
		open.message, open.beside = f.message, f.beside
	}
	return open, nil
}

// FilterBytes returns how many bytes of the file are filters.
func (s *Segment) FilterBytes() int64 { return int64(s.end.filtersLength) }

// Filters reads the filters of all blocks.
func (s *Segment) Filters(d *Directory) (*Filters, error) {
	all := newFilters(make([]rawFilter, len(d.blocks)))
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
	for i := range all.raw {
		all.raw[i].words = r.Bytes(r.Count(1))
	}
	if len(r.Data) > 0 { // of version 5 nothing is known of numbers
		for i := range all.raw {
			all.raw[i].message = r.Bytes(r.Count(1))
			all.raw[i].beside = r.Bytes(r.Count(1))
		}
	}
	if r.Failed || len(r.Data) > 0 {
		return nil, s.corrupt(at, errors.New("wrong length of filters"))
	}
	if err := all.decode(); err != nil {
		return nil, s.corrupt(at, err)
	}
	return all, nil
}

// decode makes filters of what was written.
func (f *Filters) decode() (err error) {
	for i, raw := range f.raw {
		if f.of[i], err = raw.open(); err != nil {
			return err
		}
	}
	return nil
}

// newFilters returns filters that are yet to be decoded.
func newFilters(raw []rawFilter) *Filters { return &Filters{raw: raw, of: make([]*Filter, len(raw))} }

// Filters returns those of all blocks that were written.
func (w *Writer) Filters() (*Filters, error) {
	f := newFilters(w.filters)
	if err := f.decode(); err != nil {
		return nil, fmt.Errorf("filters of %s: %w", w.tmp, err)
	}
	return f, nil
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
	for _, f := range w.filters {
		some = some || len(f.words) > 0 || len(f.message) > 0
		plain = append(binary.AppendUvarint(plain, uint64(len(f.words))), f.words...)
	}
	for _, f := range w.filters {
		for _, numbers := range [][]byte{f.message, f.beside} {
			plain = append(binary.AppendUvarint(plain, uint64(len(numbers))), numbers...)
		}
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
