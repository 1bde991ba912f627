package llama

import (
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string in quotes. Without escapes it is a part of the input.
func (d *jsonDecoder) text() (string, error) {
	start := d.at + 1
	escaped, err := d.skipText()
	if err != nil {
		return "", err
	}
	s := d.in[start : d.at-1]
	if escaped {
		s = unescape(s)
	}
	return s, nil
}

// plain says which bytes stand for themselves in a string.
var plain = func() (set [256]bool) {
	for c := range set {
		set[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return set
}()

// skipText moves past a string in quotes, which it checks, and reports whether
// there are escapes in it.
func (d *jsonDecoder) skipText() (escaped bool, err error) {
	in, i := d.in, d.at+1
	for i < len(in) {
		if i+8 <= len(in) {
			x := eight(in[i:])
			n := bits.TrailingZeros64(special(x)&^x&highest) / 8
			if i += n; n == 8 {
				continue
			}
		}
		if plain[in[i]] {
			i++
			continue
		}
		switch c := in[i]; {
		case c == '"':
			d.at = i + 1
			return escaped, nil
		case c == '\\':
			escaped = true
			n := escapeLen(in[i:])
			if n == 0 {
				d.at = i
				return false, d.errorf("an escape that JSON does not know")
			}
			i += n
		default:
			d.at = i
			return false, d.errorf("control character %q in a string", c)
		}
	}
	d.at = len(in)
	return false, d.errorf("a string is never closed")
}

// escapeLen returns the length of the escape that s starts with, 0 for none.
func escapeLen(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s); ok {
			return 6
		}
	}
	return 0
}

// hex4 decodes the \uXXXX that s starts with.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for i := 2; i < 6; i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// unescape resolves the escapes of s, which skipText has checked. Half of a
// surrogate pair becomes U+FFFD.
func unescape(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			out.WriteString(s)
			return out.String()
		}
		out.WriteString(s[:i])
		s = s[i:]
		if s[1] != 'u' {
			out.WriteByte(unescaped(s[1]))
			s = s[2:]
			continue
		}
		r, _ := hex4(s)
		s = s[6:]
		if utf16.IsSurrogate(r) {
			low, _ := hex4(s)
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				s = s[6:]
			}
		}
		out.WriteRune(r)
	}
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

func (d *jsonDecoder) number() error {
	n := numberLen(d.in[d.at:])
	if n <= 0 {
		d.at -= n
		return d.want("a digit")
	}
	d.at += n
	return nil
}

// numberLen returns the length of the JSON number that s starts with, or the
// negated offset of where a digit is missing.
func numberLen(s string) int {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	switch {
	case i < len(s) && s[i] == '0':
		i++
	case i < len(s) && s[i] > '0' && s[i] <= '9':
		i += digits(s[i:])
	default:
		return -i
	}
	if i < len(s) && s[i] == '.' {
		n := digits(s[i+1:])
		if n == 0 {
			return -i - 1
		}
		i += 1 + n
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		n := digits(s[i:])
		if n == 0 {
			return -i
		}
		i += n
	}
	return i
}

func digits(s string) int {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return i
		}
	}
	return len(s)
}

// IsNumber reports whether s is a number as JSON writes it, and so may be the
// value of a field of kind Number.
func IsNumber(s string) bool {
	n := numberLen(s)
	return n > 0 && n == len(s)
}

// array moves past an array and returns its text without white space.
func (d *jsonDecoder) array() (string, error) {
	start := d.at
	spaces := 0
	if err := d.skipArray(&spaces); err != nil {
		return "", err
	}
	if spaces == 0 {
		return d.in[start:d.at], nil
	}
	return compact(d.in[start:d.at], spaces), nil
}

// skip moves past any value within an array, counts white space and checks.
func (d *jsonDecoder) skip(spaces *int) error {
	if d.at >= len(d.in) {
		return d.want("a value")
	}
	switch c := d.in[d.at]; {
	case c == '"':
		_, err := d.skipText()
		return err
	case c == '{':
		return d.skipObject(spaces)
	case c == '[':
		return d.skipArray(spaces)
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	case d.word("true"), d.word("false"), d.word("null"):
		return nil
	}
	return d.want("a value")
}

func (d *jsonDecoder) countSpace(spaces *int) {
	start := d.at
	d.space()
	*spaces += d.at - start
}

func (d *jsonDecoder) skipArray(spaces *int) error {
	d.at++
	if err := d.enter(); err != nil {
		return err
	}
	d.countSpace(spaces)
	for first := true; !d.take(']'); first = false {
		if !first {
			if !d.take(',') {
				return d.want(`"," or "]"`)
			}
			d.countSpace(spaces)
		}
		if err := d.skip(spaces); err != nil {
			return err
		}
		d.countSpace(spaces)
	}
	d.depth--
	return nil
}

func (d *jsonDecoder) skipObject(spaces *int) error {
	d.at++
	if err := d.enter(); err != nil {
		return err
	}
	d.countSpace(spaces)
	for first := true; !d.take('}'); first = false {
		if !first {
			if !d.take(',') {
				return d.want(`"," or "}"`)
			}
			d.countSpace(spaces)
		}
		if d.at >= len(d.in) || d.in[d.at] != '"' {
			return d.want("a name in quotes")
		}
		if _, err := d.skipText(); err != nil {
			return err
		}
		d.countSpace(spaces)
		if !d.take(':') {
			return d.want(`":"`)
		}
		d.countSpace(spaces)
		if err := d.skip(spaces); err != nil {
			return err
		}
		d.countSpace(spaces)
	}
	d.depth--
	return nil
}

// compact returns checked JSON text without the white space around its values.
func compact(s string, spaces int) string {
	out := make([]byte, 0, len(s)-spaces)
	quoted := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			out = append(out, c)
			i++
			c = s[i]
		case !quoted && c <= ' ':
			continue
		}
		out = append(out, c)
	}
	return string(out)
}
