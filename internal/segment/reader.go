package segment

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// A Segment reads one file. It may be used by many at once, and holds no file open, as
// there may be more segments than a process may have files: where it opens them, those
// used last may be kept open.
type Segment struct {
	Summary
	disk   Opener
	name   string
	codec  *Codec
	sealer *seal.Sealer
	salt   []byte
	end    trailer
}

// An Opener opens files for reading.
type Opener interface {
	Open(name string) (fsys.File, error)
}

// Open reads the summary of the segment called name. A damaged file is a
// *CorruptError.
func Open(disk Opener, name string, key seal.Key, codec *Codec) (*Segment, error) {
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
	return data, s.fill(f, offset, data)
}

// fill reads as many bytes as data has room for.
func (s *Segment) fill(f fsys.File, offset int64, data []byte) error {
	n, err := f.ReadAt(data, offset)
	switch {
	case n == len(data):
		return nil
	case err == io.EOF:
		return s.corrupt(offset, fmt.Errorf("%d bytes are missing", len(data)-n))
	}
	return err
}

// piece reads and unseals one piece.
func (s *Segment) piece(f fsys.File, kind byte, offset int64, length uint32, piece uint64) ([]byte, error) {
	return s.pieceInto(make([]byte, length), f, kind, offset, piece)
}

// pieceInto is piece in memory of the piece's length.
func (s *Segment) pieceInto(data []byte, f fsys.File, kind byte, offset int64, piece uint64) ([]byte, error) {
	if err := s.fill(f, offset, data); err != nil {
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
	d, err := decodeDirectory(plain, s.end.directory-int64(s.end.filtersLength))
	if err != nil {
		return nil, s.corrupt(s.end.directory, err)
	}
	if len(d.blocks) != s.Blocks {
		return nil, s.corrupt(s.end.directory, fmt.Errorf("%d blocks, the summary has %d", len(d.blocks), s.Blocks))
	}
	return d, nil
}

// Block returns a block, of which nothing is read until it is asked for.
func (s *Segment) Block(d *Directory, number int) (*column.Block, error) {
	return s.KeptBlock(d, number, View{Explain: func(err error) error { return err }, Seen: func(block.Kind, string) {}})
}

// A View is how somebody reads a block. Its functions may be called by many at once.
type View struct {
	Keep    block.Keep               // remembers what was decoded; nil: the block does
	Explain func(error) error        // what the reader is told instead of an error
	Seen    func(block.Kind, string) // is told of each chunk that is read
}

// KeptBlock is Block for readers with a View.
func (s *Segment) KeptBlock(d *Directory, number int, v View) (*column.Block, error) {
	place := &d.blocks[number]
	names := make([]string, 0, len(place.columns)+1)
	for _, c := range place.fields() {
		names = append(names, d.names[c.name])
	}
	read := new(atomic.Int64)
	b, err := block.Open(d.collection, place.stat.Rows, names, block.Source{
		Read: s.source(d, place, read, v.Seen), Keep: v.Keep,
		Explain: func(err error) error { return v.Explain(s.blame(place, err)) },
	})
	if err != nil {
		return nil, v.Explain(s.blame(place, err))
	}
	b.Read = read
	return b, nil
}

// blame says of damage in a block where it is, if that is not known.
func (s *Segment) blame(place *blockPlace, err error) error {
	if _, ok := errors.AsType[*CorruptError](err); !ok && (errors.Is(err, block.ErrDamaged) || errors.Is(err, column.ErrDamaged)) {
		return s.corrupt(place.offset, err)
	}
	return err
}

// source returns what reads the chunks of a block, tells seen of each, and adds to read how
// many bytes that took.
func (s *Segment) source(d *Directory, place *blockPlace, read *atomic.Int64, seen func(block.Kind, string)) func(kind block.Kind, name string) ([]byte, error) {
	offsets := place.offsets()
	return func(kind block.Kind, name string) ([]byte, error) {
		i, ok := chunkOf(kind, len(place.columns)), true
		if kind == block.Field {
			i, ok = find(d, place, name)
		}
		if !ok || place.columns[i].length == 0 {
			return nil, nil
		}
		f, err := s.disk.Open(s.name)
		if err != nil {
			return nil, err
		}
		defer f.Close() // it was only read
		read.Add(int64(place.columns[i].length))
		seen(kind, name)
		return s.chunk(f, place, i, offsets[i])
	}
}

// find returns the place of the column called name.
func find(d *Directory, place *blockPlace, name string) (int, bool) {
	number, ok := slices.BinarySearch(d.names, name)
	if !ok {
		return 0, false
	}
	i, ok := slices.BinarySearchFunc(place.fields(), uint32(number), func(c columnPlace, n uint32) int {
		return int(c.name) - int(n)
	})
	return i + fixed, ok
}

// ingested returns when the first and the last event of a block arrived.
func (s *Segment) ingested(d *Directory, place *blockPlace) (first, last llama.Time, err error) {
	times, err := block.ReadIngested(place.stat.Rows, s.source(d, place, new(atomic.Int64), func(block.Kind, string) {}))
	if err != nil {
		return 0, 0, s.blame(place, err)
	}
	return slices.Min(times), slices.Max(times), nil
}

// chunk reads, unseals and unpacks the i-th chunk of a block, which is at offset.
func (s *Segment) chunk(f fsys.File, place *blockPlace, i int, offset int64) (plain []byte, err error) {
	sealed := s.codec.room(int(place.columns[i].length))
	defer s.codec.done(sealed)
	packed, err := s.pieceInto(*sealed, f, 'c', offset, place.piece+uint64(i))
	if err != nil {
		return nil, err
	}
	if plain, err = s.codec.unpackCopy(packed); err != nil {
		return nil, s.corrupt(offset, err)
	}
	return plain, nil
}

// Check reads and unseals all chunks of a block.
func (s *Segment) Check(d *Directory, number int) error {
	_, err := s.chunks(&d.blocks[number])
	return err
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
		if c.length == 0 {
			continue
		}
		if packed[i], err = s.piece(f, 'c', offset, c.length, place.piece+uint64(i)); err != nil {
			return nil, err
		}
		offset += int64(c.length)
	}
	return packed, nil
}
