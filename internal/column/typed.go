package column

import (
	"math"
	"strconv"
	"strings"
)

// A form says how values are written. Its numbers are on disk.
type form byte

const (
	same    form = iota // one value for all rows
	text                // lengths, and then all bytes
	dict                // distinct values, and a code for each row
	integer             // -120, 0, 65535
	padded              // digits, as many in each value: 0007
	decimal             // with as many digits behind the point in each value: 12.50
	ipv4                // 192.0.2.7
	hex                 // lower case, as long in each value
	uuid                // 8-4-4-4-12, lower case

	maxDigits = 19 // what an int64 may have
	maxHex    = 128
)

// A Typing is a form that short values of some field may all have: then they are
// numbers. Forms are exact: what is read is byte for byte what was written.
type Typing struct {
	form   form
	digits int // of padded: all; of decimal: behind the point
}

// Guess returns the Typing that value has.
func Guess(value string) Typing {
	if len(value) == 0 || len(value) > maxHex {
		return Typing{form: text}
	}
	if _, ok := parseInteger(value); ok {
		return Typing{form: integer}
	}
	if _, ok := parseDigits(value); ok {
		return Typing{padded, len(value)}
	}
	if point := strings.IndexByte(value, '.'); point > 0 {
		if _, ok := parseIPv4(value); ok {
			return Typing{form: ipv4}
		}
		t := Typing{decimal, len(value) - point - 1}
		if _, ok := t.Parse(value); ok {
			return t
		}
		return Typing{form: text}
	}
	if isUUID(value) {
		return Typing{form: uuid}
	}
	if len(value)%2 == 0 && len(value) >= 8 && isHex(value) {
		return Typing{hex, len(value)}
	}
	return Typing{form: text}
}

// IsNumber reports whether values of the Typing are numbers, of which Parse and Append tell.
func (t Typing) IsNumber() bool {
	return t.form == integer || t.form == padded || t.form == decimal || t.form == ipv4
}

// Parse returns the number that stands for value, if it is of the Typing.
func (t Typing) Parse(value string) (int64, bool) {
	switch t.form {
	case integer:
		return parseInteger(value)
	case padded:
		n, ok := parseDigits(value)
		return n, ok && len(value) == t.digits
	case decimal:
		return parseDecimal(value, t.digits)
	case ipv4:
		return parseIPv4(value)
	}
	return 0, false
}

// Append writes the value that n stands for.
func (t Typing) Append(dst []byte, n int64) []byte {
	switch t.form {
	case padded:
		return appendPadded(dst, uint64(n), t.digits)
	case decimal:
		if n < 0 {
			dst = append(dst, '-')
			n = -n
		}
		dst = strconv.AppendUint(dst, uint64(n)/powers[t.digits], 10)
		return appendPadded(append(dst, '.'), uint64(n)%powers[t.digits], t.digits)
	case ipv4:
		for shift := 24; shift >= 0; shift -= 8 {
			part := byte(uint64(n) >> shift)
			if part >= 100 {
				dst = append(dst, '0'+part/100)
			}
			if part >= 10 {
				dst = append(dst, '0'+part/10%10)
			}
			dst = append(dst, '0'+part%10)
			if shift > 0 {
				dst = append(dst, '.')
			}
		}
		return dst
	}
	return strconv.AppendInt(dst, n, 10)
}

var powers = func() (powers [maxDigits + 1]uint64) {
	powers[0] = 1
	for i := range maxDigits {
		powers[i+1] = 10 * powers[i]
	}
	return powers
}()

func appendPadded(dst []byte, n uint64, digits int) []byte {
	start := len(dst)
	for range digits {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; i >= start && n > 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}

// parseDigits reads digits only.
func parseDigits(s string) (n int64, ok bool) {
	if len(s) == 0 || len(s) > maxDigits {
		return 0, false
	}
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = 10*n + int64(d)
	}
	return n, n >= 0 // 19 digits may be too many
}

// parseInteger reads an integer as it is usually written: no zeros before it, no
// plus, no minus zero.
func parseInteger(s string) (int64, bool) {
	if len(s) > 1 && s[0] == '-' {
		n, ok := parseDigits(s[1:])
		return -n, ok && s[1] != '0'
	}
	n, ok := parseDigits(s)
	return n, ok && (s[0] != '0' || len(s) == 1)
}

// parseDecimal reads a number with digits behind its point.
func parseDecimal(s string, digits int) (int64, bool) {
	point := len(s) - digits - 1
	if point < 1 || digits == 0 || s[point] != '.' || len(s) >= maxDigits {
		return 0, false
	}
	whole, ok := parseDigits(s[point+1:])
	if !ok {
		return 0, false
	}
	negative := s[0] == '-'
	number := s[:point]
	if negative {
		number = number[1:]
	}
	n, ok := parseDigits(number)
	if !ok || number[0] == '0' && len(number) > 1 {
		return 0, false
	}
	n = n*int64(powers[digits]) + whole
	if negative {
		return -n, n != 0
	}
	return n, true
}

func parseIPv4(s string) (n int64, ok bool) {
	if len(s) < 7 || len(s) > 15 {
		return 0, false
	}
	part, digits, points := int64(0), 0, 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			if digits == 0 || points == 3 {
				return 0, false
			}
			n = n<<8 | part
			part, digits = 0, 0
			points++
		case c < '0' || c > '9' || digits > 0 && part == 0:
			return 0, false
		default:
			part = 10*part + int64(c-'0')
			digits++
			if part > 255 {
				return 0, false
			}
		}
	}
	return n<<8 | part, points == 3 && digits > 0
}

// ParseAddress returns the number of an IPv4 address that is written as the number's Typing writes it.
func ParseAddress(s string) (uint32, bool) {
	n, ok := parseIPv4(s)
	return uint32(n), ok
}

// ParseUint32 returns a whole number that is written as Go writes it.
func ParseUint32(s string) (uint32, bool) {
	if len(s) > len("4294967295") {
		return 0, false
	}
	n, ok := parseInteger(s)
	return uint32(n), ok && n >= 0 && n <= math.MaxUint32
}

// IsUUID reports whether s is a UUID in lower case (RFC 9562, section 4).
func IsUUID(s string) bool { return isUUID(s) }

func isUUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	return isHex(s[:8]) && isHex(s[9:13]) && isHex(s[14:18]) && isHex(s[19:23]) && isHex(s[24:])
}

func isHex(s string) bool {
	for i := range len(s) {
		if nibbles[s[i]] > 15 {
			return false
		}
	}
	return true
}

// nibbles gives each hexadecimal digit in lower case its value, and all else 16.
var nibbles = func() (nibbles [256]byte) {
	for i := range nibbles {
		nibbles[i] = 16
	}
	for i, c := range []byte(hexDigits) {
		nibbles[c] = byte(i)
	}
	return nibbles
}()

const hexDigits = "0123456789abcdef"

// appendNibbles writes hexadecimal digits as bytes, and passes over dashes.
func appendNibbles(dst []byte, s string) []byte {
	for i := 0; i < len(s); i += 2 {
		if s[i] == '-' {
			i++
		}
		dst = append(dst, nibbles[s[i]]<<4|nibbles[s[i+1]])
	}
	return dst
}

func appendHex(dst, data []byte) []byte {
	for _, b := range data {
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

func appendUUID(dst, data []byte) []byte {
	for i, b := range data {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}
