package segment

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/seal"
)

// ErrOrder says that a block does not come after the one before.
var ErrOrder = errors.New("out of order")

// maxNames bounds the names of a segment, and so its directory. Events that all
// have names of their own make more segments instead of larger directories.
const maxNames = 1 << 16

// A Writer writes one segment. It is not safe for concurrent use. One of Close and
// Abort ends it.
//
// Invariant: a segment has its final name only when every byte is on disk.
type Writer struct {
	disk   fsys.FS
	folder string
	tmp    string
	file   fsys.File
	codec  *Codec
	sealer *seal.Sealer
	salt   [16]byte

	directory Directory
	names     map[string]uint32
	summary   Summary
	roots     []root.Root
	filters   []rawFilter // of each block

	copied        *Segment // the one that a block was copied of last
	copiedFilters *Filters

	offset int64 // of what is in out
	out    []byte
	plain  []byte
	packed []byte
	ad     []byte
	piece  uint64
}

// Create begins a segment in a folder that exists, under the key of the collection
// and day.
func Create(disk fsys.FS, folder string, key seal.Key, codec *Codec, collection string, day int64) (*Writer, error) {
	w := &Writer{
		disk: disk, folder: folder, codec: codec, salt: seal.NewSalt(),
		names: map[string]uint32{}, piece: firstChunk,
		directory: Directory{collection: collection}, summary: Summary{Day: day},
	}
	w.tmp = path.Join(folder, hex.EncodeToString(w.salt[:])+".tmp")
	w.sealer = fileKey(key, w.salt[:])
	var err error
	if w.file, err = disk.Create(w.tmp); err != nil {
		return nil, err
	}
	w.out = append(append(w.out, magic...), w.salt[:]...)
	return w, nil
}

func fileKey(key seal.Key, salt []byte) *seal.Sealer {
	return key.File("segment " + hex.EncodeToString(salt))
}

// Fits reports whether the segment has room for more blocks with so many columns.
func (w *Writer) Fits(columns int) bool {
	return len(w.names) == 0 || len(w.names)+columns <= maxNames
}

// Roots returns the roots of all blocks written.
func (w *Writer) Roots() []root.Root { return w.roots }

// BlockIDs returns those of all blocks written.
func (w *Writer) BlockIDs() []BlockID {
	ids := make([]BlockID, len(w.directory.blocks))
	for i := range ids {
		ids[i] = w.directory.ID(i)
	}
	return ids
}

// Rows returns the number of events written.
func (w *Writer) Rows() uint64 { return w.summary.Rows }

// Append writes one block. It comes behind the others by its arrival numbers.
func (w *Writer) Append(p *Packed) error {
	place, err := w.begin(&p.stat, p.roots)
	if err != nil {
		return err
	}
	place.messages = p.messages
	for _, c := range p.chunks {
		column := columnPlace{kind: c.kind, values: c.values}
		if c.kind == block.Field {
			column.name = w.name(c.name)
		}
		w.sealChunk(place, column, c.data)
	}
	return w.end(place, p.first, p.last, p.raw)
}

// Copy writes a block of another segment as it is, without decoding its columns.
func (w *Writer) Copy(s *Segment, d *Directory, number int) error {
	from := &d.blocks[number]
	first, last, err := s.ingested(d, from)
	if err != nil {
		return err
	}
	place, err := w.begin(from.stat, from.roots)
	if err != nil {
		return err
	}
	place.messages = from.messages
	packed, err := s.chunks(from)
	if err != nil {
		return err
	}
	filters, err := w.filtersOf(s, d)
	if err != nil {
		return err
	}
	for i, c := range from.columns {
		if c.kind == block.Field {
			c.name = w.name(d.names[c.name])
		}
		w.sealChunk(place, c, packed[i])
	}
	return w.end(place, first, last, filters.raw[number])
}

// begin starts a block.
func (w *Writer) begin(stat *column.Stat, roots []root.Root) (*blockPlace, error) {
	if w.summary.Blocks > 0 && stat.FirstSeq <= w.summary.LastSeq {
		return nil, fmt.Errorf("append to %s: first %d, last %d: %w", w.tmp, stat.FirstSeq, w.summary.LastSeq, ErrOrder)
	}
	w.roots = append(w.roots, roots...)
	own := *stat // and nothing else of the block, which may go
	return &blockPlace{stat: &own, piece: w.piece, roots: roots}, nil
}

