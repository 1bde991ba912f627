package segment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/root"
)

// A Packed is a block as a segment has it, in memory, before it is sealed: what is left to
// do for a segment is to encrypt it. It is immutable, may be read by many at once, and
// refers to nothing of the builder that it was made of.
type Packed struct {
	codec    *Codec
	stat     column.Stat
	chunks   []packedChunk
	roots    []root.Root
	messages uint64
	first    llama.Time // to arrive
	last     llama.Time
	raw      rawFilter
	filter   *Filter // nil: nothing is known
	size     int
}

// A packedChunk is a chunk with what the directory says of it.
type packedChunk struct {
	kind   block.Kind
	name   string // of a field
	values uint32
	data   []byte // packed; none, where there is none
}

// A packing is what is used again from block to block.
type packing struct {
	blocks  *block.Encoder
	filters filterMaker
	data    []byte
}

// Pack encodes and compresses a block, and uses the builder up: it is good for Reset only.
// The roots are of its events, one behind the other.
func (c *Codec) Pack(b *block.Builder, roots ...root.Root) (*Packed, error) {
	p := &Packed{codec: c, stat: b.Stat(), roots: roots, messages: uint64(b.MessageBytes())}
	rows := 0
	for _, r := range roots {
		rows += r.Rows
	}
	if rows != p.stat.Rows {
		return nil, fmt.Errorf("pack the events from %d to %d: roots of %d events for %d", p.stat.FirstSeq, p.stat.LastSeq, rows, p.stat.Rows)
	}
	p.first, p.last = slices.Min(b.Ingested()), slices.Max(b.Ingested())
	to, ok := c.packing.Get().(*packing)
	if !ok {
		to = &packing{blocks: block.NewEncoder()}
	}
	defer c.packing.Put(to)
	if err := p.encode(b, to); err != nil {
		return nil, err
	}
	p.raw.words = to.filters.encode(to.blocks.Keys(), p.stat.Rows)
	p.raw.message, p.raw.beside = to.blocks.Numbers()
	var err error
	if p.filter, err = p.raw.open(); err != nil {
		return nil, err
	}
	p.size += 300 + 80*len(p.chunks) + 72*len(roots) + p.raw.bytes()
	return p, nil
}

// encode packs the chunks. They are packed one behind the other, and get memory of their
// own when it is known how much they need.
func (p *Packed) encode(b *block.Builder, to *packing) error {
	to.data = to.data[:0]
	var ends []int
	err := to.blocks.Encode(b, func(c block.Chunk) error {
		if p.codec.Between != nil {
			p.codec.Between()
		}
		if len(c.Data) > 0 {
			to.data = p.codec.packColumn(to.data, c.Data, p.stat.Collection, c.Kind, c.Name)
		}
		p.chunks = append(p.chunks, packedChunk{kind: c.Kind, name: strings.Clone(c.Name), values: uint32(c.Values)})
		p.size += len(c.Name)
		ends = append(ends, len(to.data))
		return nil
	})
	if err != nil {
		return err
	}
	data, start := slices.Clone(to.data), 0
	for i, end := range ends {
		p.chunks[i].data = data[start:end:end]
		start = end
	}
	p.size += len(data)
	return nil
}

// Stat is what is known of the block.
func (p *Packed) Stat() column.Stat { return p.stat }

// ID returns the BlockID, also of the block in a segment.
func (p *Packed) ID() BlockID { return IDOf(p.roots) }

// Fields returns how many fields the block has.
func (p *Packed) Fields() int { return len(p.fields()) }

// fields returns the chunks of fields, which stand between those that each block has.
func (p *Packed) fields() []packedChunk { return p.chunks[fixed : len(p.chunks)-last] }

// Bytes returns about how much memory it takes.
func (p *Packed) Bytes() int { return p.size }

// Filter tells which words the block does not have; nil when that is not known.
func (p *Packed) Filter() *Filter { return p.filter }

// Block returns the block, of which nothing is decoded until it is asked for.
func (p *Packed) Block(v View) (*column.Block, error) {
	fields := p.fields()
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].name
	}
	return block.Open(p.stat.Collection, p.stat.Rows, names, block.Source{Read: p.read, Keep: v.Keep, Explain: v.Explain})
}

// read unpacks a chunk.
func (p *Packed) read(kind block.Kind, name string) ([]byte, error) {
	i := chunkOf(kind, len(p.chunks))
	if kind == block.Field {
		n, ok := slices.BinarySearchFunc(p.fields(), name, func(c packedChunk, name string) int { return strings.Compare(c.name, name) })
		if !ok {
			return nil, nil
		}
		i += n
	}
	if len(p.chunks[i].data) == 0 {
		return nil, nil
	}
	return p.codec.unpackCopy(p.chunks[i].data)
}
