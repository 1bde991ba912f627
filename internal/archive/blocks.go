package archive

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/segment"
)

// segmentBlocks are the blocks of a segment, for one call of Refs.
type segmentBlocks struct {
	s *Snapshot
	partSegment
	asked []asking // of the disk, by block
}

// Read implements column.Blocks.
func (b *segmentBlocks) Read(ctx context.Context, number int) (*column.Block, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// The directory is asked for again, so that refs that wait do not hold the
	// directories of a whole archive.
	a := b.s.a
	d, err := a.directories.of(b.stored)
	if err = b.explain(err); err != nil {
		return nil, err
	}
	return b.KeptBlock(d, number, segment.View{
		Keep: a.decoded.of(&b.held, d.ID(number), b.s.reader()), Seen: b.s.read.begin(b.collection),
		Explain: func(err error) error { return a.met(b.explain(err)) },
	})
}

// Filter implements column.Blocks.
func (b *segmentBlocks) Filter(number int) column.Filter {
	return b.s.a.filter(b.catalogPart, b.stored, number, b.s.reader())
}

// Ahead implements column.Blocks.
func (b *segmentBlocks) Ahead(number int) {
	if number == column.Whole {
		b.s.a.directories.ahead(b.stored)
		return
	}
	for len(b.asked) <= number {
		b.asked = append(b.asked, asking{})
	}
	more := b.s.read.next(b.collection, &b.asked[number])
	if len(more) == 0 {
		return
	}
	if d, err := b.s.a.directories.of(b.stored); err == nil { // who reads the block is told
		b.stored.Ahead(d, number, func(c segment.ChunkName) bool { return more[c] })
	}
}

// unreadable returns a Ref that tells what is wrong with a segment.
func (a *Archive) unreadable(x partSegment, err error) column.Ref {
	return column.Ref{
		Stat: &column.Stat{
			Collection: x.collection, FirstSeq: x.First, LastSeq: x.Last, MinTime: math.MinInt64, MaxTime: math.MaxInt64, Bytes: x.size(),
		},
		Of: damaged{a, err},
	}
}

// damaged is a segment of which not even the blocks are known.
type damaged struct {
	a   *Archive
	err error
}

// Read implements column.Blocks.
func (d damaged) Read(context.Context, int) (*column.Block, error) {
	return nil, fmt.Errorf("read a segment: %w", d.a.met(d.err))
}

// Filter implements column.Blocks.
func (d damaged) Filter(int) column.Filter { return nil }

// Ahead implements column.Blocks.
func (d damaged) Ahead(int) {}

// met counts an error if it is damage, and returns it.
func (a *Archive) met(err error) error {
	if errors.Is(err, column.ErrDamaged) {
		a.metrics.damage.Inc()
	}
	return err
}
