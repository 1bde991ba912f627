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

	flagKinds = 1 << 2 // not all values are of one kind
)

// AppendLoose encodes which of so many rows have a column, at least one, and appends it
// to dst: present are these rows, growing, and kinds are those of their values, or one
// for all. An Encoder's Append of their values goes behind it.
func AppendLoose(dst []byte, rows int, present []uint16, kinds []llama.Kind) []byte {
	flags := presence(len(present), rows)
	if len(kinds) > 1 {
		flags |= flagKinds
	}
	dst = appendPresence(append(dst, byte(flags)), flags&3, rows, present)
	for _, kind := range kinds {
		dst = append(dst, byte(kind))
	}
	return dst
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

func appendPresence(dst []byte, form, rows int, present []uint16) []byte {
	switch form {
	case presentBitmap:
		start := len(dst)
		dst = append(dst, make([]byte, (rows+7)/8)...)
		bits := dst[start:]
		for _, row := range present {
			bits[row/8] |= 1 << (row % 8)
		}
	case presentList:
		dst = binary.AppendUvarint(dst, uint64(len(present)))
		last := uint16(0)
		for _, row := range present {
			dst = binary.AppendUvarint(dst, uint64(row-last))
			last = row
		}
	}
	return dst
}

// DecodeLoose returns the column called name, of so many rows, that AppendLoose encoded,
// with its values.
// The column may share data, which must not change any more. The error wraps ErrDamaged.
func DecodeLoose(name string, rows int, data []byte) (*Column, error) {
	r := Reader{Data: data}
	flags := r.Byte()
	if flags >= 2*flagKinds || flags&3 == 3 {
		return nil, fmt.Errorf("%w: flags %#x", ErrDamaged, flags)
	}
	c := &Column{Name: name, Codes: make([]uint32, rows)}
	present := r.presence(c.Codes, int(flags&3))
	n := 1
	if flags&flagKinds != 0 {
		n = present
	}
	kinds := r.kinds(n)
	if r.Failed || present == 0 {
		return nil, fmt.Errorf("%w: a column of %d of %d rows", ErrDamaged, present, rows)
	}
	v, err := DecodeValues(present, r.Data)
	if err != nil {
		return nil, err
	}
	c.fill(v, kinds)
	return c, nil
}

// fill replaces the marks of presence by codes of values.
func (c *Column) fill(v *Values, kinds []llama.Kind) {
	c.Values = v.Texts()
	if v.typing.form == text {
		c.all = unsafe.String(unsafe.SliceData(v.data), len(v.data))
	}
	if len(kinds) > 1 && v.Coded() {
		c.fillPairs(v, kinds)
		return
	}
	row := 0
	for i, mark := range c.Codes {
		if mark != 0 {
			c.Codes[i] = uint32(v.Code(row)) + 1
			row++
		}
	}
	switch {
	case len(kinds) > 1:
		c.Kinds = kinds
	case kinds[0] != llama.String:
		c.Kinds = make([]llama.Kind, len(c.Values))
		for i := range c.Kinds {
			c.Kinds[i] = kinds[0]
		}
	}
}

// fillPairs gives each value a code for each kind that it has.
func (c *Column) fillPairs(v *Values, kinds []llama.Kind) {
	texts := c.Values
	c.Values, c.all = nil, ""
	codes := make([]uint32, (int(llama.Object)+1)*len(texts))
	row := 0
	for i, mark := range c.Codes {
		if mark == 0 {
			continue
		}
		code := v.Code(row)
		of := &codes[int(kinds[row])*len(texts)+code]
		if *of == 0 {
			c.Values, c.Kinds = append(c.Values, texts[code]), append(c.Kinds, kinds[row])
			*of = uint32(len(c.Values))
		}
		c.Codes[i] = *of
		row++
	}
}

// presence sets codes to 1 where the row has the column, and counts them.
func (r *Reader) presence(codes []uint32, form int) (present int) {
	switch form {
	case presentAll:
		for i := range codes {
			codes[i] = 1
		}
		return len(codes)
	case presentBitmap:
		bits := r.Bytes((len(codes) + 7) / 8)
		for i := range codes {
			if r.Failed {
				break
			}
			bit := uint32(bits[i/8]>>(i%8)) & 1
			codes[i] = bit
			present += int(bit)
		}
		return present
	}
	at := uint64(0)
	present = r.Count(1)
	for i := range present {
		step := r.Uvarint()
		at += step
		if step >= uint64(len(codes)) || at >= uint64(len(codes)) || i > 0 && step == 0 {
			r.Fail()
			return 0
		}
		codes[at] = 1
	}
	return present
}

func (r *Reader) kinds(n int) []llama.Kind {
	raw := r.Bytes(n)
	kinds := make([]llama.Kind, len(raw))
	for i, kind := range raw {
		if kind > byte(llama.Object) {
			r.Fail()
			return nil
		}
		kinds[i] = llama.Kind(kind)
	}
	return kinds
}
