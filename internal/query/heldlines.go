package query

import (
	"bytes"
	"container/heap"
	"context"
	"strings"

	"github.com/llama-logs/llama"
)

// heldLines are the rows of an answer as lines. Of each frame there are the keys of its
// rows; the lines stay packed where whoever added them can unpack them again, and are not
// even unpacked where all of a frame follow each other.
type heldLines struct {
	frames []*lineFrame
	packed packed
}

// A lineFrame is a frame of lines. Its rows are in order.
type lineFrame struct {
	packedFrame
	node        string
	names       []string
	keys        []byte // as they came
	count       int
	first, last lineKey
	origin      any

	// While its rows are taken:
	list []lineKey // nil before the first
	next int       // the row whose turn it is
	at   int       // where it is in the text
}

// LinesOf are rows of the answer that follow each other, in one frame.
type LinesOf struct {
	Node  string
	Count int
	Names []string // of the fields of all rows of the frame, as they come first
	// Text are the rows, a line each. It is nil where these are all rows of the frame, and
	// then Whole gives it and Origin is the frame's.
	Text   []byte
	Whole  func() ([]byte, error)
	Origin any
}

// lineFrameSize is what a frame costs beside its texts.
const lineFrameSize = 256

// add notes the rows of a frame. It returns the memory that is held for them.
func (h *heldLines) add(node string, f Frame) (bytes int, err error) {
	if f.Kind == Rows {
		if f, err = linesOf(f); err != nil || f.Rows == 0 {
			return 0, err
		}
	}
	r := newReader(f.Bytes)
	held := &lineFrame{packedFrame: packedFrame{again: f.Again, plain: f.Text}, node: node, names: r.names(), keys: r.b, origin: f.Origin}
	keys := r.lineKeys()
	if err := r.end(); err != nil {
		return 0, err
	}
	if held.count = len(keys); held.count == 0 || held.again == nil && held.plain == nil {
		return 0, errFrame
	}
	held.first, held.last = keys[0], keys[len(keys)-1]
	bytes = lineFrameSize + len(f.Bytes) + f.Packed + nameSize*len(held.names)
	if held.again == nil {
		bytes += len(f.Text)
	}
	h.frames = append(h.frames, held)
	return bytes, nil
}

// key is of the row whose turn it is.
func (f *lineFrame) key() *lineKey {
	if f.list == nil {
		return &f.first
	}
	return &f.list[f.next]
}

// A lineHeap has the frame on top whose row comes first.
type lineHeap []*lineFrame

func (h lineHeap) Len() int           { return len(h) }
func (h lineHeap) Less(i, j int) bool { return compareLines(h[i], h[i].key(), h[j], h[j].key()) < 0 }
func (h lineHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lineHeap) Push(f any)        { *h = append(*h, f.(*lineFrame)) }
func (h *lineHeap) Pop() any {
	f := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return f
}

// compareLines orders rows of different frames as rowSpec.compare does where nothing else
// is said.
func compareLines(a *lineFrame, ka *lineKey, b *lineFrame, kb *lineKey) int {
	if ka.time == kb.time && a.node != b.node {
		return strings.Compare(a.node, b.node)
	}
	return ka.compare(kb)
}

// second returns the frame that comes behind the first, nil for none.
func (h lineHeap) second() *lineFrame {
	switch {
	case len(h) < 2:
		return nil
	case len(h) == 2 || h.Less(1, 2):
		return h[1]
	}
	return h[2]
}

