package column

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
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

// AppendColumn encodes the column called name of a block and appends it to dst. It
// returns the number of values in its dictionary too, which is 0 when no row has the
// column and nothing was appended.
func (b *Block) AppendColumn(dst []byte, name string) (_ []byte, values int, err error) {
	if v := findView(b.views, name); v != nil {
		dst, values = v.append(dst, b.Rows())
		return dst, values, nil
	}
	c, err := b.Load(name)
	if c == nil || err != nil {
		return dst, 0, err
	}
	dst, values = viewOf(c).append(dst, len(c.Codes))
	return dst, values, nil
}

// Append encodes c and appends it to dst. At least one row has a value.
func Append(dst []byte, c *Column) []byte {
	dst, _ = viewOf(c).append(dst, len(c.Codes))
	return dst
}

// viewOf returns c without the rows that do not have it.
func viewOf(c *Column) *view {
	v := &view{name: c.Name, codes: c.Codes, values: c.Values, kinds: c.Kinds}
	if !slices.Contains(c.Codes, 0) {
		return v
	}
	v.codes, v.rows = nil, []uint16{}
	for row, code := range c.Codes {
		if code != 0 {
			v.rows = append(v.rows, uint16(row))
			v.codes = append(v.codes, code)
		}
	}
	return v
}

// append encodes v as a column of rows rows.
func (v *view) append(dst []byte, rows int) (_ []byte, values int) {
	v = v.trim()
	inOrder := len(v.codes) == len(v.values)
	for i, code := range v.codes {
		inOrder = inOrder && code == uint32(i+1)
	}
	if !inOrder && 4*len(v.values) > 3*len(v.codes) {
		v, inOrder = v.spread(), true // codes would cost more than they save
	}
	flags := presence(len(v.codes), rows) | codeWidth(len(v.values), inOrder)<<codeShift
	if len(v.values) == 1 {
		flags |= flagOneValue
	}
	if v.kinds != nil {
		flags |= flagKinds
	}
	dst = v.appendPresence(append(dst, byte(flags)), flags&3, rows)
	dst = binary.AppendUvarint(dst, uint64(len(v.values)))
	if flags&flagOneValue == 0 {
		dst = appendCodes(dst, v.codes, flags>>codeShift&3)
	}
	for _, kind := range v.kinds {
		dst = append(dst, byte(kind))
	}
	for _, value := range v.values {
		dst = binary.AppendUvarint(dst, uint64(len(value)))
	}
	for _, value := range v.values {
		dst = append(dst, value...)
	}
	return dst, len(v.values)
}

// spread returns v with a value of its own for each row that has one.
func (v *view) spread() *view {
	s := &view{name: v.name, rows: v.rows, codes: make([]uint32, len(v.codes)), values: make([]string, len(v.codes))}
	if v.kinds != nil {
		s.kinds = make([]llama.Kind, len(v.codes))
	}
	for i, code := range v.codes {
		s.codes[i] = uint32(i + 1)
		s.values[i] = v.values[code-1]
		if v.kinds != nil {
			s.kinds[i] = v.kinds[code-1]
		}
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

// row returns the row that has the i-th code.
func (v *view) row(i int) int {
	if v.rows == nil {
		return i
	}
	return int(v.rows[i])
}

func (v *view) appendPresence(dst []byte, form, rows int) []byte {
	switch form {
	case presentBitmap:
		start := len(dst)
		dst = append(dst, make([]byte, (rows+7)/8)...)
		for i := range v.codes {
			row := v.row(i)
			dst[start+row/8] |= 1 << (row % 8)
		}
	case presentList:
		dst = binary.AppendUvarint(dst, uint64(len(v.codes)))
		last := 0
		for i := range v.codes {
			row := v.row(i)
			dst = binary.AppendUvarint(dst, uint64(row-last))
			last = row
		}
	}
	return dst
}

func appendCodes(dst []byte, codes []uint32, width int) []byte {
	for _, code := range codes {
		switch width {
		case 1:
			dst = append(dst, byte(code-1))
		case 2:
			dst = binary.BigEndian.AppendUint16(dst, uint16(code-1))
		case 3:
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

func (r *reader) varint() int64 { return unzigzag(r.uvarint()) }

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
	if n < 0 || n > len(r.data) {
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
