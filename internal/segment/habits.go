package segment

import (
	"sync"

	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
)

// The chunks of one column are alike from block to block. So for the first one, and for each
// 64th from then on, all ways of packing are tried, and the others are packed in the way that
// was the best, as long as they are packed as well.

// A way is one of packing a chunk.
type way uint8

const (
	_          way = iota
	byRepeats      // zstd's default level
	byFew          // zstd's fastest level, which finds fewer repetitions in half the time
	byLiterals     // without any
)

const (
	// minTried: shorter chunks are packed by zstd's default level, whatever they are.
	minTried = 1 << 10
	// triedEvery is how many chunks of a column are packed in one way, with the one that
	// said which.
	triedEvery = 64
	// fewEnough: the fastest level is good enough where the default one saves no more than
	// that part of what it makes of a chunk.
	fewEnough = 1.03
	// unlike: a chunk that packs by so much better or worse than the one for which the way was
	// chosen is another kind of thing, and has all ways tried again.
	unlike = 1.2
	// maxHabits bounds the columns of which a way is known.
	maxHabits = 1 << 14
)

// A habit is how chunks of a column are packed.
type habit struct {
	way   way
	left  uint8   // chunks until all ways are tried
	ratio float32 // of packed bytes to plain ones, of the chunk for which they were
}

// habits are those of all columns of all collections, by a hash of who they are. They may be used
// by many at once.
type habits struct {
	hasher column.Hasher
	mu     sync.Mutex
	of     map[uint64]habit
}

func newHabits() *habits { return &habits{hasher: column.NewHasher(), of: map[uint64]habit{}} }

// key tells columns apart, well enough: who shares one with another is packed worse.
func (h *habits) key(collection string, kind block.Kind, name string) uint64 {
	return h.hasher.Mix(h.hasher.Hash(collection)+uint64(kind), h.hasher.Hash(name))
}

func (h *habits) get(key uint64) habit {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of[key]
}

func (h *habits) set(key uint64, to habit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.of) >= maxHabits {
		clear(h.of)
	}
	h.of[key] = to
}

// packColumn is pack for a chunk of a block.
func (c *Codec) packColumn(dst, plain []byte, collection string, kind block.Kind, name string) []byte {
	key := c.habits.key(collection, kind, name)
	h := c.habits.get(key)
	dst = c.packBy(dst, plain, &h)
	c.habits.set(key, h)
	return dst
}

// frame appends plain as a zstd frame, packed as its column's habit says, which changes with it.
func (p *packer) frame(dst, plain []byte, h *habit, c *Codec) []byte {
	start := len(dst)
	if len(plain) < minTried || len(plain) > maxPlain {
		return c.enc.EncodeAll(plain, dst)
	}
	if h.left > 0 {
		h.left--
		switch h.way {
		case byRepeats:
			dst = c.enc.EncodeAll(plain, dst)
		case byFew:
			dst = c.few.EncodeAll(plain, dst)
		case byLiterals:
			dst = p.literals(dst, plain)
		}
		if r := float32(len(dst)-start) / float32(len(plain)); r <= unlike*h.ratio && r >= h.ratio/unlike {
			return dst
		}
		dst = dst[:start]
	}
	dst, h.way = p.best(dst, plain, c)
	h.left, h.ratio = triedEvery-1, float32(len(dst)-start)/float32(len(plain))
	return dst
}

// best appends plain as the shortest frame there is, and says how chunks like it are to be made.
func (p *packer) best(dst, plain []byte, c *Codec) ([]byte, way) {
	start := len(dst)
	dst = c.enc.EncodeAll(plain, dst)
	length := len(dst) - start
	if p.out = p.literals(p.out[:0], plain); len(p.out) <= length {
		return append(dst[:start], p.out...), byLiterals
	}
	if p.out = c.few.EncodeAll(plain, p.out[:0]); float64(len(p.out)) > fewEnough*float64(length) {
		return dst, byRepeats
	}
	if len(p.out) < length {
		dst = append(dst[:start], p.out...)
	}
	return dst, byFew
}
