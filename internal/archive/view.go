package archive

import (
	"context"
	"sync"

	"github.com/llama-logs/llama/internal/column"
)

// A view is a headBlock in the form in which it is searched. It is made when somebody
// asks, and grows as far as somebody asks: an archive that nobody asks does not pay
// for it, and each event is turned into columns once.
type view struct {
	mu      sync.Mutex // not held together with Archive.mu for longer than it takes to count
	builder *column.Builder
	pieces  int // of the block's that are in builder
	err     error
}

// A headView is the part of a headBlock that a snapshot sees.
type headView struct {
	part     *part
	block    *headBlock
	pieces   []piece
	stat     column.Stat
	logBytes int64 // about what the log holds of it
}

// readHead returns what a snapshot sees of a block in memory.
func (a *Archive) readHead(ctx context.Context, h headView) (*column.Block, error) {
	if err := h.part.explain(nil); err != nil {
		return nil, err
	}
	v := &h.block.view
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.builder == nil {
		v.builder = column.NewBuilder(h.stat.Collection)
	}
	before := v.builder.Bytes()
	for v.pieces < len(h.pieces) && v.err == nil {
		if err := ctx.Err(); err != nil {
			a.viewed(h.block, v.builder.Bytes()-before)
			return nil, err
		}
		v.err = readPieces(&a.shapes, h.pieces[v.pieces:v.pieces+1], v.builder.AddRow)
		v.pieces++
	}
	a.viewed(h.block, v.builder.Bytes()-before)
	if v.err != nil {
		return nil, v.err
	}
	return v.builder.Block(h.stat.Rows), nil
}

// viewed counts the memory that the view of a block has grown by.
func (a *Archive) viewed(b *headBlock, bytes int) {
	if bytes == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if b.gone {
		return
	}
	b.viewed += bytes
	a.headSize += bytes
	if a.headSize > int(a.o.HeadSize)/2 {
		a.askToSeal()
	}
}
