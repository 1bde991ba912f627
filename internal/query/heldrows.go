package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// heldRows are the rows of an answer, which may be many times what a merge may have in
// memory as rows. Of each there is where it stands; the frames stay as they came, packed
// where whoever added them can unpack them again.
type heldRows struct {
	frames  []*heldFrame
	rows    []heldRow
	nodes   []string
	numbers map[string]uint32 // of nodes
	packed  packed
}

// A heldFrame is a frame, unpacked while its rows are wanted, and its names.
type heldFrame struct {
	packedFrame
	names []string
}

// A heldRow is a row by what it is ordered by, and where it is.
type heldRow struct {
	time  llama.Time
	seq   uint64
	node  uint32
	frame uint32
	at    uint32 // in the plain frame
	size  uint32
	tie   *orderKey // which of the rows that one event became; mostly nil
}

const (
	nameSize    = 16 // of a name, without its text
	heldRowSize = 48 // with the share of a growing slice's spare room
	tieSize     = 40 // of an orderKey, without its text
)

// add notes the rows of a frame. It returns the memory that is held for them.
func (h *heldRows) add(node string, f Frame) (bytes int, err error) {
	number, ok := h.numbers[node]
	if !ok {
		if h.numbers == nil {
			h.numbers = map[string]uint32{}
		}
		number = uint32(len(h.nodes))
		h.numbers[node], h.nodes = number, append(h.nodes, node)
	}
	r := newReader(f.Bytes)
	held := heldFrame{packedFrame{again: f.Again, plain: f.Bytes}, r.names()}
	bytes = len(f.Bytes) - len(r.b) + nameSize*len(held.names) // names have memory of their own
	before := len(h.rows)
	for n := r.count(5); n > 0 && r.err == nil; n-- {
		row := heldRow{node: number, frame: uint32(len(h.frames)), at: uint32(len(f.Bytes) - len(r.b))}
		r.place(&row, len(held.names))
		row.size = uint32(len(f.Bytes)-len(r.b)) - row.at
		if row.tie != nil {
			bytes += tieSize + len(row.tie.s)
		}
		h.rows = append(h.rows, row)
	}
	if err := r.end(); err != nil {
		return 0, err
	}
	bytes += heldRowSize*(len(h.rows)-before) + len(f.Bytes)
	if held.again != nil {
		held.plain, bytes = nil, bytes-len(f.Bytes)+f.Packed
	}
	h.frames = append(h.frames, &held)
	return bytes, nil
}

// names reads the names at the begin of rows.
func (r *reader) names() []string {
	names := make([]string, r.count(1))
	for i := range names {
		names[i] = r.text()
	}
	return names
}

// place reads of a row what it is ordered by, and passes over the rest.
func (r *reader) place(row *heldRow, names int) {
	row.time, row.seq = llama.Time(r.int()), r.uint()
	for i := range r.count(1) {
		if text := r.text(); i == 0 {
			k := keyOf(text)
			row.tie = &k
		}
	}
	r.skip() // the partition
	for range r.count(3) {
		if r.uint() >= uint64(names) {
			r.fail()
		}
		r.kind()
		r.skip()
	}
}

// skip passes over a text.
func (r *reader) skip() { r.b = r.b[r.count(1):] }

// sort orders the rows as rowSpec.compare does where nothing else is said: the newest
// first.
func (h *heldRows) sort() {
	slices.SortStableFunc(h.rows, func(a, b heldRow) int {
		if a.time != b.time {
			return cmp.Compare(b.time, a.time)
		}
		if a.node != b.node {
			return strings.Compare(h.nodes[a.node], h.nodes[b.node])
		}
		if a.seq != b.seq {
			return cmp.Compare(b.seq, a.seq)
		}
		if a.tie != nil && b.tie != nil {
			return compareKeys(a.tie, b.tie)
		}
		return 0
	})
}

// each gives the rows to emit, in their order. max is the memory that unpacked frames may
// take in the worst case; 0 for any.
func (h *heldRows) each(ctx context.Context, max int, emit func(Row) error) error {
	for i := range h.rows {
		if i%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		row, err := h.row(&h.rows[i], max)
		if err != nil {
			return err
		}
		if err := emit(row); err != nil {
			return err
		}
	}
	return nil
}

// row reads a row. Its texts share one string of their own.
func (h *heldRows) row(at *heldRow, max int) (Row, error) {
	f := h.frames[at.frame]
	plain, err := h.packed.unpack(&f.packedFrame, len(h.frames), max)
	if err != nil {
		return nil, err
	}
	b := plain[at.at : at.at+at.size]
	r := &reader{b: b, whole: string(b)}
	k := r.row(f.names)
	return k.row, r.end()
}
