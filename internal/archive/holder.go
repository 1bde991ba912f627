package archive

import (
	"container/list"

	"github.com/llama-logs/llama/internal/segment"
)

// A holder has blocks of which pieces are kept: a segment. The mutex of decoded guards it.
// The zero value holds none, and takes next to nothing, as there are as many as segments.
type holder struct {
	blocks map[segment.BlockID]*heldBlock // nil: none
	into   *holder                        // has had its blocks since it was merged
	gone   bool                           // nothing is kept of it any more
}

// wholeSegment stands for a segment as a whole among its blocks: it has filters and answers.
var wholeSegment segment.BlockID

// A heldBlock is what is kept of a block.
type heldBlock struct {
	in     *holder
	id     segment.BlockID
	pieces map[string]*list.Element // of *decodedPiece, by name
}

// now returns who has the blocks of h now.
func (h *holder) now() *holder {
	for h.into != nil {
		h = h.into
	}
	return h
}

// piece returns one that is kept, or nil. The caller holds mu.
func (h *holder) piece(id segment.BlockID, name string) *list.Element {
	if b := h.now().blocks[id]; b != nil {
		return b.pieces[name]
	}
	return nil
}

// block returns a block of which something is to be kept.
func (h *holder) block(id segment.BlockID) *heldBlock {
	b := h.blocks[id]
	if b == nil {
		b = &heldBlock{in: h, id: id, pieces: map[string]*list.Element{}}
		h.put(b)
	}
	return b
}

func (h *holder) put(b *heldBlock) {
	if h.blocks == nil {
		h.blocks = map[segment.BlockID]*heldBlock{}
	}
	h.blocks[b.id], b.in = b, h
}
