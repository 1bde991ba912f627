package query

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/llama-logs/llama"
)

// A Kind says what a frame holds.
type Kind uint8

// The kinds of frames. Their numbers travel and must not change.
const (
	Rows  Kind = 1 // rows of the answer, or rows that a pipe at the merger goes on with
	State Kind = 2 // a part of the state of the first gathering pipe
	// Within is a frame of a query within the query, whose answer the merger needs.
	Within Kind = 3
	// Lines are rows of the answer as lines of JSON, in their order; see Frame.Text.
	Lines Kind = 4
)

// A Frame is a part of what a node answers. Frames of one answer may be added
// to a Merge in any order, each once.
//
// Bytes begin with the version of the form, 2. Numbers are uvarints, signed ones
// zigzag; a text is its length and its bytes; a float is its 8 bytes, little
// end first.
//
//	rows   version, names, rows
//	names  count, that many texts: the names of fields
//	row    time (signed), seq, count of keys, that many texts: what it is sorted
//	       by and, where an event became several rows, which of them it is, partition (text), count of fields, and for each its number in
//	       names, kind (1 byte) and text
//	state  version, count of groups, and for each the text and kind (1 byte) of
//	       its by fields and, in the query's order, the state of each function; a group whose
//	       state is large comes in several parts, which add up
//	within version, the query's number in the order in which they stand in the
//	       merger's pipes, its frame's kind (1 byte), its frame's bytes
//	facets see facetGatherer.frames
//	lines  version, names, keys of the rows: see wire.lineKeys
//
// The number of by fields and functions is the query's: a frame means something
// only beside the query it answers. Counts are checked against the bytes that
// are left before memory is taken.
type Frame struct {
	Kind  Kind
	Bytes []byte
	// Text is of Lines: the rows as flat objects, a line each. It travels beside Bytes, so
	// that it can be packed alone and handed on as it came. What Partial gives is emit's
	// until that returns.
	Text []byte
	// Rows is how many rows or groups end in the frame. It does not travel.
	Rows int
	// Again gives Bytes once more, of Lines Text, from Packed bytes that are held for that,
	// so that a Merge need not hold them; nil where nothing is. It does not travel.
	Again  func() ([]byte, error)
	Packed int
	// Origin is of Lines, and handed back where all rows of the frame follow each other in
	// the answer. It does not travel.
	Origin any
}

const (
	frameVersion = 2
	keptVersion  = 0x81      // in its place, of states that are kept
	frameBytes   = 256 << 10 // a frame is sent when it is this large
)

var errFrame = errors.New("frame is damaged")

// A NodeError is what is wrong with the frames of one node, where a Merge finds it only as
// it gives the answer. Without that node's frames there would be one.
type NodeError struct {
	Node string
	Err  error
}

func (e *NodeError) Error() string { return fmt.Sprintf("what node %s sent: %v", e.Node, e.Err) }
func (e *NodeError) Unwrap() error { return e.Err }

// wire appends the parts of a frame.
type wire struct {
	b    []byte
	kept bool // it is kept beside a segment, and in a form for that
}

func (w *wire) uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *wire) int(n int64) { w.b = binary.AppendVarint(w.b, n) }

func (w *wire) float(f float64) { w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(f)) }

func (w *wire) text(s string) {
	w.uint(uint64(len(s)))
	w.b = append(w.b, s...)
}

// A reader takes the parts of a frame. After an error it gives zero values.
type reader struct {
	b     []byte
	err   error
	kept  bool       // it was kept beside a segment
	made  *madeParts // of what was kept; may be nil
	whole string     // what b is the end of, for texts to share; "" for texts of their own
}

func newReader(b []byte) *reader {
	r := &reader{b: b}
	if v := r.byte(); r.err == nil && v != frameVersion {
		r.err = fmt.Errorf("frame has version %d; %d is read: %w", v, frameVersion, errFrame)
	}
	return r
}

