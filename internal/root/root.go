package root

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/digest"
)

const (
	// SaltSize is the size of a root's salt and of an event's, in bytes.
	SaltSize = 16
	// saltsAtOnce is how many salts of events are drawn at once.
	saltsAtOnce = 64
	// atOnce is how many events are hashed together, if they are no more than enough bytes:
	// two leaves, so that these are too.
	atOnce, enough = 2 * run, 64 << 10
	// maxBuffer bounds the memory that is kept for the next events, in bytes.
	maxBuffer = 4 << 20
)

// A Root vouches for the events of one part with numbers from First to Last.
type Root struct {
	First, Last uint64 // arrival numbers
	Rows        int    // events; fewer than the span where other parts have some
	Salt        [SaltSize]byte
	Hash        tlog.Hash
}

// A Hasher computes the roots of a collection, one after the other. It is not safe
// for concurrent use.
type Hasher struct {
	known  shapes
	root   Root
	events digest.Batch // as appendEvent has them, which are in no leaf yet
	leaf   leaf
	leaves digest.Batch // full ones, which are not in the tree yet
	tree   Tree
	salts  cipher.Stream
	drawn  [saltsAtOnce * SaltSize]byte
	unused int // bytes of drawn
}

// NewHasher returns a Hasher for events of a collection.
func NewHasher(collection string) *Hasher {
	h := &Hasher{known: shapes{collection: collection}}
	h.begin(newSalt())
	return h
}

func newSalt() (salt [SaltSize]byte) {
	rand.Read(salt[:]) // never fails
	return salt
}

// begin starts a root with a salt.
func (h *Hasher) begin(salt [SaltSize]byte) {
	h.root, h.tree, h.leaf.n, h.unused = Root{Salt: salt}, Tree{}, 0, 0
	h.salts = cipher.NewCTR(saltCipher(salt), make([]byte, aes.BlockSize))
	h.events.Reset(maxBuffer)
}

// saltCipher returns the cipher whose output, counting from 0, is the salts of events.
func saltCipher(salt [SaltSize]byte) cipher.Block {
	block, err := aes.NewCipher(salt[:])
	if err != nil {
		panic("root: " + err.Error()) // the size is right
	}
	return block
}

// Add adds an event. Its number is greater than that of the one before.
func (h *Hasher) Add(row *column.Row) {
	if h.root.Rows == 0 {
		h.root.First = row.Seq
	}
	h.root.Last = row.Seq
	h.root.Rows++
	if h.unused == 0 {
		clear(h.drawn[:])
		h.salts.XORKeyStream(h.drawn[:], h.drawn[:])
		h.unused = len(h.drawn)
	}
	salt := h.drawn[len(h.drawn)-h.unused:][:SaltSize]
	h.unused -= SaltSize
	h.events.Add(appendEvent(h.events.Room(), salt, row, h.known.of(row.Shape)))
	if h.events.Len() == atOnce || h.events.Bytes() > enough {
		h.hash()
	}
}

// hash puts events into leaves, and those that are full into the tree.
func (h *Hasher) hash() {
	var hashes [atOnce][tlog.HashSize]byte
	n := h.events.Len()
	h.events.Sums(hashes[:n])
	h.events.Reset(maxBuffer)
	for i := range n {
		if h.leaf.put(hashes[i]) {
			h.leaves.Add(append(h.leaves.Room(), h.leaf.end()...))
		}
	}
	n = h.leaves.Len()
	h.leaves.Sums(hashes[:n])
	h.leaves.Reset(maxBuffer)
	for i := range n {
		h.tree.Add(hashes[i])
	}
}

// Rows returns how many events were added since the last root.
func (h *Hasher) Rows() int { return h.root.Rows }

// Root returns the root of the events added, and begins another.
func (h *Hasher) Root() Root {
	r := h.end()
	h.begin(newSalt())
	return r
}

// end returns the root of the events added, after which none can be.
func (h *Hasher) end() Root {
	h.hash()
	if h.leaf.n > 0 {
		h.tree.Add(sha256.Sum256(h.leaf.end()))
	}
	h.root.Hash = h.tree.Root()
	return h.root
}

// Matches reports whether r is the root of the events added, which were added after
// Again(r), and nothing else. It ends them.
func (h *Hasher) Matches(r Root) bool { return h.end() == r }

// Again begins to compute a root that is known.
func (h *Hasher) Again(r Root) { h.begin(r.Salt) }

// A Tree computes the root of an RFC 6962 tree that grows, from its leaves' hashes.
// Its zero value is the empty tree.
type Tree struct {
	size  int64
	whole [63]tlog.Hash // [i]: the subtree of 2^i leaves at the right edge, if size has the bit
}

// Size returns the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Add adds a leaf.
func (t *Tree) Add(leaf tlog.Hash) {
	level := 0
	for ; t.size>>level&1 == 1; level++ {
		leaf = tlog.NodeHash(t.whole[level], leaf)
	}
	t.whole[level] = leaf
	t.size++
}

// Edge returns the roots of the subtrees that more leaves build on, the largest first:
// one for each bit of the size. TreeOf makes a tree of them that goes on as this one.
func (t *Tree) Edge() (edge []tlog.Hash) {
	for level := len(t.whole) - 1; level >= 0; level-- {
		if t.size>>level&1 == 1 {
			edge = append(edge, t.whole[level])
		}
	}
	return edge
}

// TreeOf is the reverse of Edge. It reports whether an edge is as long as that of a tree
// of so many leaves is.
func TreeOf(size int64, edge []tlog.Hash) (t Tree, ok bool) {
	if size < 0 || bits.OnesCount64(uint64(size)) != len(edge) {
		return t, false
	}
	t.size = size
	for level := len(t.whole) - 1; level >= 0; level-- {
		if size>>level&1 == 1 {
			t.whole[level], edge = edge[0], edge[1:]
		}
	}
	return t, true
}

// Root returns the root.
func (t *Tree) Root() tlog.Hash {
	if t.size == 0 {
		empty, _ := tlog.TreeHash(0, nil) // reads nothing
		return empty
	}
	level := bits.TrailingZeros64(uint64(t.size))
	root := t.whole[level]
	for level++; t.size>>level > 0; level++ {
		if t.size>>level&1 == 1 {
			root = tlog.NodeHash(t.whole[level], root)
		}
	}
	return root
}
