package column

import (
	"fmt"
	"sync"
	"unsafe"
)

// Values are the values of rows as they were encoded: numbers stay numbers, and
// distinct values are there once. They are immutable.
type Values struct {
	codes  Numbers // for each row the number of its value
	coded  bool    // otherwise row i has value i
	n      int     // distinct values, or rows
	typing Typing
	ints   Numbers
	data   []byte // the bytes of all, of texts and digits
	ends   Numbers

	once  sync.Once
	pairs *pairs // of data, of texts, once somebody looked for something
}

// DecodeValues returns the values of n rows that Encoder encoded. They may share
// data, which must not change any more. The error wraps ErrDamaged.
func DecodeValues(n int, data []byte) (*Values, error) {
	r := Reader{Data: data}
	f := form(r.Byte())
	v := &Values{n: n}
	switch f {
	case same:
		v.coded, v.n, v.codes = true, 1, Numbers{n: n}
		v.typing.form = text
		v.data = r.Bytes(r.Count(1))
		v.ends = Numbers{base: int64(len(v.data)), n: 1}
	case dict:
		d := r.Uvarint()
		if d == 0 || d > uint64(n) {
			r.Fail()
			break
		}
		v.coded, v.n = true, int(d)
		v.plain(&r, form(r.Byte()))
		v.codes = r.planes(n, width(d-1), 0)
		r.checkCodes(&v.codes, int(d))
	default:
		v.plain(&r, f)
	}
	if r.Failed || len(r.Data) != 0 {
		return nil, fmt.Errorf("%w: %d values of form %d", ErrDamaged, n, f)
	}
	return v, nil
}

// checkCodes fails where a code stands for none of so many values.
func (r *Reader) checkCodes(codes *Numbers, values int) {
	if r.Failed || values == 1<<(8*width(uint64(values-1))) {
		return
	}
	if codes.n > 0 && codes.most() >= int64(values) {
		r.Fail()
	}
}

// plain reads v.n values without a dictionary.
func (v *Values) plain(r *Reader, f form) {
	v.typing = Typing{form: f}
	switch f {
	case text:
		v.texts(r)
	case hex:
		v.typing.digits = int(r.Byte())
		if v.typing.digits%2 != 0 || v.typing.digits == 0 || v.typing.digits > maxHex {
			r.Fail()
		}
		v.nibbles(r, v.typing.digits/2)
	case uuid:
		v.nibbles(r, 16)
	case padded, decimal:
		v.typing.digits = int(r.Byte())
		if v.typing.digits == 0 || v.typing.digits > maxDigits {
			r.Fail()
		}
		v.numbers(r)
	case integer, ipv4:
		v.numbers(r)
	default:
		r.Fail()
	}
}

// texts reads strings: where each ends, and their bytes.
func (v *Values) texts(r *Reader) {
	lengths := r.intPlanes(v.n)
	total, limit := int64(0), int64(len(r.Data))
	lengths.each(func(some []int64) {
		for _, length := range some {
			if length < 0 || length > limit-total {
				r.Fail()
				return
			}
			total += length
		}
	})
	if r.Failed {
		return
	}
	v.data, v.ends = r.Bytes(int(total)), newNumbers(v.n, 0, total)
	fill, end := v.ends.fill(), int64(0)
	lengths.each(func(some []int64) {
		for i, length := range some {
			end += length
			some[i] = end
		}
		fill(some)
	})
}

// numbers reads numbers, and fails for those that have no text.
func (v *Values) numbers(r *Reader) {
	if r.Failed {
		return
	}
	v.ints = r.numbers(v.n)
	if r.Failed || v.n == 0 {
		return
	}
	switch low := v.ints.least(); v.typing.form {
	case padded, ipv4:
		if low < 0 {
			r.Fail()
		}
	case decimal:
		if low == -1<<63 {
			r.Fail()
		}
	}
}

