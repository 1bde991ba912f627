package archive

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/llama-logs/llama/internal/column"
)

// A view is a headBlock in the form in which it is searched. It is made when somebody
// asks, and grows as far as somebody asks: an archive that nobody asks does not pay
// for it. Of its columns those are filled that were asked for, of this block or the one
// before: most questions are about few, and where somebody asks all the time, all columns of
// each event cost more than to parse it.
type view struct {
	mu     sync.Mutex // not held together with Archive.mu for longer than it takes to count
	lazy   *column.LazyBuilder
	pieces int                     // of the block's that are in it
	known  atomic.Pointer[[]piece] // those, and maybe one more that is being added
	err    error
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
	if v.lazy == nil {
		v.lazy = a.newLazy(h)
	}
	grew := 0
	defer func() { a.viewed(h.block, grew) }()
	for v.pieces < len(h.pieces) && v.err == nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		known := h.pieces[:v.pieces+1]
		v.known.Store(&known)
		var bytes int
		bytes, v.err = v.lazy.Add(func(to *column.Builder) error { return readPieces(&a.shapes, known[v.pieces:], to.AddRow) })
		grew += bytes
		v.pieces++
	}
	if v.err != nil {
		return nil, v.err
	}
	return v.lazy.Block(h.stat.Rows), nil
}

// newLazy begins the view of a block. The columns that were asked for of the view before, of
// the same part, are filled from the beginning.
func (a *Archive) newLazy(h headView) *column.LazyBuilder {
	v := &h.block.view
	replay := func(do func(*column.Row) bool) error {
		more := true // one piece at most is behind what do wants
		return readPieces(&a.shapes, *v.known.Load(), func(r *column.Row) { more = more && do(r) })
	}
	asked := &column.Asked{}
	before := h.part.asked.Swap(asked)
	return column.NewLazyBuilder(h.stat.Collection, before.Names(), asked, replay, func(bytes int) { a.viewed(h.block, bytes) })
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
