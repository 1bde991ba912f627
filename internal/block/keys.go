package block

import (
	"slices"
	"unsafe"

	"github.com/llama-logs/llama/internal/column"
)

// maxKeys bounds the keys of a block. A block with more words gets none, and is always
// looked through.
const maxKeys = 1 << 18

// A keySet gathers the keys of the words of a block, as it is encoded: of the fixed
// texts of templates, of the distinct values of slots and loose columns, and of the
// words that go over a border of two parts of a message.
type keySet struct {
	keys   []uint64
	sorted int // keys up to here are sorted, each once
	full   bool
	buffer []byte
}

func (k *keySet) reset() { k.keys, k.sorted, k.full = k.keys[:0], 0, false }

// Keys returns the keys of the words of the block that was encoded last, sorted, each
// once; nil when they are too many. They are good until the next block.
func (e *Encoder) Keys() []uint64 {
	if e.words.settle(); e.words.full || len(e.words.keys) > maxKeys {
		return nil
	}
	return e.words.keys
}

func (k *keySet) settle() {
	slices.Sort(k.keys)
	k.keys = slices.Compact(k.keys)
	k.sorted = len(k.keys)
}

// room makes room for more keys.
func (k *keySet) room() {
	if len(k.keys) < 2*k.sorted+1<<16 {
		return
	}
	if k.settle(); len(k.keys) > maxKeys {
		k.full, k.keys, k.sorted = true, k.keys[:0], 0
	}
}

func (k *keySet) text(text string) {
	if !k.full {
		k.keys = column.AppendKeys(k.keys, text)
		k.room()
	}
}

// values adds those of a column that was encoded as data, of so many rows.
func (k *keySet) values(rows int, data []byte) error {
	if k.full {
		return nil
	}
	v, err := column.DecodeValues(rows, data)
	if err != nil {
		return err
	}
	k.keys = v.AppendKeys(k.keys, &k.buffer)
	k.room()
	return nil
}

// loose adds those of a column of loose events.
func (k *keySet) loose(rows int, data []byte) error {
	if k.full || len(data) == 0 {
		return nil
	}
	c, err := column.Decode("", rows, data)
	if err != nil {
		return err
	}
	for _, value := range c.Values {
		k.text(value)
	}
	return nil
}

// template adds the words of a template that are not within one part: those of its
// messages, and those of the fields that are several parts of them.
func (k *keySet) template(t *template) {
	parts := make([]*slot, len(t.parts))
	next := 0
	for i := range t.parts {
		parts[i] = &slot{first: t.parts[i].text}
		if t.parts[i].slot {
			parts[i] = &t.slots[next]
			next++
		}
	}
	k.joined(parts, t.rows)
	for _, s := range t.spans {
		if s.inside() && s.end-s.first > 1 && int(s.end-s.first) < len(parts) {
			k.joined(parts[s.first:s.end], t.rows)
		}
	}
}

// joined adds the words of runs of parts between which a word may go on.
func (k *keySet) joined(parts []*slot, rows int) {
	for start := 0; start < len(parts); {
		end := start + 1
		for end < len(parts) && parts[end-1].may(column.EndsInWord) && parts[end].may(column.BeginsInWord) {
			end++
		}
		if end > start+1 {
			k.run(parts[start:end], rows)
		}
		start = end
	}
}

// may reports whether one of the values is so.
func (s *slot) may(be func(string) bool) bool {
	if s.values == nil {
		return be(s.first)
	}
	return slices.ContainsFunc(s.values, be)
}

// run puts parts together, for each event.
func (k *keySet) run(parts []*slot, rows int) {
	if !slices.ContainsFunc(parts, func(s *slot) bool { return s.values != nil }) {
		rows = 1
	}
	for i := range rows {
		k.buffer = k.buffer[:0]
		for _, s := range parts {
			if s.values == nil {
				k.buffer = append(k.buffer, s.first...)
			} else {
				k.buffer = append(k.buffer, s.values[i]...)
			}
		}
		k.text(unsafe.String(unsafe.SliceData(k.buffer), len(k.buffer)))
	}
}
