package column

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"unsafe"
)

// Values are the values of rows, as they were decoded.
type Values struct {
	Codes []uint32 // for each row the number of its value; nil: row i has value i
	Texts []string
	Same  bool // all rows have Texts[0], and Codes is nil
}

// At returns the value of a row.
func (v *Values) At(row int) string {
	switch {
	case v.Same:
		return v.Texts[0]
	case v.Codes != nil:
		return v.Texts[v.Codes[row]]
	}
	return v.Texts[row]
}

// An Encoder encodes values in the shortest form that gives them back byte for
// byte. It is not safe for concurrent use.
type Encoder struct {
	seed   maphash.Seed
	table  []uint32 // hash table of codes+1
	codes  []uint32
	firsts []int32 // row of each distinct value
	ints   []int64
	keys   []int64
	texts  []string
}

// NewEncoder returns an Encoder.
func NewEncoder() *Encoder { return &Encoder{seed: maphash.MakeSeed()} }

// Append encodes values, of which there is at least one, and appends them to dst.
func (e *Encoder) Append(dst []byte, values []string) []byte {
	if allSame(values) {
		return appendText(append(dst, byte(same)), values[0])
	}
	if t, ok := e.typed(values); ok {
		return e.appendTyped(dst, values, t)
	}
	if distinct, ok := e.distinct(values); ok {
		e.texts = e.texts[:0]
		for _, row := range distinct {
			e.texts = append(e.texts, values[row])
		}
		dst = binary.AppendUvarint(append(dst, byte(dict)), uint64(len(e.texts)))
		t, ok := e.typed(e.texts)
		if !ok {
			t = Typing{form: text}
		}
		dst = e.appendPlain(dst, e.texts, t)
		return appendCodePlanes(dst, e.codes, len(e.texts))
	}
	return e.appendPlain(dst, values, Typing{form: text})
}

func allSame(values []string) bool {
	for _, v := range values[1:] {
		if v != values[0] {
			return false
		}
	}
	return true
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// typed finds a Typing of all values, and fills e.ints if they are numbers.
func (e *Encoder) typed(values []string) (Typing, bool) {
	t := Guess(values[0])
	switch t.form {
	case text:
		return t, false
	case uuid:
		for _, v := range values {
			if !isUUID(v) {
				return t, false
			}
		}
		return t, true
	case hex:
		for _, v := range values {
			if len(v) != t.digits || !isHex(v) {
				return t, false
			}
		}
		return t, true
	}
	ints, ok := e.numbers(values, t)
	if !ok && t.form == integer && len(values[0]) > 1 {
		// 17 may be one of 17, 05, 33
		if p := (Typing{padded, len(values[0])}); values[0][0] != '-' {
			t = p
			ints, ok = e.numbers(values, t)
		}
	}
	e.ints = ints
	return t, ok
}

func (e *Encoder) numbers(values []string, t Typing) ([]int64, bool) {
	ints := e.ints[:0]
	for _, v := range values {
		n, ok := t.parse(v)
		if !ok {
			return ints, false
		}
		ints = append(ints, n)
	}
	return ints, true
}

// appendTyped encodes values that have a Typing, directly or by a dictionary.
func (e *Encoder) appendTyped(dst []byte, values []string, t Typing) []byte {
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
		e.ints, e.keys = append(e.ints[:0], e.keys...), e.keys[:0]
		dst = e.appendPlain(dst, nil, t)
		return appendCodePlanes(dst, e.codes, len(e.firsts))
	}
	return e.appendPlain(dst, values, t)
}

