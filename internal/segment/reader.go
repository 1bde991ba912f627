package segment

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// A Segment reads one file. It may be used by many at once, and holds no file open:
// opening one again costs microseconds, and there may be more segments than a
// process may have files.
type Segment struct {
	Summary
	disk   fsys.FS
	name   string
	codec  *Codec
	sealer *seal.Sealer
	salt   []byte
	end    trailer
}

// Open reads the summary of the segment called name. A damaged file is a
// *CorruptError.
func Open(disk fsys.FS, name string, key seal.Key, codec *Codec) (*Segment, error) {
	s := &Segment{disk: disk, name: name, codec: codec}
	f, err := disk.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	header, err := s.read(f, 0, headerSize)
	if err != nil {
		return nil, err
	}
	if string(header[:len(magic)]) != magic {
		return nil, s.corrupt(0, errors.New("not a segment"))
	}
	s.salt = header[len(magic):]
	s.sealer = fileKey(key, s.salt)
	tail, err := s.read(f, max(0, size-trailerSize), trailerSize)
	if err != nil {
		return nil, err
	}
	if s.end, err = decodeTrailer(tail, s.salt, size); err != nil {
		return nil, s.corrupt(size-trailerSize, err)
	}
	at := s.end.directory + int64(s.end.directoryLength)
	plain, err := s.piece(f, 's', at, s.end.summaryLength, pieceSummary)
	if err != nil {
		return nil, err
	}
	if s.Summary, err = decodeSummary(plain); err != nil {
		return nil, s.corrupt(at, err)
	}
	s.Bytes = size
	return s, nil
}

func (s *Segment) corrupt(offset int64, err error) error {
	return &CorruptError{File: s.name, Offset: offset, Err: err}
}

// read reads length bytes; a file that ends before is corrupt.
func (s *Segment) read(f fsys.File, offset int64, length int) ([]byte, error) {
	data := make([]byte, length)
	n, err := f.ReadAt(data, offset)
	switch {
	case n == length:
		return data, nil
	case err == io.EOF:
		return nil, s.corrupt(offset, fmt.Errorf("%d bytes are missing", length-n))
	}
	return nil, err
}

// piece reads and unseals one piece.
func (s *Segment) piece(f fsys.File, kind byte, offset int64, length uint32, piece uint64) ([]byte, error) {
	data, err := s.read(f, offset, int(length))
	if err != nil {
		return nil, err
	}
	plain, err := s.sealer.Unseal(data[:0], data, ad(make([]byte, 0, 32), kind, offset, s.salt), piece)
	if err != nil {
		return nil, s.corrupt(offset, err)
	}
	return plain, nil
}

// Directory reads the directory.
func (s *Segment) Directory() (*Directory, error) {
	f, err := s.disk.Open(s.name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	packed, err := s.piece(f, 'd', s.end.directory, s.end.directoryLength, pieceDirectory)
	if err != nil {
		return nil, err
	}
	plain, err := s.codec.unpack(packed)
	if err != nil {
		return nil, s.corrupt(s.end.directory, err)
	}
	d, err := decodeDirectory(plain, s.end.directory)
	if err != nil {
		return nil, s.corrupt(s.end.directory, err)
	}
	return d, nil
}

// Block reads a block's times and arrival numbers, and leaves its other columns
// until they are asked for.
func (s *Segment) Block(d *Directory, block int) (*column.Block, error) {
	place := &d.blocks[block]
	rows := place.stat.Rows
	f, err := s.disk.Open(s.name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	b := &column.Block{Collection: d.collection, Read: &atomic.Int64{}}
	read := func(i int) { b.Read.Add(int64(place.columns[i].length)) }
	read(0)
	read(1)
	if b.Times, err = numbers[llama.Time](s, f, place, 0); err != nil {
		return nil, err
	}
	if b.Seqs, err = numbers[uint64](s, f, place, 1); err != nil {
		return nil, err
	}
	for _, c := range place.columns[3:] {
		b.Names = append(b.Names, d.names[c.name])
	}
	at, _ := slices.BinarySearch(b.Names, llama.NameIngested)
	b.Names = slices.Insert(b.Names, at, llama.NameIngested)
	b.Ingested = func() ([]llama.Time, error) {
		read(2)
		return s.ingested(place)
	}
	b.Load = column.Once(func(name string) (*column.Column, error) {
		if name == llama.NameIngested {
			read(2)
			times, err := s.ingested(place)
			if err != nil {
				return nil, err
			}
			return column.TimeColumn(name, times), nil
		}
		i, ok := find(d, place, name)
		if !ok {
			return nil, nil
		}
		read(i)
		return s.column(place, i, name, rows)
	})
	return b, nil
}

// find returns the place of the column called name.
func find(d *Directory, place *blockPlace, name string) (int, bool) {
	number, ok := slices.BinarySearch(d.names, name)
	if !ok {
		return 0, false
	}
	i, ok := slices.BinarySearchFunc(place.columns[3:], uint32(number), func(c columnPlace, n uint32) int {
		return int(c.name) - int(n)
	})
	return i + 3, ok
}

func (s *Segment) ingested(place *blockPlace) ([]llama.Time, error) {
	f, err := s.disk.Open(s.name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	return numbers[llama.Time](s, f, place, 2)
}

func numbers[N ~int64 | ~uint64](s *Segment, f fsys.File, place *blockPlace, i int) ([]N, error) {
	plain, offset, err := s.chunk(f, place, i)
	if err != nil {
		return nil, err
	}
	n, err := column.DecodeNumbers[N](place.stat.Rows, plain)
	if err != nil {
		return nil, s.corrupt(offset, err)
	}
	return n, nil
}

// column reads one column of fields.
func (s *Segment) column(place *blockPlace, i int, name string, rows int) (*column.Column, error) {
	f, err := s.disk.Open(s.name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	plain, offset, err := s.chunk(f, place, i)
	if err != nil {
		return nil, err
	}
	c, err := column.Decode(name, rows, plain)
	if err != nil {
		return nil, s.corrupt(offset, err)
	}
	return c, nil
}

// chunk reads, unseals and unpacks the i-th chunk of a block.
func (s *Segment) chunk(f fsys.File, place *blockPlace, i int) (plain []byte, offset int64, err error) {
	offset = place.offset
	for _, c := range place.columns[:i] {
		offset += int64(c.length)
	}
	packed, err := s.piece(f, 'c', offset, place.columns[i].length, place.piece+uint64(i))
	if err != nil {
		return nil, offset, err
	}
	if plain, err = s.codec.unpack(packed); err != nil {
		return nil, offset, s.corrupt(offset, err)
	}
	return plain, offset, nil
}

// chunks reads and unseals all chunks of a block, and leaves them packed.
func (s *Segment) chunks(place *blockPlace) ([][]byte, error) {
	f, err := s.disk.Open(s.name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	packed := make([][]byte, len(place.columns))
	offset := place.offset
	for i, c := range place.columns {
		if packed[i], err = s.piece(f, 'c', offset, c.length, place.piece+uint64(i)); err != nil {
			return nil, err
		}
		offset += int64(c.length)
	}
	return packed, nil
}
