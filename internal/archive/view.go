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

	searched searched
}

// A headView is the part of a headBlock that a snapshot sees. It keeps what is read of a
// block that is packed meanwhile.
type headView struct {
	part     *part
	block    *headBlock
	packed   *packed // nil: it is read by its view
	view     *view
	pieces   []piece
	stat     column.Stat
	bytes    int   // of the pieces
	logBytes int64 // about what the log holds of it
}

// snapshot returns what a snapshot sees of a block. The caller holds mu.
func (b *headBlock) snapshot(p *part) headView {
	return headView{part: p, block: b, packed: b.packed, view: b.view, pieces: b.pieces[:len(b.pieces):len(b.pieces)], stat: b.stat, bytes: b.bytes, logBytes: int64(b.logged)}
}

// headRef returns a block in memory.
func (s *Snapshot) headRef(h *headView) column.Ref {
	if h.packed != nil {
		return column.Ref{Stat: &h.stat, Of: packedBlock{s, h}}
	}
	g := growing{s.a, h}
	return column.Ref{Stat: &h.stat, Of: g, Growing: g}
}

// readHead returns what a snapshot sees of a block in memory that is not packed.
func (a *Archive) readHead(ctx context.Context, h *headView) (*column.Block, error) {
	if err := h.part.explain(nil); err != nil {
		return nil, err
	}
	v := h.view
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lazy == nil {
		v.lazy = a.newLazy(*h)
	}
	grew := 0
	defer func() { a.viewed(h, grew) }()
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
// the same part, are filled from the beginning. It outlives the snapshot, of whose other
// blocks it keeps none.
func (a *Archive) newLazy(h headView) *column.LazyBuilder {
	v := h.view
	replay := func(do func(*column.Row) bool) error {
		more := true // one piece at most is behind what do wants
		return readPieces(&a.shapes, *v.known.Load(), func(r *column.Row) { more = more && do(r) })
	}
	asked := &column.Asked{}
	before := h.part.asked.Swap(asked)
	return column.NewLazyBuilder(h.stat.Collection, before.Names(), asked, replay, func(bytes int) { a.viewed(&h, bytes) })
}

// viewed counts the memory that the view of a block has grown by, unless the block has
// another form by now: what is left of the view goes with its snapshots.
func (a *Archive) viewed(h *headView, bytes int) {
	if bytes == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := h.block
	if b.gone || b.view != h.view {
		return
	}
	b.viewed += bytes
	a.headSize += bytes
	if a.headSize > int(a.o.HeadSize)/2 {
		a.askToSeal()
	}
}
