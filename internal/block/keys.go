package block

import (
	"slices"
	"unsafe"

	"github.com/llama-logs/llama/internal/column"
)

const (
	// A block of more words than that, each counted once, is better off without a
	// filter, which would be a good part of it.
	keysPerEvent = 1.5
	fewKeys      = 4096
)

// MaxKeys returns how many words a block of so many events may have for a filter of
// them to be worth its place.
func MaxKeys(events int) int { return max(fewKeys, int(keysPerEvent*float64(events))) }

// A keySet gathers the keys of the words of a block, as it is encoded: of the fixed
// texts of templates, of the distinct values of slots and loose columns, and of the
// words that go over a border of two parts of a message.
type keySet struct {
	hasher column.Hasher // of keys, as who writes the words could choose those that collide
	table  []uint64      // hash table of keys; 0 is free, and no key that is in it
	keys   []uint64      // those in it
	limit  int
	full   bool // there are more
	// Words that are numbers of few digits: of messages and, beside, of all else; to is
	// that of the two which what comes next belongs to.
	message, beside column.NumberSet
	to              *column.NumberSet
	some            []uint64
	buffer          []byte
}

// reset begins a block of so many events.
func (k *keySet) reset(events int) {
	if k.table == nil || len(k.table) > 1<<13 && len(k.table) > 16*len(k.keys) {
		k.hasher, k.table = column.NewHasher(), make([]uint64, 1<<13)
	}
	clear(k.table)
	k.keys, k.limit, k.full = k.keys[:0], MaxKeys(events), false
	k.message.Reset()
	k.beside.Reset()
	k.to = &k.message
}

// Keys returns the keys of the words of the block that was encoded last, but of those that
// Numbers tells of, each once; nil
// when they are more than MaxKeys. They are good until the next block.
func (e *Encoder) Keys() []uint64 {
	if e.words.full {
		return nil
	}
	return e.words.keys
}

// Numbers returns the words of the block that was encoded last that are numbers of few
// digits, as a column.NumberSet writes them: those of messages and those of all else. It
// returns nil when there are more than MaxKeys other words.
func (e *Encoder) Numbers() (message, beside []byte) {
	if e.words.full {
		return nil, nil
	}
	return e.words.message.Append(nil), e.words.beside.Append(nil)
}

// in says whether what comes next is in messages.
func (k *keySet) in(message bool) {
	if k.to = &k.beside; message {
		k.to = &k.message
	}
}

// add adds those of some, until they are too many.
func (k *keySet) add() {
	for _, key := range k.some {
		if n, ok := column.ShortNumber(key); ok {
			k.to.Add(n)
			continue
		}
		mask := uint64(len(k.table) - 1)
		at := k.hasher.Mix(key, 0) & mask
		for k.table[at] != 0 && k.table[at] != key {
			at = (at + 1) & mask
		}
		if k.table[at] == key {
			continue
		}
		if len(k.keys) >= k.limit {
			k.full = true
			break
		}
		k.table[at] = key
		k.keys = append(k.keys, key)
		if 2*len(k.keys) > len(k.table) {
			k.grow()
		}
	}
	k.some = k.some[:0]
}

func (k *keySet) grow() {
	k.table = make([]uint64, 2*len(k.table))
	mask := uint64(len(k.table) - 1)
	for _, key := range k.keys {
		at := k.hasher.Mix(key, 0) & mask
		for k.table[at] != 0 {
			at = (at + 1) & mask
		}
		k.table[at] = key
	}
}

func (k *keySet) text(text string) {
	if !k.full {
		k.some = column.AppendKeys(k.some, text)
		k.add()
	}
}

// valuesAtOnce is after how many values it is looked at whether there are too many.
const valuesAtOnce = 1024

// texts adds those of texts.
func (k *keySet) texts(texts []string) {
	for len(texts) > 0 && !k.full {
		n := min(valuesAtOnce, len(texts))
		for _, text := range texts[:n] {
			k.some = column.AppendKeys(k.some, text)
		}
		k.add()
		texts = texts[n:]
	}
}

// values adds those of a column that was encoded as data, of so many rows, and returns
// the column as it is read.
func (k *keySet) values(rows int, data []byte) (*column.Values, error) {
	v, err := column.DecodeValues(rows, data)
	if err != nil {
		return nil, err
	}
	for code := 0; code < v.Distinct() && !k.full; code += valuesAtOnce {
		k.some = v.AppendKeys(k.some, code, min(code+valuesAtOnce, v.Distinct()), &k.buffer)
		k.add()
	}
	return v, nil
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
	if !s.varies {
		return be(s.first)
	}
	return s.values.Contains(be)
}

// run puts parts together, for each event.
func (k *keySet) run(parts []*slot, rows int) {
	if !slices.ContainsFunc(parts, func(s *slot) bool { return s.varies }) {
		rows = 1
	}
	for i := range rows {
		k.buffer = k.buffer[:0]
		for _, s := range parts {
			if !s.varies {
				k.buffer = append(k.buffer, s.first...)
			} else {
				k.buffer = s.values.AppendText(k.buffer, i)
			}
		}
		k.text(unsafe.String(unsafe.SliceData(k.buffer), len(k.buffer)))
	}
}
