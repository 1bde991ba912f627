package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/root"
	"golang.org/x/mod/sumdb/tlog"
)

// A Directory says where the columns of each block are, and what is known of the
// blocks without reading them. It is immutable.
type Directory struct {
	collection string
	names      []string
	blocks     []blockPlace
	stats      []column.Stat // of the blocks, in one that was read
	pieces     uint64        // the number behind that of the last chunk
}

// A blockPlace is what the directory has on one block.
type blockPlace struct {
	stat    *column.Stat
	offset  int64  // of the first chunk; the others follow
	piece   uint64 // number of the first chunk
	columns []columnPlace
	roots   []root.Root

	messages uint64 // bytes of all of them
}

// offsets returns where each chunk is.
func (p *blockPlace) offsets() []int64 {
	offsets := make([]int64, len(p.columns))
	at := p.offset
	for i, c := range p.columns {
		offsets[i] = at
		at += int64(c.length)
	}
	return offsets
}

// fields returns the chunks of fields, which stand between those that each block has.
func (p *blockPlace) fields() []columnPlace {
	return p.columns[fixed : len(p.columns)-last]
}

type columnPlace struct {
	kind   block.Kind
	name   uint32 // place in names
	values uint32 // distinct ones, at most; of templates, how many there are
	length uint32 // of the sealed chunk; 0: there is none
}

// Blocks returns what is known of each block. It must not be changed, and who has it does
// not keep the directory in memory.
func (d *Directory) Blocks() []column.Stat { return d.stats }

// Fields returns how many fields a block has.
func (d *Directory) Fields(block int) int { return len(d.blocks[block].fields()) }

// Collection returns whose events the segment has.
func (d *Directory) Collection() string { return d.collection }

// Roots returns what vouches for the events of a block: runs of them, one behind the
// other.
func (d *Directory) Roots(block int) []root.Root { return d.blocks[block].roots }

// A BlockID is of a block and of what Copy makes of it, and of no other block: the first of
// its roots is salted, and who joins blocks makes one that has more events.
type BlockID struct {
	salt [root.SaltSize]byte
	rows int
}

// IDOf returns the BlockID of a block with such roots.
func IDOf(roots []root.Root) (id BlockID) {
	if len(roots) > 0 {
		id.salt = roots[0].Salt
	}
	for i := range roots {
		id.rows += roots[i].Rows
	}
	return id
}

// ID returns the BlockID of a block.
func (d *Directory) ID(block int) BlockID { return IDOf(d.blocks[block].roots) }

// MessageBytes returns how long the messages of a block are together.
func (d *Directory) MessageBytes(block int) int64 { return int64(d.blocks[block].messages) }

// EachColumn calls do with each chunk of a block: its kind, for fields their name, its
// bytes on disk, and how many distinct values, or templates, it has at most.
func (d *Directory) EachColumn(number int, do func(kind block.Kind, name string, bytes int64, values int)) {
	for _, c := range d.blocks[number].columns {
		name := ""
		if c.kind == block.Field {
			name = d.names[c.name]
		}
		do(c.kind, name, int64(c.length), int(c.values))
	}
}

// Offset returns where a block begins in the file.
func (d *Directory) Offset(block int) int64 { return d.blocks[block].offset }

// Size returns about how many bytes of memory d takes.
func (d *Directory) Size() int {
	size := 128
	for _, name := range d.names {
		size += 16 + len(name)
	}
	for i := range d.blocks {
		size += 176 + 16*len(d.blocks[i].columns) + 72*len(d.blocks[i].roots)
	}
	return size
}

func (d *Directory) append(dst []byte) []byte {
	dst = appendString(dst, d.collection)
	dst = binary.AppendUvarint(dst, uint64(len(d.names)))
	for _, name := range d.names {
		dst = appendString(dst, name)
	}
	dst = binary.AppendUvarint(dst, uint64(len(d.blocks)))
	for i := range d.blocks {
		dst = d.blocks[i].append(dst)
	}
	return dst
}

