package column

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"github.com/llama-logs/llama"
)

// ErrDamaged says that bytes are not an encoded column of so many rows.
var ErrDamaged = errors.New("damaged column")

const (
	presentAll = iota
	presentBitmap
	presentList

	flagOneValue = 1 << 4
	flagKinds    = 1 << 5
	codeShift    = 2
)

// Append encodes c and appends it to dst. At least one row has a value.
func Append(dst []byte, c *Column) []byte {
	present := 0
	inOrder := true
	for _, code := range c.Codes {
		if code == 0 {
			continue
		}
		present++
		inOrder = inOrder && code == uint32(present)
	}
	inOrder = inOrder && present == len(c.Values)
	if !inOrder && 4*len(c.Values) > 3*present {
		c, inOrder = spread(c, present), true // codes would cost more than they save
	}
	flags := presence(present, len(c.Codes)) | codeWidth(len(c.Values), inOrder)<<codeShift
	if len(c.Values) == 1 {
		flags |= flagOneValue
	}
	if c.Kinds != nil {
		flags |= flagKinds
	}
	dst = append(dst, byte(flags))
	dst = appendPresence(dst, c.Codes, flags&3, present)
	dst = binary.AppendUvarint(dst, uint64(len(c.Values)))
	if flags&flagOneValue == 0 {
		dst = appendCodes(dst, c.Codes, flags>>codeShift&3)
	}
	for _, kind := range c.Kinds {
		dst = append(dst, byte(kind))
	}
	for _, value := range c.Values {
		dst = binary.AppendUvarint(dst, uint64(len(value)))
	}
	for _, value := range c.Values {
		dst = append(dst, value...)
	}
	return dst
}

// spread returns c with a value of its own for each of the rows that have one.
func spread(c *Column, present int) *Column {
	s := &Column{Name: c.Name, Codes: make([]uint32, len(c.Codes)), Values: make([]string, 0, present)}
	for row := range c.Codes {
		value, kind, ok := c.Value(row)
		if !ok {
			continue
		}
		s.Values = append(s.Values, value)
		if c.Kinds != nil {
			s.Kinds = append(s.Kinds, kind)
		}
		s.Codes[row] = uint32(len(s.Values))
	}
	return s
}

// presence chooses how to say which rows have the column.
func presence(present, rows int) int {
	switch {
	case present == rows:
		return presentAll
	case present < rows/16:
		return presentList
	}
	return presentBitmap
}

// codeWidth returns the number that stands for the bytes of a code.
func codeWidth(values int, inOrder bool) int {
	switch {
	case inOrder || values == 1:
		return 0
	case values <= 1<<8:
		return 1
	case values <= 1<<16:
		return 2
	}
	return 3
}

func appendPresence(dst []byte, codes []uint32, form, present int) []byte {
	switch form {
	case presentBitmap:
		start := len(dst)
		dst = append(dst, make([]byte, (len(codes)+7)/8)...)
		for row, code := range codes {
			if code != 0 {
				dst[start+row/8] |= 1 << (row % 8)
			}
		}
	case presentList:
		dst = binary.AppendUvarint(dst, uint64(present))
		last := 0
		for row, code := range codes {
			if code != 0 {
				dst = binary.AppendUvarint(dst, uint64(row-last))
				last = row
			}
		}
	}
	return dst
}

func appendCodes(dst []byte, codes []uint32, width int) []byte {
	if width == 0 {
		return dst
	}
	for _, code := range codes {
		switch {
		case code == 0:
		case width == 1:
			dst = append(dst, byte(code-1))
		case width == 2:
			dst = binary.BigEndian.AppendUint16(dst, uint16(code-1))
		default:
			dst = binary.BigEndian.AppendUint32(dst, code-1)
		}
	}
	return dst
}

