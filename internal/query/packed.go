package query

import (
	"fmt"
	"slices"
)

// packed are frames that are held packed, and unpacked while their rows are wanted.
type packed struct {
	list    []*packedFrame // those that are unpacked and can be packed
	open    int            // bytes of them
	most    int            // of open; 0 is openBytes
	use     uint64
	unpacks int
}

type packedFrame struct {
	again func() ([]byte, error) // nil: plain stays
	plain []byte                 // nil while it is packed
	used  uint64                 // packed.use when it was last wanted
}

const (
	// openBytes is how many bytes of frames are unpacked at once: rows that follow each
	// other mostly lie in few frames.
	openBytes = 32 << 20
	// thrash is after how many unpackings of each frame the order is taken for one that
	// jumps: all the memory that a merge may have is for unpacked frames then.
	thrash = 4
)

// unpack returns what a frame, one of so many, holds unpacked, and packs others if there
// are too many. max is the memory that unpacked frames may take in the worst case; 0 for
// any.
func (p *packed) unpack(f *packedFrame, frames, max int) (plain []byte, err error) {
	p.use++
	f.used = p.use
	if f.plain != nil {
		return f.plain, nil
	}
	if p.most == 0 {
		p.most = openBytes
	}
	if p.unpacks++; p.unpacks == thrash*frames {
		if p.most = max; max == 0 {
			p.most = 1 << 62
		}
	}
	if f.plain, err = f.again(); err != nil {
		return nil, fmt.Errorf("unpack a frame: %w", err)
	}
	p.list = append(p.list, f)
	for p.open += len(f.plain); p.open > p.most && len(p.list) > 1; {
		p.pack(p.oldest(f))
	}
	return f.plain, nil
}

// oldest returns the frame that was wanted longest ago, and is not keep.
func (p *packed) oldest(keep *packedFrame) *packedFrame {
	var oldest *packedFrame
	for _, f := range p.list {
		if f != keep && (oldest == nil || f.used < oldest.used) {
			oldest = f
		}
	}
	return oldest
}

// pack packs a frame, if it is unpacked and can be packed.
func (p *packed) pack(f *packedFrame) {
	i := slices.Index(p.list, f)
	if i < 0 {
		return
	}
	p.open -= len(f.plain)
	f.plain = nil
	p.list = slices.Delete(p.list, i, i+1)
}
