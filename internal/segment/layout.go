package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/seal"
)

const (
	magic       = "llamaseg"
	endMagic    = "llamaend"
	headerSize  = 24
	summarySize = 72
	trailerSize = 32

	maxDirectory = 64 << 20 // sealed
	maxChunk     = 128 << 20

	pieceDirectory = 0
	pieceSummary   = 1
	firstChunk     = 2
)

// fixed is the number of chunks that each block has first, in the order of their kinds.
// The fields follow, by name, and then the last ones that each has.
const (
	fixed = int(block.Variables)
	last  = int(block.Rows - block.Variables)
)

// chunkOf returns which of so many chunks of a block is that of a kind; of fields, the first.
func chunkOf(kind block.Kind, chunks int) int {
	switch kind {
	case block.Field:
		return fixed
	case block.Loose, block.Facts, block.Rows:
		return chunks - last + int(kind-block.Loose)
	}
	return int(kind) - 1
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ad appends the associated data of a piece to dst.
func ad(dst []byte, kind byte, offset int64, salt []byte) []byte {
	dst = append(dst, kind)
	dst = binary.BigEndian.AppendUint64(dst, uint64(offset))
	return append(dst, salt...)
}

// A Summary says what a segment holds.
type Summary struct {
	Rows        uint64
	FirstSeq    uint64
	LastSeq     uint64
	MinTime     llama.Time
	MaxTime     llama.Time
	MinIngested llama.Time
	MaxIngested llama.Time
	Day         int64 // since 1970
	Blocks      int
	Bytes       int64 // of the whole file; not in it
}

// add adds a block, of which the events arrived from first to last.
func (s *Summary) add(stat *column.Stat, first, last llama.Time) {
	if s.Blocks == 0 {
		s.FirstSeq = stat.FirstSeq
		s.MinTime, s.MaxTime = stat.MinTime, stat.MaxTime
		s.MinIngested, s.MaxIngested = first, last
	}
	s.LastSeq = stat.LastSeq
	s.Rows += uint64(stat.Rows)
	s.MinTime, s.MaxTime = min(s.MinTime, stat.MinTime), max(s.MaxTime, stat.MaxTime)
	s.MinIngested = min(s.MinIngested, first)
	s.MaxIngested = max(s.MaxIngested, last)
	s.Blocks++
}

func (s *Summary) append(dst []byte) []byte {
	for _, n := range []uint64{
		s.Rows, s.FirstSeq, s.LastSeq, uint64(s.MinTime), uint64(s.MaxTime),
		uint64(s.MinIngested), uint64(s.MaxIngested), uint64(s.Day), uint64(s.Blocks),
	} {
		dst = binary.BigEndian.AppendUint64(dst, n)
	}
	return dst
}

func decodeSummary(data []byte) (Summary, error) {
	if len(data) != summarySize {
		return Summary{}, fmt.Errorf("summary of %d bytes, not %d", len(data), summarySize)
	}
	at := func(i int) uint64 { return binary.BigEndian.Uint64(data[8*i:]) }
	s := Summary{
		Rows: at(0), FirstSeq: at(1), LastSeq: at(2), MinTime: llama.Time(at(3)), MaxTime: llama.Time(at(4)),
		MinIngested: llama.Time(at(5)), MaxIngested: llama.Time(at(6)), Day: int64(at(7)), Blocks: int(at(8)),
	}
	if s.Blocks <= 0 || s.Rows == 0 || s.FirstSeq > s.LastSeq {
		return Summary{}, errors.New("summary of nothing")
	}
	return s, nil
}

// A trailer is the end of a file and says where the directory is.
type trailer struct {
	directory       int64 // offset
	directoryLength uint32
	summaryLength   uint32
	filtersLength   uint32 // they end where the directory begins; 0: there are none
}

func (t trailer) append(dst, salt []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.directory))
	dst = binary.BigEndian.AppendUint32(dst, t.directoryLength)
	dst = binary.BigEndian.AppendUint32(dst, t.summaryLength)
	dst = binary.BigEndian.AppendUint32(dst, trailerSum(dst[start:], salt))
	dst = binary.BigEndian.AppendUint32(dst, t.filtersLength)
	return append(dst, endMagic...)
}

func trailerSum(data, salt []byte) uint32 {
	return crc32.Update(crc32.Checksum(salt, castagnoli), castagnoli, data)
}

// decodeTrailer reads the last bytes of a file of so many bytes.
func decodeTrailer(data, salt []byte, size int64) (trailer, error) {
	if len(data) != trailerSize || string(data[trailerSize-8:]) != endMagic {
		return trailer{}, errors.New("the end of a segment is not there")
	}
	if binary.BigEndian.Uint32(data[16:]) != trailerSum(data[:16], salt) {
		return trailer{}, errors.New("the end has a wrong checksum")
	}
	t := trailer{
		directory:       int64(binary.BigEndian.Uint64(data)),
		directoryLength: binary.BigEndian.Uint32(data[8:]),
		summaryLength:   binary.BigEndian.Uint32(data[12:]),
		filtersLength:   binary.BigEndian.Uint32(data[20:]),
	}
	if t.filtersLength > maxFilters || t.directory < headerSize+int64(t.filtersLength) || t.directoryLength > maxDirectory || t.summaryLength != summarySize+seal.Overhead ||
		t.directory+int64(t.directoryLength)+int64(t.summaryLength)+trailerSize != size {
		return trailer{}, errors.New("the end does not fit the file's size")
	}
	return t, nil
}
