package archive

import (
	"context"
	"sync/atomic"

	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/segment"
)

// Full blocks of heads are packed at once: encoded, compressed and vouched for by a root, as
// they will be in a segment. They take a tenth of the memory then, and are read as blocks of
// segments are, with templates, filters and what was decoded. When there are enough for a
// segment, they are only encrypted and written.

// A packed is a block of a head that is packed.
type packed struct {
	*segment.Packed
	held  holder        // of what was decoded of it
	asked atomic.Uint64 // the newest reader that asked for its filter; 0: none did
}

// unpacked returns the full blocks of all heads that are not packed, those of a part in
// their order.
func (a *Archive) unpacked() (blocks []*headBlock) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for p := range a.heads {
		for _, b := range p.head {
			if b.full && b.packed == nil {
				blocks = append(blocks, b)
			}
		}
	}
	return blocks
}

// pack packs full blocks, until ctx ends. The caller holds sealing.
func (a *Archive) pack(ctx context.Context, blocks []*headBlock) error {
	for _, b := range blocks {
		if b.packed != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		p, err := a.packOne(b)
		if err != nil {
			clear(a.builders) // one of them is not empty,
			a.slots.Reset()   // and has taken room
			return err
		}
		a.packed(b, p)
	}
	return nil
}

// packed gives a block its packed form. Who has a snapshot reads on what that saw.
func (a *Archive) packed(b *headBlock, p *segment.Packed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.headSize -= b.size()
	b.packed = &packed{Packed: p}
	b.pieces, b.view, b.bytes, b.viewed = nil, nil, p.Bytes(), 0
	a.headSize += b.size()
}

// yieldEvery is after how many events, some two milliseconds, packing may let others go
// first.
const yieldEvery = 1024

// packOne returns the packed form of a block.
func (a *Archive) packOne(b *headBlock) (*segment.Packed, error) {
	to := a.builder(b.stat.Collection)
	hasher := root.NewHasher(b.stat.Collection)
	rows := 0
	err := readPieces(&a.shapes, b.pieces, func(r *column.Row) {
		to.Add(r)
		hasher.Add(r)
		if rows++; rows%yieldEvery == 0 {
			a.giveWay.nowAndThen()
		}
	})
	if err != nil {
		return nil, err
	}
	p, err := a.codec.Pack(to, hasher.Root())
	if err != nil {
		return nil, err
	}
	to.Reset()
	a.spareBuilders(to)
	return p, nil
}

// A packedBlock is one in memory that is packed.
type packedBlock struct {
	s *Snapshot
	h *headView
}

// Read implements column.Blocks.
func (b packedBlock) Read(ctx context.Context, _ int) (*column.Block, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := b.h.part.explain(nil); err != nil {
		return nil, err
	}
	p, a := b.h.packed, b.s.a
	return p.Block(segment.View{
		Keep:    a.decoded.of(&p.held, p.ID(), b.s.reader()),
		Explain: func(err error) error { return a.met(b.h.part.explain(err)) },
	})
}

// Filter implements column.Blocks.
func (b packedBlock) Filter(int) column.Filter {
	p, reader := b.h.packed, b.s.reader()
	for was := p.asked.Load(); was < reader && !p.asked.CompareAndSwap(was, reader); was = p.asked.Load() {
	}
	if f := p.Filter(); f != nil && b.h.part.explain(nil) == nil { // else who reads it is told
		return f
	}
	return nil
}

// Ahead implements column.Blocks.
func (b packedBlock) Ahead(int) {}

// carryPacked gives a segment what is known in memory of the packed blocks that it was made
// of, as carry does for one that was merged.
func (a *Archive) carryPacked(blocks []*headBlock, s *stored, w *segment.Writer) {
	var holders []*holder
	reader := uint64(0)
	for _, b := range blocks {
		holders = append(holders, &b.packed.held)
		reader = max(reader, b.packed.asked.Load())
	}
	a.decoded.move(&s.held, w.BlockIDs(), holders...)
	if reader > 0 {
		a.keepFilters(s, w, reader)
		a.directories.of(s) // best effort: who asks reads it else, and is told
	}
}

// maxBuilders bounds the collections whose templates are known from block to block, and
// maxSpare what is kept in memory for their blocks.
const (
	maxBuilders = 32
	maxSpare    = 64 << 20
)

// builder returns an empty builder for a block of a collection, if possible one that
// knows the templates of the block before. The caller holds sealing, and resets it.
func (a *Archive) builder(collection string) *block.Builder {
	if b := a.builders[collection]; b != nil {
		return b
	}
	if len(a.builders) == maxBuilders {
		for any := range a.builders {
			delete(a.builders, any)
			break
		}
	}
	b := block.NewBuilderIn(&a.slots, collection)
	a.builders[collection] = b
	return b
}

// spareBuilders drops builders that keep too much together, but for one.
func (a *Archive) spareBuilders(but *block.Builder) {
	spare := 0
	for _, b := range a.builders {
		spare += b.Spare()
	}
	for collection, b := range a.builders {
		if b != but && spare > maxSpare {
			spare -= b.Spare()
			delete(a.builders, collection)
		}
	}
}
