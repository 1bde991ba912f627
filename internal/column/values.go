package column

import (
	"encoding/binary"
	"slices"
	"unsafe"
)

// An Encoder encodes values in the shortest form that gives them back byte for
// byte. It is not safe for concurrent use.
type Encoder struct {
	hasher  Hasher
	table   []uint32 // hash table of codes+1
	codes   []uint32
	ints    []int64
	keys    []int64  // distinct ones of ints
	texts   []string // distinct ones
	strings []string // values of pieces that are not all numbers
	spelt   []byte   // of these, the numbers
	found   int      // how many values were written last
	written []string // these, if they are texts
	single  [1]string

	typing    Typing  // of the values that were written last, if they are numbers
	low, high int64   // between which they lie
	seen      []int64 // all of them, or each once
}

// NewEncoder returns an Encoder.
func NewEncoder() *Encoder { return &Encoder{hasher: NewHasher()} }

// Append encodes values, of which there is at least one, and appends them to dst.
func (e *Encoder) Append(dst []byte, values []string) []byte {
	first := values[0]
	e.typing, e.written = Typing{form: text}, nil
	if allSame(values, first) {
		e.found, e.single[0] = 1, first
		e.written = e.single[:]
		return appendText(append(dst, byte(same)), first)
	}
	if t, ok := e.typed(values, first); ok {
		if t.IsNumber() {
			return e.appendNumbers(dst, e.ints, t)
		}
		return e.appendNibbles(dst, values, t)
	}
	if e.distinct(values) {
		return e.appendDictionary(dst)
	}
	return e.appendTexts(dst, values)
}

// appendDictionary encodes e.codes of e.texts. Not all of these are numbers, or digits: then there
// would be no dictionary.
func (e *Encoder) appendDictionary(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, byte(dict)), uint64(len(e.texts)))
	dst = e.appendTexts(dst, e.texts)
	return appendCodePlanes(dst, e.codes, len(e.texts))
}

func allSame(values []string, first string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return v != first })
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// typed finds a typing of all values, and fills e.ints if they are numbers.
func (e *Encoder) typed(values []string, first string) (Typing, bool) {
	t := Guess(first)
	switch t.form {
	case text:
		return t, false
	case uuid, hex:
		for _, v := range values {
			if t.form == uuid && !isUUID(v) || t.form == hex && (len(v) != t.digits || !isHex(v)) {
				return t, false
			}
		}
		return t, true
	}
	ok := e.numbers(values, t)
	if !ok && t.form == integer && len(first) > 1 && first[0] != '-' {
		t = Typing{padded, len(first)} // 17 may be one of 17, 05, 33
		ok = e.numbers(values, t)
	}
	return t, ok
}

func (e *Encoder) numbers(values []string, t Typing) bool {
	e.ints = e.ints[:0]
	last, n, ok := "", int64(0), false
	for _, v := range values {
		if !isSame(v, last) {
			if n, ok = t.Parse(v); !ok {
				return false
			}
			last = v
		}
		e.ints = append(e.ints, n)
	}
	return true
}

// isSame reports whether a value is the one before, without looking at its bytes: what
// has not changed from event to event mostly is the same string in memory.
func isSame(v, last string) bool {
	return len(v) == len(last) && len(v) > 0 && unsafe.StringData(v) == unsafe.StringData(last)
}

// appendNumbers encodes values that are numbers, directly or by a dictionary.
func (e *Encoder) appendNumbers(dst []byte, ints []int64, t Typing) []byte {
	low, high := ints[0], ints[0]
	for _, n := range ints {
		low, high = min(low, n), max(high, n)
	}
	e.typing, e.low, e.high, e.written = t, low, high, nil
	e.found, e.seen = len(ints), ints
	if plain := width(uint64(high - low)); plain > 1 && e.distinctInts(ints, low, high, plain) {
		e.found, e.seen = len(e.keys), e.keys
		dst = binary.AppendUvarint(append(dst, byte(dict)), uint64(len(e.keys)))
		dst = AppendInts(t.appendForm(dst), e.keys)
		return appendCodePlanes(dst, e.codes, len(e.keys))
	}
	return AppendInts(t.appendForm(dst), ints)
}

// appendForm writes the form of values, and what belongs to it.
func (t Typing) appendForm(dst []byte) []byte {
	dst = append(dst, byte(t.form))
	switch t.form {
	case padded, decimal, hex:
		dst = append(dst, byte(t.digits))
	}
	return dst
}

// appendNibbles encodes values that are hexadecimal digits.
func (e *Encoder) appendNibbles(dst []byte, values []string, t Typing) []byte {
	dst, e.found = t.appendForm(dst), len(values)
	for _, v := range values {
		dst = appendNibbles(dst, v)
	}
	return dst
}