// name returns the number of a name, for now in the order of appearance.
func (w *Writer) name(name string) uint32 {
	n, ok := w.names[name]
	if !ok {
		n = uint32(len(w.names))
		w.names[name] = n
		w.directory.names = append(w.directory.names, name)
	}
	return n
}

// sealChunk seals a packed chunk. One without data takes its number, and no bytes.
func (w *Writer) sealChunk(place *blockPlace, c columnPlace, packed []byte) {
	if len(packed) == 0 {
		w.piece++
		c.length = 0
		place.columns = append(place.columns, c)
		return
	}
	start := len(w.out)
	w.ad = ad(w.ad[:0], 'c', w.offset+int64(start), w.salt[:])
	w.out = slices.Grow(w.out, len(packed)+seal.Overhead) // Seal alone grows to what it needs, and copies each time
	w.out = w.sealer.Seal(w.out, packed, w.ad, w.piece)
	w.piece++
	c.length = uint32(len(w.out) - start)
	place.columns = append(place.columns, c)
}

// end writes the block, of which the events arrived from first to last, to the file.
func (w *Writer) end(place *blockPlace, first, last llama.Time, filter rawFilter) error {
	w.filters = append(w.filters, filter)
	w.summary.add(place.stat, first, last)
	w.directory.blocks = append(w.directory.blocks, *place)
	return w.flush()
}

func (w *Writer) flush() error {
	if _, err := w.file.Write(w.out); err != nil {
		return err
	}
	w.offset += int64(len(w.out))
	w.out = w.out[:0]
	return nil
}

// Close ends the file, syncs it, gives it its name and syncs the folder, in that
// order. It returns the name in the folder. After an error the segment may be there
// under that name, whole; best effort was made that it is not.
func (w *Writer) Close(generation int) (Name, error) {
	name := Name{w.summary.FirstSeq, w.summary.LastSeq, generation}
	err := w.finish()
	if err == nil {
		err = w.file.Sync()
	}
	if err != nil {
		w.Abort()
		return name, err
	}
	if err := w.file.Close(); err != nil {
		w.disk.Remove(w.tmp)
		return name, err
	}
	final := path.Join(w.folder, name.String())
	if err = w.disk.Rename(w.tmp, final); err == nil {
		err = w.disk.SyncDir(w.folder)
	}
	if err != nil {
		w.disk.Remove(w.tmp)
		w.disk.Remove(final) // nobody knows of it yet
	}
	return name, err
}

// Abort gives up and removes the file.
func (w *Writer) Abort() {
	w.file.Close()       // best effort, as is the next line:
	w.disk.Remove(w.tmp) // Open removes what is left
}

// finish writes what stands behind the chunks.
func (w *Writer) finish() error {
	if w.summary.Blocks == 0 {
		return fmt.Errorf("close %s: no blocks", w.tmp)
	}
	w.sortNames()
	var t trailer
	var err error
	if t.filtersLength, err = w.sealFilters(); err != nil {
		return err
	}
	t.directory = w.offset + int64(len(w.out))
	w.packed = w.codec.pack(w.packed[:0], w.directory.append(w.plain[:0]))
	w.out = w.sealer.Seal(w.out, w.packed, ad(nil, 'd', t.directory, w.salt[:]), pieceDirectory)
	at := w.offset + int64(len(w.out))
	t.directoryLength = uint32(at - t.directory)
	if t.directoryLength > maxDirectory {
		return fmt.Errorf("close %s: directory %w", w.tmp, errSize)
	}
	w.out = w.sealer.Seal(w.out, w.summary.append(w.plain[:0]), ad(nil, 's', at, w.salt[:]), pieceSummary)
	t.summaryLength = uint32(w.offset + int64(len(w.out)) - at)
	w.out = t.append(w.out, w.salt[:])
	return w.flush()
}

// sortNames gives names their numbers on disk, so that each block's columns, which
// come by name, are by number too.
func (w *Writer) sortNames() {
	sorted := slices.Clone(w.directory.names)
	slices.Sort(sorted)
	numbers := make([]uint32, len(sorted))
	for to, name := range sorted {
		numbers[w.names[name]] = uint32(to)
	}
	for i := range w.directory.blocks {
		columns := w.directory.blocks[i].columns
		for j := range columns {
			if columns[j].kind == block.Field {
				columns[j].name = numbers[columns[j].name]
			}
		}
	}
	w.directory.names = sorted
}
