package query

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/llama-logs/llama"
)

// Rows that are the answer leave a node as lines of JSON, in the order of the answer, so
// that whoever merges them need neither read nor write a row: what the order goes by
// stands beside the lines.

// A lineKey is what a row is ordered by where nothing is sorted by.
type lineKey struct {
	time llama.Time
	seq  uint64
	item uint32 // which of the rows that one event became
}

const lineKeySize = 24

// compare orders rows of one node, the newest first, and of an event the first first.
func (a *lineKey) compare(b *lineKey) int {
	switch {
	case a.time != b.time:
		return cmp.Compare(b.time, a.time)
	case a.seq != b.seq:
		return cmp.Compare(b.seq, a.seq)
	}
	return cmp.Compare(a.item, b.item)
}

const (
	// A frame of lines is sent when it is so large: the first soon, for who waits to see
	// something, and the later ones larger, as each costs a signature and a key exchange.
	firstLineBytes = 128 << 10
	mostLineBytes  = 1 << 20
)

// A lineWriter gathers lines into frames.
type lineWriter struct {
	names    *nameList
	text     []byte
	keys     []lineKey
	unsorted bool
	most     int // bytes of a frame
}

// add takes lines with their keys, and names that are in them.
func (w *lineWriter) add(f found) {
	if w.most == 0 {
		w.most = firstLineBytes
	}
	if w.names == nil {
		w.names = newNameList()
	}
	for _, name := range f.names {
		w.names.add(name)
	}
	w.text = append(w.text, f.lines...)
	for i := range f.keys {
		if n := len(w.keys); n > 0 && f.keys[i].compare(&w.keys[n-1]) < 0 {
			w.unsorted = true
		}
		w.keys = append(w.keys, f.keys[i])
	}
}

func (w *lineWriter) full() bool { return len(w.text) >= w.most }

// frame returns the frame and begins another, in the memory of its text.
func (w *lineWriter) frame() Frame {
	if w.unsorted {
		w.sort()
	}
	out := wire{b: []byte{frameVersion}}
	out.uint(uint64(len(w.names.list)))
	for _, name := range w.names.list {
		out.text(name)
	}
	out.lineKeys(w.keys)
	f := Frame{Kind: Lines, Bytes: out.b, Text: w.text, Rows: len(w.keys)}
	*w = lineWriter{text: w.text[:0], keys: w.keys[:0], most: min(2*w.most, mostLineBytes)}
	return f
}

// sort puts the lines in their order.
func (w *lineWriter) sort() {
	type line struct {
		key  lineKey
		text []byte
	}
	lines := make([]line, len(w.keys))
	rest := w.text
	for i := range lines {
		end := bytes.IndexByte(rest, '\n') + 1
		lines[i], rest = line{w.keys[i], rest[:end]}, rest[end:]
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.key.compare(&b.key) })
	text := make([]byte, 0, len(w.text))
	for i, l := range lines {
		w.keys[i], text = l.key, append(text, l.text...)
	}
	w.text, w.unsorted = text, false
}

// units are those that times may be whole multiples of; the first that fits is used.
var units = []int64{1e9, 1e6, 1e3, 1}

// lineKeys appends keys, which are in order: each by how far it is from the one before.
func (w *wire) lineKeys(keys []lineKey) {
	w.uint(uint64(len(keys)))
	if len(keys) == 0 {
		return
	}
	items := false
	unit := units[0]
	for i := range keys {
		items = items || keys[i].item != 0
		for int64(keys[i].time)%unit != 0 {
			unit = units[slices.Index(units, unit)+1]
		}
	}
	w.uint(uint64(unit))
	w.b = append(w.b, 0)
	if items {
		w.b[len(w.b)-1] = 1
	}
	w.int(int64(keys[0].time) / unit)
	w.uint(keys[0].seq)
	before := &keys[0]
	for i := range keys {
		if i > 0 {
			w.uint(uint64(int64(before.time)/unit - int64(keys[i].time)/unit))
			w.int(int64(before.seq - keys[i].seq))
		}
		if items {
			w.uint(uint64(keys[i].item))
		}
		before = &keys[i]
	}
}

// lineKeys reads what wire.lineKeys wrote, and checks that it is in order.
func (r *reader) lineKeys() []lineKey {
	n := r.count(1)
	if n == 0 {
		return nil
	}
	unit, items := int64(r.uint()), r.byte()
	if !slices.Contains(units, unit) || items > 1 || n > len(r.b) {
		r.fail()
		return nil
	}
	keys := make([]lineKey, n)
	at, seq := r.int(), r.uint()
	for i := range keys {
		if i > 0 {
			at -= int64(r.uint())
			seq -= uint64(r.int())
		}
		if at > math.MaxInt64/unit || at < math.MinInt64/unit {
			r.fail()
		}
		keys[i].time, keys[i].seq = llama.Time(at*unit), seq
		if items == 1 {
			keys[i].item = uint32(r.uint())
		}
		if r.err != nil || i > 0 && keys[i].compare(&keys[i-1]) < 0 {
			r.fail()
			return nil
		}
	}
	return keys
}

// linesOf makes a frame of lines of one of rows, as nodes of older programs send them.
func linesOf(f Frame) (Frame, error) {
	var w lineWriter
	var one found
	err := readRows(f.Bytes, "", func(k *kept) error {
		one.names, one.keys = nil, one.keys[:0]
		for i := range k.row {
			one.names = append(one.names, k.row[i].Name)
		}
		key := lineKey{time: k.time, seq: k.seq}
		if len(k.keys) > 0 {
			item, err := strconv.ParseUint(k.text[0], 10, 32)
			if err != nil {
				return fmt.Errorf("%q is no number of a row: %w", k.text[0], errFrame)
			}
			key.item = uint32(item)
		}
		one.keys = append(one.keys, key)
		one.lines = append(llama.AppendFlat(one.lines[:0], k.row), '\n')
		w.add(one)
		return nil
	})
	if err != nil || len(w.keys) == 0 {
		return Frame{}, err
	}
	return w.frame(), nil
}
