package column

import (
	"encoding/binary"
	"unsafe"
)

// An Encoder encodes values in the shortest form that gives them back byte for
// byte. It is not safe for concurrent use.
type Encoder struct {
	hasher Hasher
	table  []uint32 // hash table of codes+1
	codes  []uint32
	ints   []int64
	keys   []int64  // distinct ones of ints
	texts  []string // distinct ones
	one    [1][]string
	found  int // how many values were written last
	// fetched keeps the compiler from leaving out the reads of fetch.
	fetched byte
}

// NewEncoder returns an Encoder.
func NewEncoder() *Encoder { return &Encoder{hasher: NewHasher()} }

// Append encodes values, of which there is at least one, and appends them to dst.
// They are given in pieces, none of them empty.
func (e *Encoder) Append(dst []byte, values ...[]string) []byte {
	first := values[0][0]
	if allSame(values, first) {
		e.found = 1
		return appendText(append(dst, byte(same)), first)
	}
	if t, ok := e.typed(values, first); ok {
		return e.appendTyped(dst, values, t)
	}
	if e.distinct(values) {
		dst = binary.AppendUvarint(append(dst, byte(dict)), uint64(len(e.texts)))
		e.one[0] = e.texts
		t, ok := e.typed(e.one[:], e.texts[0])
		if !ok {
			t = Typing{form: text}
		}
		dst = e.appendPlain(dst, e.one[:], t)
		e.found = len(e.texts)
		return appendCodePlanes(dst, e.codes, len(e.texts))
	}
	return e.appendPlain(dst, values, Typing{form: text})
}

func allSame(values [][]string, first string) bool {
	for _, piece := range values {
		for _, v := range piece {
			if v != first {
				return false
			}
		}
	}
	return true
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// typed finds a typing of all values, and fills e.ints if they are numbers.
func (e *Encoder) typed(values [][]string, first string) (Typing, bool) {
	t := Guess(first)
	switch t.form {
	case text:
		return t, false
	case uuid, hex:
		for _, piece := range values {
			for _, v := range piece {
				if t.form == uuid && !isUUID(v) || t.form == hex && (len(v) != t.digits || !isHex(v)) {
					return t, false
				}
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

func (e *Encoder) numbers(values [][]string, t Typing) bool {
	e.ints = e.ints[:0]
	last, n, ok := "", int64(0), false
	for _, piece := range values {
		for i, v := range piece {
			if i%ahead == 0 {
				e.fetch(piece[i:])
			}
			if !isSame(v, last) {
				if n, ok = t.parse(v); !ok {
					return false
				}
				last = v
			}
			e.ints = append(e.ints, n)
		}
	}
	return true
}

// ahead is of how many values the bytes are fetched at once.
const ahead = 32

// fetch reads a byte of each of the next values. They lie in memory as their events do,
// far from each other and from the processor: read one after the other, as they are
// parsed or hashed, each is waited for; read at once, all are waited for together.
func (e *Encoder) fetch(values []string) {
	sum := byte(0)
	for _, v := range values[:min(ahead, len(values))] {
		if len(v) > 0 {
			sum += v[len(v)-1]
		}
	}
	e.fetched = sum
}

// isSame reports whether a value is the one before, without looking at its bytes: what
// has not changed from event to event mostly is the same string in memory.
func isSame(v, last string) bool {
	return len(v) == len(last) && len(v) > 0 && unsafe.StringData(v) == unsafe.StringData(last)
}

// appendTyped encodes values that have a typing, directly or by a dictionary.
func (e *Encoder) appendTyped(dst []byte, values [][]string, t Typing) []byte {
	if t.form == hex || t.form == uuid {
		return e.appendPlain(dst, values, t)
	}
	low, high := e.ints[0], e.ints[0]
	for _, n := range e.ints {
		low, high = min(low, n), max(high, n)
	}
	plain := width(uint64(high - low))
	if plain > 1 && e.distinctInts(plain) {
		dst = binary.AppendUvarint(append(dst, byte(dict)), uint64(len(e.keys)))
		e.ints, e.keys = e.keys, e.ints
		dst = e.appendPlain(dst, nil, t)
		e.found = len(e.ints)
		return appendCodePlanes(dst, e.codes, len(e.ints))
	}
	return e.appendPlain(dst, values, t)
}

// appendPlain encodes values without a dictionary. Those that are numbers are in
// e.ints.
func (e *Encoder) appendPlain(dst []byte, values [][]string, t Typing) []byte {
	e.found = 0
	for _, piece := range values {
		e.found += len(piece)
	}
	dst = append(dst, byte(t.form))
	switch t.form {
	case text:
		e.ints = e.ints[:0]
		for _, piece := range values {
			for _, v := range piece {
				e.ints = append(e.ints, int64(len(v)))
			}
		}
		dst = AppendInts(dst, e.ints)
		for _, piece := range values {
			for _, v := range piece {
				dst = append(dst, v...)
			}
		}
		return dst
	case hex, uuid:
		if t.form == hex {
			dst = append(dst, byte(t.digits))
		}
		for _, piece := range values {
			for _, v := range piece {
				dst = appendNibbles(dst, v)
			}
		}
		return dst
	case padded, decimal:
		dst = append(dst, byte(t.digits))
	}
	return AppendInts(dst, e.ints)
}

func appendCodePlanes(dst []byte, codes []uint32, values int) []byte {
	w := width(uint64(values - 1))
	return appendPlanes(dst, w, len(codes), func(i int) uint64 { return uint64(codes[i]) })
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
func (e *Encoder) distinct(values [][]string) bool {
	rows, plain, words := 0, 0, 0
	for _, piece := range values {
		rows += len(piece)
	}
	mask := e.room(rows)
	last := ""
	for _, piece := range values {
		for i, v := range piece {
			if i%ahead == 0 {
				e.fetch(piece[i:])
			}
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
	}
	return words+rows*width(uint64(len(e.texts)-1)) < plain
}

// distinctInts fills e.codes, and e.keys with the distinct ones of e.ints, of which
// each needs plain bytes. It reports whether that is shorter.
func (e *Encoder) distinctInts(plain int) bool {
	mask := e.room(len(e.ints))
	for _, n := range e.ints {
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
	return len(e.keys)*plain+len(e.ints)*width(uint64(len(e.keys)-1)) < len(e.ints)*plain
}

// Distinct returns how many distinct values Append has seen, at most.
func (e *Encoder) Distinct() int { return e.found }

// Forget lets go of the values that were encoded last.
func (e *Encoder) Forget() { clear(e.texts[:cap(e.texts)]) }