// keptReader reads what was kept beside a segment.
func keptReader(b []byte) *reader {
	r := &reader{b: b, kept: true}
	if v := r.byte(); r.err == nil && v != keptVersion {
		r.fail()
	}
	return r
}

func (r *reader) fail() {
	if r.err == nil {
		r.err = errFrame
	}
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) kind() llama.Kind {
	k := llama.Kind(r.byte())
	if k > llama.Object {
		r.fail()
		return llama.String
	}
	return k
}

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) int() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// count reads how many parts follow, each of at least size bytes.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.b)/max(size, 1)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) float() float64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	f := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return f
}

// bytes reads a text without a copy of it.
func (r *reader) bytes() []byte {
	n := r.count(1)
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) text() string {
	n := r.count(1)
	var s string
	if at := len(r.whole) - len(r.b); r.whole != "" && r.err == nil {
		s = r.whole[at : at+n]
	} else {
		s = string(r.b[:n])
	}
	r.b = r.b[n:]
	return s
}

// end reports what went wrong, or that something is left.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail()
	}
	return r.err
}

// A kept is a row with what it is sorted by.
type kept struct {
	time llama.Time
	seq  uint64
	node string
	keys []orderKey
	text []string // of the keys
	part string
	row  Row
	from uint32 // the chunk's row, while row is nil
	size int
}

// rowWriter gathers rows into frames.
type rowWriter struct {
	names map[string]int
	list  []string
	rows  wire
	count int
}

func (w *rowWriter) add(k *kept) {
	w.rows.int(int64(k.time))
	w.rows.uint(k.seq)
	w.rows.uint(uint64(len(k.text)))
	for _, t := range k.text {
		w.rows.text(t)
	}
	w.rows.text(k.part)
	w.rows.uint(uint64(len(k.row)))
	for _, f := range k.row {
		n, ok := w.names[f.Name]
		if !ok {
			if w.names == nil {
				w.names = map[string]int{}
			}
			n = len(w.list)
			w.names[f.Name] = n
			w.list = append(w.list, f.Name)
		}
		w.rows.uint(uint64(n))
		w.rows.b = append(w.rows.b, byte(f.Kind))
		w.rows.text(f.Value)
	}
	w.count++
}

func (w *rowWriter) full() bool { return len(w.rows.b) >= frameBytes }

// frame returns the frame and begins another.
func (w *rowWriter) frame(k Kind) Frame {
	out := wire{b: []byte{frameVersion}}
	out.uint(uint64(len(w.list)))
	for _, name := range w.list {
		out.text(name)
	}
	out.uint(uint64(w.count))
	out.b = append(out.b, w.rows.b...)
	f := Frame{Kind: k, Bytes: out.b, Rows: w.count}
	*w = rowWriter{rows: wire{b: w.rows.b[:0]}}
	return f
}

// readRows gives each row of a frame to each.
func readRows(b []byte, node string, each func(*kept) error) error {
	r := newReader(b)
	names := r.names()
	for n := r.count(5); n > 0 && r.err == nil; n-- {
		k := r.row(names)
		k.node = node
		if r.err != nil {
			break
		}
		if err := each(k); err != nil {
			return err
		}
	}
	return r.end()
}

func (r *reader) row(names []string) *kept {
	k := &kept{time: llama.Time(r.int()), seq: r.uint()}
	k.text = make([]string, r.count(1))
	k.keys = make([]orderKey, len(k.text))
	for i := range k.text {
		k.text[i] = r.text()
		k.keys[i] = keyOf(k.text[i])
	}
	k.part = r.text()
	k.row = make(Row, r.count(3))
	for i := range k.row {
		n := r.uint()
		kind := r.kind()
		if n >= uint64(len(names)) {
			r.fail()
			break
		}
		k.row[i] = llama.Field{Name: names[n], Kind: kind, Value: r.text()}
	}
	k.size = rowSize(k.row)
	return k
}