// Decode returns the column called name, of so many rows, that Append encoded. The
// column's values share data, which must not change any more. The error wraps
// ErrDamaged.
func Decode(name string, rows int, data []byte) (*Column, error) {
	r := reader{data: data}
	flags := int(r.byte())
	if flags >= 2*flagKinds || flags&3 == 3 {
		return nil, fmt.Errorf("%w: flags %#x", ErrDamaged, flags)
	}
	c := &Column{Name: name, Codes: make([]uint32, rows)}
	present := r.presence(c.Codes, flags&3)
	values := r.count()
	switch {
	case flags&flagOneValue != 0:
		if values != 1 {
			return nil, fmt.Errorf("%w: %d values, not one", ErrDamaged, values)
		} // the marks of presence are the codes
	case flags>>codeShift&3 == 0:
		if values != present {
			return nil, fmt.Errorf("%w: %d values in %d rows", ErrDamaged, values, present)
		}
		number(c.Codes)
	default:
		r.codes(c.Codes, flags>>codeShift&3, values)
	}
	if flags&flagKinds != 0 {
		c.Kinds = r.kinds(values)
	}
	c.Values = r.values(values)
	if r.failed || len(r.data) != 0 {
		return nil, fmt.Errorf("%w: wrong length", ErrDamaged)
	}
	return c, nil
}

// number replaces the marks of presence by 1, 2, 3…
func number(codes []uint32) {
	next := uint32(0)
	for i := range codes {
		next += codes[i]
		codes[i] *= next
	}
}

// A reader takes a column apart. After the first mistake it only gives zeros.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) fail() { r.data, r.failed = nil, true }

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		r.fail()
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

// count reads a number of things that have at least a byte each.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.data) {
		r.fail()
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

// presence sets codes to 1 where the row has the column, and counts them.
func (r *reader) presence(codes []uint32, form int) (present int) {
	switch form {
	case presentAll:
		for i := range codes {
			codes[i] = 1
		}
		return len(codes)
	case presentBitmap:
		bits := r.bytes((len(codes) + 7) / 8)
		for i := range codes {
			if r.failed {
				break
			}
			bit := uint32(bits[i/8]>>(i%8)) & 1
			codes[i] = bit
			present += int(bit)
		}
		return present
	}
	at := uint64(0)
	present = r.count()
	for i := range present {
		step := r.uvarint()
		at += step
		if step >= uint64(len(codes)) || at >= uint64(len(codes)) || i > 0 && step == 0 {
			r.fail()
			return 0
		}
		codes[at] = 1
	}
	return present
}

// codes replaces the marks of presence by codes.
func (r *reader) codes(codes []uint32, width, values int) {
	if width == 3 {
		width = 4
	}
	for i, have := range codes {
		if have == 0 {
			continue
		}
		if len(r.data) < width {
			r.fail()
			return
		}
		var code uint32
		switch width {
		case 1:
			code = uint32(r.data[0])
		case 2:
			code = uint32(binary.BigEndian.Uint16(r.data))
		default:
			code = binary.BigEndian.Uint32(r.data)
		}
		r.data = r.data[width:]
		if code >= uint32(values) {
			r.fail()
			return
		}
		codes[i] = code + 1
	}
}

func (r *reader) kinds(values int) []llama.Kind {
	raw := r.bytes(values)
	kinds := make([]llama.Kind, len(raw))
	for i, kind := range raw {
		if kind > byte(llama.Object) {
			r.fail()
			return nil
		}
		kinds[i] = llama.Kind(kind)
	}
	return kinds
}

// values reads lengths, and then lets strings share the bytes behind them.
func (r *reader) values(n int) []string {
	if n > len(r.data) {
		r.fail()
		return nil
	}
	values := make([]string, n)
	lengths := reader{data: r.data}
	total := 0
	for range n {
		length := lengths.uvarint()
		if lengths.failed || length > uint64(len(r.data)-total) {
			r.fail()
			return nil
		}
		total += int(length)
	}
	if total != len(lengths.data) {
		r.fail()
		return nil
	}
	// The caller has given data away, so it can be taken as a string as it is.
	text := unsafe.String(unsafe.SliceData(lengths.data), total)
	for i := range values {
		length := r.uvarint()
		values[i], text = text[:length], text[length:]
	}
	r.data = nil
	return values
}
