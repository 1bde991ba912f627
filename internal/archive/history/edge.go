package history

import (
	"encoding/binary"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/root"
)

// So that a start need not read all records ever written, the edge says how the tree was
// at an earlier record. The signed head proves it: an edge that is not of the beginning
// of the same records does not lead to the head's hash. Without an edge, or with one that
// is wrong, all records are read.

const (
	edgeName    = Folder + "/edge"
	edgeContext = "history edge"
	maxEdge     = 4 << 10
	// markEvery is how many records there are between places that can become the edge.
	markEvery = 1024
)

// A mark is a place behind some records.
type mark struct {
	tree   root.Tree // of the records before
	length int64     // of the file up to there
	last   uint64    // the highest arrival number that these records name
}

// mark takes note of where the records end, if there are many since the last time. The
// caller holds mu.
func (h *History) mark() {
	before := h.edge.tree.Size()
	if n := len(h.marks); n > 0 {
		before = h.marks[n-1].tree.Size()
	}
	if h.tree.Size() >= before+h.markEvery {
		h.marks = append(h.marks, mark{h.tree, h.length, h.last})
	}
}

// Advance moves the edge, behind which a start reads, as far as all records before it are
// about events before first: who calls it will not ask about those again. What cannot
// be written now makes the next start longer, and no more.
func (h *History) Advance(first uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for n < len(h.marks) && h.marks[n].last < first {
		n++
	}
	if n == 0 {
		return nil
	}
	edge := h.marks[n-1]
	if err := fsys.Replace(h.disk, edgeName, h.key.SealBlob(edgeContext, edge.append(nil), h.salt[:])); err != nil {
		return err
	}
	h.edge, h.marks = edge, append([]mark(nil), h.marks[n:]...)
	return nil
}

func (m *mark) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.tree.Size()))
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.length))
	dst = binary.BigEndian.AppendUint64(dst, m.last)
	for _, hash := range m.tree.Edge() {
		dst = append(dst, hash[:]...)
	}
	return dst
}

func decodeMark(plain []byte) (m mark, ok bool) {
	if len(plain) < 24 || (len(plain)-24)%tlog.HashSize != 0 {
		return m, false
	}
	size, length, last := binary.BigEndian.Uint64(plain), binary.BigEndian.Uint64(plain[8:]), binary.BigEndian.Uint64(plain[16:])
	var edge []tlog.Hash
	for rest := plain[24:]; len(rest) > 0; rest = rest[tlog.HashSize:] {
		edge = append(edge, tlog.Hash(rest[:tlog.HashSize]))
	}
	tree, ok := root.TreeOf(int64(size), edge)
	return mark{tree, int64(length), last}, ok && int64(length) >= headerSize
}

// readEdge reads the edge, if there is one that is not damaged.
func (h *History) readEdge() (mark, bool) {
	data, err := fsys.ReadFile(h.disk, edgeName, maxEdge)
	if err != nil {
		return mark{}, false
	}
	plain, err := h.key.UnsealBlob(edgeContext, data, h.salt[:])
	if err != nil {
		return mark{}, false
	}
	return decodeMark(plain)
}
