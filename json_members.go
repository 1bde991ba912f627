package llama

import (
	"math/bits"
	"strings"
)

// members reads members as programs mostly write them, up to the first that has an
// escape, parts or unusual blanks, and moves behind the value of the last. Of one whose
// value alone is unusual it returns the name, and moves to the value. All else, errors
// too, is for object to read, which takes longer for the same members.
func (d *jsonDecoder) members(names *jsonNames) (name string, named bool) {
	in, fields, at := d.in, d.fields, d.at
	longest := maxJSONName - names.pathLen
	for at < len(in) && in[at] == '"' && len(fields)-d.first < maxJSONFields {
		nameEnd := plainEnd(in, at+1)
		value := nameEnd + 2
		if nameEnd < 0 || nameEnd-at > longest || value >= len(in) || in[nameEnd+1] != ':' {
			break
		}
		if in[value] == ' ' {
			value++
		}
		name = in[at+1 : nameEnd]
		text, kind, next := plainValue(in, value)
		if next >= len(in) || in[next] != ',' && in[next] != '}' {
			d.fields, d.at = fields, value
			return name, true
		}
		if names.pathLen > 0 {
			names.add(fields, name)
		}
		n := len(fields)
		if n == cap(fields) {
			fields = append(fields, Field{})
		}
		fields = fields[:n+1]
		f := &fields[n]
		f.Name = name
		f.Value = text
		f.Kind = kind
		d.at = next
		if in[next] == '}' {
			break
		}
		if at = next + 1; at < len(in) && in[at] == ' ' {
			at++
		}
	}
	d.fields = fields
	return "", false
}

// plainValue reads a value without escapes and parts, and returns where it ends: behind
// the text if it is something else.
func plainValue(in string, at int) (text string, kind Kind, end int) {
	if at >= len(in) {
		return "", Null, at
	}
	switch c := in[at]; {
	case c == '"':
		if i := plainEnd(in, at+1); i > 0 {
			return in[at+1 : i], String, i + 1
		}
	case c <= '9':
		if i := plainNumber(in, at); i > 0 {
			return in[at:i], Number, i
		}
	case strings.HasPrefix(in[at:], "true"):
		return "true", Bool, at + len("true")
	case strings.HasPrefix(in[at:], "false"):
		return "false", Bool, at + len("false")
	case strings.HasPrefix(in[at:], "null"):
		return "", Null, at + len("null")
	}
	return "", Null, len(in)
}

// plainEnd returns where the quote is that closes a string without escapes whose text
// begins at i; -1 if it is not so.
func plainEnd(in string, i int) int {
	for ; i+8 <= len(in); i += 8 {
		x := eight(in[i:])
		if found := special(x) &^ x & highest; found != 0 {
			if i += bits.TrailingZeros64(found) / 8; in[i] == '"' {
				return i
			}
			return -1
		}
	}
	for i < len(in) && plain[in[i]] {
		i++
	}
	if i < len(in) && in[i] == '"' {
		return i
	}
	return -1
}

// plainNumber returns where the number without an exponent ends that begins at i; -1 if
// there is none.
func plainNumber(in string, i int) int {
	if in[i] == '-' {
		i++
	}
	end := digitsEnd(in, i)
	if end == i || in[i] == '0' && end > i+1 {
		return -1
	}
	if end < len(in) && in[end] == '.' {
		point := end
		if end = digitsEnd(in, end+1); end == point+1 {
			return -1
		}
	}
	return end
}

// digitsEnd returns where the digits end that begin at i.
func digitsEnd(in string, i int) int {
	for ; i+8 <= len(in); i += 8 {
		x := eight(in[i:]) ^ ones*'0' // digits are numbers to 9 now, and six more stays below 16
		if found := (x | x + 6*ones) & (0xf0 * ones); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(in) && in[i] >= '0' && in[i] <= '9' {
		i++
	}
	return i
}