// appendTexts encodes values as they are.
func (e *Encoder) appendTexts(dst []byte, values []string) []byte {
	dst = append(dst, byte(text))
	e.ints = e.ints[:0]
	for _, v := range values {
		e.ints = append(e.ints, int64(len(v)))
	}
	e.found, e.written = len(e.ints), values
	dst = AppendInts(dst, e.ints)
	for _, v := range values {
		dst = append(dst, v...)
	}
	return dst
}

func appendCodePlanes(dst []byte, codes []uint32, values int) []byte {
	w := width(uint64(values - 1))
	return appendPlanes(dst, w, codes, 0)
}

// room empties the hash table for n values.
func (e *Encoder) room(n int) (mask uint64) {
	size := 64
	for size < 2*n {
		size *= 2
	}
	if cap(e.table) < size {
		e.table = make([]uint32, size)
	}
	e.table = e.table[:size]
	clear(e.table)
	e.codes, e.keys, e.texts = e.codes[:0], e.keys[:0], e.texts[:0]
	return uint64(size - 1)
}

// hopeless reports whether a dictionary will not pay: after so many rows, most
// values were new.
func hopeless(row, distinct int) bool {
	return row&(row-1) == 0 && row >= 256 && 16*distinct > 15*row
}

// distinct fills e.codes, and e.texts with the distinct values. It reports whether
// that is shorter.
func (e *Encoder) distinct(values []string) bool {
	plain, words := 0, 0
	mask := e.room(len(values))
	last := ""
	for _, v := range values {
		plain += len(v) + 1
		if isSame(v, last) {
			e.codes = append(e.codes, e.codes[len(e.codes)-1])
			continue
		}
		last = v
		if hopeless(len(e.codes), len(e.texts)) {
			return false
		}
		at := e.hasher.Hash(v) & mask
		for e.table[at] != 0 && e.texts[e.table[at]-1] != v {
			at = (at + 1) & mask
		}
		if e.table[at] == 0 {
			e.texts = append(e.texts, v)
			e.table[at] = uint32(len(e.texts))
			words += len(v) + 1
		}
		e.codes = append(e.codes, e.table[at]-1)
	}
	return words+len(values)*width(uint64(len(e.texts)-1)) < plain
}

// distinctInts fills e.codes, and e.keys with the distinct ones of ints, which lie between low and
// high and of which each needs plain bytes. It reports whether that is shorter.
func (e *Encoder) distinctInts(ints []int64, low, high int64, plain int) bool {
	e.codes, e.keys = e.codes[:0], e.keys[:0]
	if span := uint64(high - low); span < uint64(4*len(ints)) {
		e.table = append(e.table[:0], make([]uint32, span+1)...)
		for _, n := range ints {
			if hopeless(len(e.codes), len(e.keys)) {
				return false
			}
			code := &e.table[n-low]
			if *code == 0 {
				e.keys = append(e.keys, n)
				*code = uint32(len(e.keys))
			}
			e.codes = append(e.codes, *code-1)
		}
	} else {
		mask := e.room(len(ints))
		for _, n := range ints {
			if hopeless(len(e.codes), len(e.keys)) {
				return false
			}
			at := e.hasher.Mix(uint64(n), 0) & mask
			for e.table[at] != 0 && e.keys[e.table[at]-1] != n {
				at = (at + 1) & mask
			}
			if e.table[at] == 0 {
				e.keys = append(e.keys, n)
				e.table[at] = uint32(len(e.keys))
			}
			e.codes = append(e.codes, e.table[at]-1)
		}
	}
	return len(e.keys)*plain+len(ints)*width(uint64(len(e.keys)-1)) < len(ints)*plain
}

// Short returns the facts of the values that Append has seen, if they are numbers of which no word
// is longer than a short number, and adds those of them that have a key to a set.
func (e *Encoder) Short(to *NumberSet) (Facts, bool) {
	t := e.typing
	if !t.IsNumber() || t.mayHaveWords(shortDigits+1, e.low, e.high) {
		return Facts{}, false
	}
	if t.mayHaveWords(minNumber, e.low, e.high) {
		for _, n := range e.seen {
			t.addShort(n, to)
		}
	}
	return t.facts(e.low, e.high), true
}

// Texts returns the values that Append has seen, each once where there is a dictionary of them, if they
// are neither numbers nor hexadecimal digits; else it returns nil. They are good until the next are encoded.
func (e *Encoder) Texts() []string { return e.written }

// Distinct returns how many distinct values Append has seen, at most.
func (e *Encoder) Distinct() int { return e.found }

// Forget lets go of the values that were encoded last.
func (e *Encoder) Forget() {
	e.written, e.single[0] = nil, ""
	clear(e.texts[:cap(e.texts)])
	clear(e.strings[:cap(e.strings)])
}