// each gives the rows to emit, in their order, as many at once as lie in one frame. max
// bounds unpacked frames; see packed.unpack.
func (h *heldLines) each(ctx context.Context, e *env, max int, emit func(LinesOf) error) error {
	turns := make(lineHeap, len(h.frames))
	copy(turns, h.frames)
	heap.Init(&turns)
	for step := 0; len(turns) > 0; step++ {
		if step%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f, second := turns[0], turns.second()
		if f.list == nil && (second == nil || compareLines(f, &f.last, second, second.key()) < 0) {
			if err := emit(LinesOf{Node: f.node, Count: f.count, Names: f.names, Whole: f.whole, Origin: f.origin}); err != nil {
				return err
			}
			heap.Pop(&turns)
			continue
		}
		out, err := h.take(e, f, second, max)
		if err == nil {
			err = emit(out)
		}
		if err != nil {
			return err
		}
		if f.next < f.count {
			heap.Fix(&turns, 0)
			continue
		}
		heap.Pop(&turns)
		h.packed.pack(&f.packedFrame)
		if err := e.budget.grow(-lineKeySize * f.count); err != nil {
			return err
		}
		f.list = nil
	}
	return nil
}

func (f *lineFrame) whole() ([]byte, error) {
	text, err := f.plain, error(nil)
	if text == nil {
		text, err = f.again()
	}
	if err == nil && (bytes.Count(text, []byte{'\n'}) != f.count || f.count > 0 && !bytes.HasSuffix(text, []byte{'\n'})) {
		err = errFrame // it has more or fewer lines than keys
	}
	return text, blamed(f.node, err)
}

// take takes the rows of a frame that come before the next of second.
func (h *heldLines) take(e *env, f, second *lineFrame, max int) (LinesOf, error) {
	text, err := h.packed.unpack(&f.packedFrame, len(h.frames), max)
	if err != nil {
		return LinesOf{}, blamed(f.node, err)
	}
	if f.list == nil {
		if err := e.budget.grow(lineKeySize * f.count); err != nil {
			return LinesOf{}, err
		}
		f.list, f.next, f.at = (&reader{b: f.keys}).lineKeys(), 0, 0
	}
	first, start := f.next, f.at
	for f.next < f.count && (f.next == first || second == nil || compareLines(f, &f.list[f.next], second, second.key()) < 0) {
		n := bytes.IndexByte(text[f.at:], '\n') + 1
		if n == 0 {
			return LinesOf{}, blamed(f.node, errFrame) // it has fewer lines than keys
		}
		f.next, f.at = f.next+1, f.at+n
	}
	if f.next == f.count && f.at < len(text) {
		return LinesOf{}, blamed(f.node, errFrame) // it has more lines than keys
	}
	return LinesOf{Node: f.node, Count: f.next - first, Names: f.names, Text: text[start:f.at]}, nil
}

// blamed says which node an error of a frame is about.
func blamed(node string, err error) error {
	if err == nil {
		return nil
	}
	return &NodeError{Node: node, Err: err}
}

// Read gives each row to emit. Its texts share one string.
func (l *LinesOf) Read(emit func(Row) error) error {
	text, err := l.All()
	if err != nil {
		return err
	}
	var stop error
	err = ReadLines(text, func(row Row) error {
		stop = emit(row)
		return stop
	})
	if err != nil && stop == nil {
		return blamed(l.Node, err)
	}
	return err
}

// Checked returns the rows, wherever they are, each of which is one.
func (l *LinesOf) Checked() ([]byte, error) {
	text, err := l.All()
	if err != nil {
		return nil, err
	}
	_, err = llama.CheckFlatLines(text)
	return text, blamed(l.Node, err)
}

// All returns the rows, wherever they are.
func (l *LinesOf) All() ([]byte, error) {
	if l.Whole == nil {
		return l.Text, nil
	}
	return l.Whole()
}

// ReadLines gives each row of lines to emit. The row is emit's until it
// returns; its texts, which share one string, longer.
func ReadLines(lines []byte, emit func(Row) error) error {
	text := string(lines)
	var row Row
	for len(text) > 0 {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return errFrame
		}
		var err error
		if row, err = llama.ReadFlat(row[:0], line); err != nil {
			return err
		}
		if err := emit(row); err != nil {
			return err
		}
		text = rest
	}
	return nil
}