// nibbles reads digits, so many bytes a value.
func (v *Values) nibbles(r *Reader, bytes int) {
	if r.Failed || v.n > len(r.Data)/bytes {
		r.Fail()
		return
	}
	v.data = r.Bytes(v.n * bytes)
}

// Bytes returns about how much memory the values take, without what they share with
// the data they were decoded from.
func (v *Values) Bytes() int { return 800 + v.codes.bytes() + v.ints.bytes() + v.ends.bytes() }

// Distinct returns how many values there are. The same may be there twice.
func (v *Values) Distinct() int { return v.n }

// Coded reports whether rows share values; otherwise row i has value i.
func (v *Values) Coded() bool { return v.coded }

// Code returns the number of a row's value.
func (v *Values) Code(row int) int {
	if !v.coded {
		return row
	}
	return int(v.codes.At(row))
}

// Codes gives each of some rows of a column the code of its value: that of the value of row
// first, of the one behind it and so on, and plus more.
func (v *Values) Codes(column []uint32, rows []uint16, first int, plus uint32) {
	switch x := &v.codes; {
	case !v.coded:
		for i, row := range rows {
			column[row] = plus + uint32(first+i)
		}
	case x.one != nil:
		for i, code := range x.one[first : first+len(rows)] {
			column[rows[i]] = plus + uint32(code)
		}
	case x.two != nil:
		for i, code := range x.two[first : first+len(rows)] {
			column[rows[i]] = plus + uint32(code)
		}
	default:
		for i, row := range rows {
			column[row] = plus + uint32(x.At(first+i))
		}
	}
}

// Pick gives dst for each place what the value of row first+place is known by: the number
// that stands for it, where Typing is a number, and otherwise its code.
func (v *Values) Pick(dst []int64, first int, places []uint32) {
	number := v.typing.IsNumber()
	switch {
	case v.coded:
		v.codes.pick(dst, first, places)
		if number {
			for i, code := range dst {
				dst[i] = v.ints.At(int(code))
			}
		}
	case number:
		v.ints.pick(dst, first, places)
	default:
		for i, place := range places {
			dst[i] = int64(first) + int64(place)
		}
	}
}

// Typing returns what all values are.
func (v *Values) Typing() Typing { return v.typing }

// Int returns the number that stands for the value with a code, where Typing is a number.
func (v *Values) Int(code int) int64 { return v.ints.At(code) }

// Append appends the value with a code to dst.
func (v *Values) Append(dst []byte, code int) []byte {
	switch v.typing.form {
	case text:
		return append(dst, v.text(code)...)
	case hex:
		n := v.typing.digits / 2
		return appendHex(dst, v.data[code*n:(code+1)*n])
	case uuid:
		return appendUUID(dst, v.data[code*16:(code+1)*16])
	}
	return v.typing.Append(dst, v.ints.At(code))
}

// text returns the value with a code, of texts. It shares the data.
func (v *Values) text(code int) string {
	start := int64(0)
	if code > 0 {
		start = v.ends.At(code - 1)
	}
	b := v.data[start:v.ends.At(code)]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Value returns the value with a code.
func (v *Values) Value(code int) string {
	if v.typing.form == text {
		return v.text(code)
	}
	return string(v.Append(nil, code))
}

// At returns the value of a row.
func (v *Values) At(row int) string { return v.Value(v.Code(row)) }

// Texts returns all values, by code. They share memory.
func (v *Values) Texts() []string {
	if v.typing.form == text {
		texts := make([]string, v.n)
		for i := range texts {
			texts[i] = v.text(i)
		}
		return texts
	}
	buffer := make([]byte, 0, 8*v.n)
	ends := make([]int, v.n)
	for i := range ends {
		buffer = v.Append(buffer, i)
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

// Text returns the value with a code, which is good until buffer is used again.
func (v *Values) Text(code int, buffer *[]byte) string {
	if v.typing.form == text {
		return v.text(code)
	}
	*buffer = v.Append((*buffer)[:0], code)
	return unsafe.String(unsafe.SliceData(*buffer), len(*buffer))
}