func (b *blockPlace) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(b.stat.Rows))
	dst = binary.AppendUvarint(dst, b.stat.FirstSeq)
	dst = binary.AppendUvarint(dst, b.stat.LastSeq-b.stat.FirstSeq)
	dst = binary.AppendVarint(dst, int64(b.stat.MinTime))
	dst = binary.AppendUvarint(dst, uint64(b.stat.MaxTime-b.stat.MinTime))
	dst = binary.AppendUvarint(dst, uint64(len(b.columns)))
	for _, c := range b.columns {
		dst = binary.AppendUvarint(dst, uint64(c.kind))
		dst = binary.AppendUvarint(dst, uint64(c.length))
		if c.kind == block.Field {
			dst = binary.AppendUvarint(dst, uint64(c.name))
		}
		if c.kind == block.Field || c.kind == block.Templates {
			dst = binary.AppendUvarint(dst, uint64(c.values))
		}
	}
	dst = binary.AppendUvarint(dst, b.messages)
	dst = binary.AppendUvarint(dst, uint64(len(b.roots)))
	next := b.stat.FirstSeq
	for i := range b.roots {
		r := &b.roots[i]
		dst = binary.AppendUvarint(dst, uint64(r.Rows))
		dst = binary.AppendUvarint(dst, r.First-next)
		dst = binary.AppendUvarint(dst, r.Last-r.First)
		dst = append(append(dst, r.Salt[:]...), r.Hash[:]...)
		next = r.Last + 1
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// decodeDirectory reads what append wrote. The chunks lie between the header and
// end, and the names are sorted; that is relied on later and so seen to here.
func decodeDirectory(data []byte, end int64) (*Directory, error) {
	r := reader{column.Reader{Data: data}}
	d := &Directory{collection: r.string()}
	d.names = make([]string, r.Count(1))
	for i := range d.names {
		d.names[i] = r.string()
	}
	if !slices.IsSorted(d.names) {
		return nil, errors.New("names are out of order")
	}
	d.blocks = make([]blockPlace, r.Count(6))
	d.stats = make([]column.Stat, len(d.blocks))
	offset, piece := int64(headerSize), uint64(firstChunk)
	for i := range d.blocks {
		b := &d.blocks[i]
		b.offset, b.piece, b.stat = offset, piece, &d.stats[i]
		r.place(b, len(d.names))
		b.stat.Collection = d.collection
		offset += b.stat.Bytes
		piece += uint64(len(b.columns))
		if r.Failed || offset > end {
			return nil, fmt.Errorf("block %d does not fit", i)
		}
	}
	if r.Failed || len(r.Data) > 0 || offset != end {
		return nil, errors.New("wrong length")
	}
	d.pieces = piece
	return d, nil
}

// A reader takes a directory apart. After the first mistake it only gives zeros.
type reader struct{ column.Reader }

func (r *reader) string() string {
	n := r.Count(1)
	s := string(r.Data[:n])
	r.Data = r.Data[n:]
	return s
}

// below reads a number that is less than limit.
func (r *reader) below(limit uint64) uint64 {
	n := r.Uvarint()
	if n >= limit {
		r.Fail()
		return 0
	}
	return n
}

func (r *reader) place(b *blockPlace, names int) {
	b.stat.Rows = int(r.below(column.MaxRows + 1))
	b.stat.FirstSeq = r.Uvarint()
	b.stat.LastSeq = b.stat.FirstSeq + r.Uvarint()
	minTime, n := binary.Varint(r.Data)
	if n <= 0 || b.stat.Rows == 0 || b.stat.LastSeq < b.stat.FirstSeq {
		r.Fail()
		return
	}
	r.Data = r.Data[n:]
	b.stat.MinTime = llama.Time(minTime)
	b.stat.MaxTime = llama.Time(minTime + int64(r.Uvarint()))
	b.columns = make([]columnPlace, r.Count(2))
	for i := range b.columns {
		c := &b.columns[i]
		c.kind = block.Kind(r.below(uint64(block.Rows) + 1))
		c.length = uint32(r.below(maxChunk))
		if c.kind == block.Field {
			c.name = uint32(r.below(uint64(names)))
		}
		if c.kind == block.Field || c.kind == block.Templates {
			c.values = uint32(r.below(column.MaxRows + 1))
		}
		b.stat.Bytes += int64(c.length)
		if !inOrder(b.columns, i) {
			r.Fail()
			return
		}
	}
	if len(b.columns) < fixed+last {
		r.Fail()
	}
	b.messages = r.below(math.MaxInt64)
	r.roots(b)
}

// inOrder reports whether the i-th chunk may stand where it does.
func inOrder(columns []columnPlace, i int) bool {
	c := columns[i]
	switch {
	case i < fixed:
		return int(c.kind) == i+1
	case i >= len(columns)-last:
		return int(c.kind) == int(block.Loose)+i+last-len(columns)
	}
	return c.kind == block.Field && (i == fixed || c.name > columns[i-1].name)
}

// minRoot is the least that a root has, in bytes.
const minRoot = 3 + root.SaltSize + tlog.HashSize

// roots reads the roots of a block, and sees to it that they are of its events.
func (r *reader) roots(b *blockPlace) {
	b.roots = make([]root.Root, r.Count(minRoot))
	rows, next := 0, b.stat.FirstSeq
	for i := range b.roots {
		x := &b.roots[i]
		x.Rows = int(r.below(column.MaxRows + 1))
		x.First = next + r.Uvarint()
		x.Last = x.First + r.Uvarint()
		copy(x.Salt[:], r.Bytes(root.SaltSize))
		copy(x.Hash[:], r.Bytes(tlog.HashSize))
		if x.First < next || x.Last < x.First || x.Last > b.stat.LastSeq || x.Rows == 0 || uint64(x.Rows-1) > x.Last-x.First {
			r.Fail()
			return
		}
		rows, next = rows+x.Rows, x.Last+1
	}
	if rows != b.stat.Rows || next != b.stat.LastSeq+1 || b.roots[0].First != b.stat.FirstSeq {
		r.Fail()
	}
}