// appendPlain encodes values without a dictionary. Those that are numbers are in
// e.ints.
func (e *Encoder) appendPlain(dst []byte, values []string, t Typing) []byte {
	dst = append(dst, byte(t.form))
	switch t.form {
	case text:
		e.ints = e.ints[:0]
		for _, v := range values {
			e.ints = append(e.ints, int64(len(v)))
		}
		dst = AppendInts(dst, e.ints)
		for _, v := range values {
			dst = append(dst, v...)
		}
		return dst
	case hex:
		dst = append(dst, byte(t.digits))
		for _, v := range values {
			dst = appendNibbles(dst, v)
		}
		return dst
	case uuid:
		for _, v := range values {
			dst = appendNibbles(dst, v)
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
func (e *Encoder) room(n int) (mask uint32) {
	size := 64
	for size < 2*n {
		size *= 2
	}
	if cap(e.table) < size {
		e.table = make([]uint32, size)
	}
	e.table = e.table[:size]
	clear(e.table)
	e.codes, e.firsts, e.keys = e.codes[:0], e.firsts[:0], e.keys[:0]
	return uint32(size - 1)
}

// hopeless reports whether a dictionary will not pay: after so many rows, most
// values were new.
func hopeless(row, distinct int) bool {
	return row&(row-1) == 0 && row >= 256 && 16*distinct > 15*row
}

// distinct fills e.codes and returns a row for each distinct value, unless a
// dictionary of them would not be shorter.
func (e *Encoder) distinct(values []string) ([]int32, bool) {
	mask := e.room(len(values))
	plain, words := 0, 0
	for row, v := range values {
		if hopeless(row, len(e.firsts)) {
			return nil, false
		}
		plain += len(v) + 1
		at := uint32(maphash.String(e.seed, v)) & mask
		for e.table[at] != 0 && values[e.firsts[e.table[at]-1]] != v {
			at = (at + 1) & mask
		}
		if e.table[at] == 0 {
			e.firsts = append(e.firsts, int32(row))
			e.table[at] = uint32(len(e.firsts))
			words += len(v) + 1
		}
		e.codes = append(e.codes, e.table[at]-1)
	}
	return e.firsts, words+len(values)*width(uint64(len(e.firsts)-1)) < plain
}

// distinctInts does the same for e.ints, of which each needs plain bytes. The
// distinct ones are in e.keys.
func (e *Encoder) distinctInts(plain int) bool {
	mask := e.room(len(e.ints))
	for row, n := range e.ints {
		if hopeless(row, len(e.keys)) {
			return false
		}
		at := uint32(uint64(n)*0x9e3779b97f4a7c15>>32) & mask
		for e.table[at] != 0 && e.keys[e.table[at]-1] != n {
			at = (at + 1) & mask
		}
		if e.table[at] == 0 {
			e.keys = append(e.keys, n)
			e.firsts = append(e.firsts, int32(row))
			e.table[at] = uint32(len(e.keys))
		}
		e.codes = append(e.codes, e.table[at]-1)
	}
	return len(e.keys)*plain+len(e.ints)*width(uint64(len(e.keys)-1)) < len(e.ints)*plain
}

// DecodeValues returns the values of n rows that Encoder encoded. They may share
// data, which must not change any more. The error wraps ErrDamaged.
func DecodeValues(n int, data []byte) (*Values, error) {
	r := reader{data: data}
	f := form(r.byte())
	v := &Values{}
	switch f {
	case same:
		v.Same, v.Texts = true, []string{r.text(int(r.count()))}
	case dict:
		d := r.uvarint()
		if d == 0 || d > uint64(n) {
			r.fail()
			break
		}
		v.Texts = r.plain(form(r.byte()), int(d))
		v.Codes = r.codePlanes(n, int(d))
	default:
		v.Texts = r.plain(f, n)
	}
	if r.failed || len(r.data) != 0 {
		return nil, fmt.Errorf("%w: %d values of form %d", ErrDamaged, n, f)
	}
	return v, nil
}

// text takes n bytes as a string.
func (r *reader) text(n int) string {
	b := r.bytes(n)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// plain reads n values without a dictionary.
func (r *reader) plain(f form, n int) []string {
	t := Typing{form: f}
	switch f {
	case text:
		return r.texts(n)
	case hex:
		t.digits = int(r.byte())
		if t.digits%2 != 0 || t.digits == 0 || t.digits > maxHex {
			r.fail()
		}
		return r.nibbles(n, t.digits/2, t.digits, appendHex)
	case uuid:
		return r.nibbles(n, 16, 36, appendUUID)
	case padded, decimal:
		t.digits = int(r.byte())
		if t.digits == 0 || t.digits > maxDigits {
			r.fail()
		}
	case integer, ipv4:
	default:
		r.fail()
	}
	if r.failed {
		return nil
	}
	return r.numbers(n, t)
}

// texts reads n strings.
func (r *reader) texts(n int) []string {
	lengths := r.ints(n)
	texts := make([]string, len(lengths))
	for i, length := range lengths {
		if length < 0 || length > int64(len(r.data)) {
			r.fail()
			return nil
		}
		texts[i] = r.text(int(length))
	}
	return texts
}

// numbers reads n numbers and writes them as text.
func (r *reader) numbers(n int, t Typing) []string {
	ints := r.ints(n)
	buffer := make([]byte, 0, 8*len(ints))
	ends := make([]int, len(ints))
	for i, v := range ints {
		if t.form != integer && t.form != decimal && v < 0 || t.form == decimal && v == -1<<63 {
			r.fail()
			return nil
		}
		buffer = t.append(buffer, v)
		ends[i] = len(buffer)
	}
	return Split(buffer, ends)
}

// nibbles reads n values of so many bytes each, which as text have length.
func (r *reader) nibbles(n, bytes, length int, write func(dst, data []byte) []byte) []string {
	if r.failed || n > len(r.data)/bytes {
		r.fail()
		return nil
	}
	buffer := make([]byte, 0, n*length)
	ends := make([]int, n)
	for i := range n {
		buffer = write(buffer, r.bytes(bytes))
		ends[i] = len(buffer)
	}
	return Split(buffer, ends)
}

// Split returns the strings that end at ends. They share buffer.
func Split(buffer []byte, ends []int) []string {
	all := unsafe.String(unsafe.SliceData(buffer), len(buffer))
	texts := make([]string, len(ends))
	start := 0
	for i, end := range ends {
		texts[i] = all[start:end]
		start = end
	}
	return texts
}

// codePlanes reads a code for each of n rows.
func (r *reader) codePlanes(n, values int) []uint32 {
	w := width(uint64(values - 1))
	if r.failed || w > 4 || w > 0 && n > len(r.data)/w {
		r.fail()
		return nil
	}
	codes := make([]uint32, n)
	planes := r.bytes(w * n)
	for p := range w {
		for i, b := range planes[p*n : (p+1)*n] {
			codes[i] |= uint32(b) << (8 * p)
		}
	}
	for _, c := range codes {
		if c >= uint32(values) {
			r.fail()
			return nil
		}
	}
	return codes
}
