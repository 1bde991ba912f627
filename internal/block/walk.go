package block

import (
	"slices"

	"github.com/llama-logs/llama/internal/column"
)

const (
	// maxParts bounds the parts of a message, and the fields in it; one with more is
	// loose.
	maxParts = 256
	// maxMessage is the longest message that is looked through for its template.
	maxMessage = 32 << 10
)

// A part is fixed text of a message or, if it is a slot, what stands there this time.
type part struct {
	text string
	slot bool
}

// A span says that a field is the text of parts first to end, end not included.
// Without any, the field is not in the message.
type span struct{ first, end int32 }

func (s span) inside() bool { return s.end > 0 }

// A cut is where a field lies in the message, in bytes.
type cut struct {
	start, end int
	field      int
}

// A walk takes one message after the other apart.
type walk struct {
	hasher column.Hasher
	parts  []part
	spans  []span // one for each field of the shape
	cuts   []cut
	edges  []int
	firsts []int32  // for each edge the part that begins there
	texts  []string // of the slots
	taken  []string // memory for them, unless match found them
	hash   uint64   // of the fixed text, and of which parts are slots and which fields
}

func newWalk() *walk { return &walk{hasher: column.NewHasher()} }

// take takes the message of a row apart, and reports whether it could.
func (w *walk) take(row *column.Row) bool {
	if len(row.Message) > maxMessage {
		return false
	}
	w.parts, w.hash = w.parts[:0], 0
	if !w.find(row) {
		return false
	}
	if w.overlap() {
		w.takeOverlapping(row.Message)
	} else {
		w.takeApart(row.Message)
	}
	if len(w.parts) > maxParts {
		return false
	}
	w.taken = w.taken[:0]
	for i := range w.parts {
		if w.parts[i].slot {
			w.taken = append(w.taken, w.parts[i].text)
		}
	}
	w.texts = w.taken
	for _, c := range w.cuts {
		s := w.spans[c.field]
		w.mix(uint64(c.field)<<40 | uint64(s.first)<<20 | uint64(s.end))
	}
	return true
}

func (w *walk) mix(v uint64) { w.hash = w.hasher.Mix(w.hash, v) }

// find fills cuts: the fields that share memory with the message, by where they begin.
// It reports whether they are not too many.
func (w *walk) find(row *column.Row) bool {
	w.cuts, w.spans = w.cuts[:0], w.spans[:0]
	for i, value := range row.Values {
		w.spans = append(w.spans, span{})
		at := place(row.Message, value)
		if at < 0 {
			continue
		}
		c := cut{at, at + len(value), i}
		j := len(w.cuts)
		if j == maxParts {
			return false
		}
		w.cuts = append(w.cuts, c)
		for ; j > 0 && before(c, w.cuts[j-1]); j-- {
			w.cuts[j] = w.cuts[j-1]
		}
		w.cuts[j] = c
	}
	return true
}

// before orders cuts by their start, longer ones first.
func before(x, y cut) bool { return x.start < y.start || x.start == y.start && x.end > y.end }

// overlap reports whether cuts overlap that are not the same.
func (w *walk) overlap() bool {
	for i := 1; i < len(w.cuts); i++ {
		x, y := w.cuts[i-1], w.cuts[i]
		if y.start < x.end && (x.start != y.start || x.end != y.end) {
			return true
		}
	}
	return false
}

// takeApart handles the usual: fields stand one behind the other, and some are the
// same text.
func (w *walk) takeApart(message string) {
	at := 0
	for i, c := range w.cuts {
		if i > 0 && c.start == w.cuts[i-1].start {
			w.spans[c.field] = w.spans[w.cuts[i-1].field]
			continue
		}
		w.gap(message[at:c.start])
		first := int32(len(w.parts))
		w.slot(message[c.start:c.end])
		w.spans[c.field] = span{first, first + 1}
		at = c.end
	}
	w.gap(message[at:])
}

// takeOverlapping cuts wherever a field begins or ends, so that fields within
// fields are runs of parts.
func (w *walk) takeOverlapping(message string) {
	w.edges = w.edges[:0]
	for _, c := range w.cuts {
		w.edges = append(w.edges, c.start, c.end)
	}
	slices.Sort(w.edges)
	w.edges = slices.Compact(w.edges)
	w.gap(message[:w.edges[0]])
	w.firsts = w.firsts[:0]
	covered, cuts := 0, w.cuts
	for i, start := range w.edges {
		w.firsts = append(w.firsts, int32(len(w.parts)))
		for len(cuts) > 0 && cuts[0].start == start {
			covered = max(covered, cuts[0].end)
			cuts = cuts[1:]
		}
		end := len(message)
		if i+1 < len(w.edges) {
			end = w.edges[i+1]
		}
		if start < covered {
			w.slot(message[start:end])
		} else {
			w.gap(message[start:end])
		}
	}
	for _, c := range w.cuts {
		first, _ := slices.BinarySearch(w.edges, c.start)
		end, _ := slices.BinarySearch(w.edges, c.end)
		w.spans[c.field] = span{w.firsts[first], w.firsts[end]}
	}
}

func (w *walk) slot(text string) {
	w.parts = append(w.parts, part{text, true})
	w.mix(1)
}

func (w *walk) literal(text string) {
	if text != "" {
		w.parts = append(w.parts, part{text, false})
		w.mix(w.hasher.Hash(text))
	}
}

// gap takes text apart that is in no field: runs of letters and digits that have a
// digit are slots.
func (w *walk) gap(s string) {
	start := 0
	for i := 0; i < len(s); i++ {
		if classes[s[i]] != digit {
			continue
		}
		begin := i
		for begin > start && classes[s[begin-1]] != other {
			begin--
		}
		end := runEnd(s, begin, i)
		w.literal(s[start:begin])
		w.slot(s[begin:end])
		start, i = end, end-1
		if len(w.parts) > maxParts {
			return
		}
	}
	w.literal(s[start:])
}

// runEnd returns the end of the slot that begins there and has its first digit at i.
func runEnd(s string, begin, i int) int {
	end, letters := i+1, begin < i
	for ; end < len(s) && classes[s[end]] != other; end++ {
		letters = letters || classes[s[end]] == letter
	}
	return extend(s, begin, end, letters)
}

// extend returns the end of the run s[begin:end] when what follows belongs to it:
// a UUID's other groups, and the other numbers of an address or a decimal.
func extend(s string, begin, end int, letters bool) int {
	if end-begin == 8 && len(s)-begin >= 36 && column.IsUUID(s[begin:begin+36]) {
		return begin + 36
	}
	if letters {
		return end
	}
	for end+1 < len(s) && s[end] == '.' && classes[s[end+1]] == digit {
		for end++; end < len(s) && classes[s[end]] == digit; end++ {
		}
	}
	return end
}

const (
	other = iota
	letter
	digit
)

// classes of bytes. Bytes of other scripts are letters, so that words stay whole.
var classes = func() (classes [256]byte) {
	for c := range 256 {
		switch {
		case c >= '0' && c <= '9':
			classes[c] = digit
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80:
			classes[c] = letter
		}
	}
	return classes
}()
