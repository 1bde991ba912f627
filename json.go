package llama

import (
	"fmt"
	"hash/maphash"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The limits of AppendFields. They bound what an object of a stranger can cost,
// and are far above what programs that log write.
const (
	maxJSONBytes  = 32 << 20
	maxJSONDepth  = 64
	maxJSONFields = 4096
	maxJSONName   = 1024 // bytes of a dotted name
)

// AppendFields decodes one JSON object and appends its values to dst as fields.
// Objects within it become dotted names, {"a":{"b":1}} the field a.b; arrays
// stay JSON text without white space; numbers keep their text; null and {} are
// fields of their kind. Of values with the same name the last wins, at the
// place of the first.
//
// Values share the memory of object if it is a string, else of one copy of it.
// Bytes that are not UTF-8 are kept as they are. An error names the byte offset,
// and dst is returned as it was given. What is more than 64 deep, 4096 fields
// or 32 MiB is an error.
func AppendFields[T string | []byte](dst []Field, object T) ([]Field, error) {
	if len(object) > maxJSONBytes {
		return dst, fmt.Errorf("offset %d: the object is longer than %d bytes", maxJSONBytes, maxJSONBytes)
	}
	d := jsonDecoder{in: string(object), fields: dst, first: len(dst)}
	var names jsonNames
	d.space()
	err := d.object(&names)
	if err == nil {
		if d.space(); d.at < len(d.in) {
			err = d.errorf("text after the object")
		}
	}
	if err != nil {
		return dst, err
	}
	names.give(d.fields)
	return uniqueLast(d.fields, len(dst)), nil
}

// A jsonDecoder walks over one object.
type jsonDecoder struct {
	in     string
	at     int
	depth  int
	fields []Field
	first  int
}

// jsonNames collects the names of nested fields in a buffer that becomes one
// string when it is full or at the end, so that an object costs one allocation
// for them and not one each. It holds arrays and no slices, and is not a part of
// jsonDecoder, because only so it stays on the stack.
type jsonNames struct {
	path    [maxJSONName + 1]byte // the names above the current object, each with its dot
	pathLen int
	text    [2 * maxJSONName]byte // dotted names, end to end
	textLen int
	marks   [48]struct{ field, start, end int32 } // which field has which part of text
	used    int
}

// push adds a name to the path.
func (n *jsonNames) push(name string) {
	n.pathLen += copy(n.path[n.pathLen:], name)
	n.path[n.pathLen] = '.'
	n.pathLen++
}

// add notes the dotted name of the next field, which is called name.
func (n *jsonNames) add(fields []Field, name string) {
	if n.used == len(n.marks) || n.textLen+n.pathLen+len(name) > len(n.text) {
		n.give(fields)
	}
	m := &n.marks[n.used]
	m.field, m.start = int32(len(fields)), int32(n.textLen)
	n.textLen += copy(n.text[n.textLen:], n.path[:n.pathLen])
	n.textLen += copy(n.text[n.textLen:], name)
	m.end = int32(n.textLen)
	n.used++
}

// give names the fields that were noted.
func (n *jsonNames) give(fields []Field) {
	text := string(n.text[:n.textLen])
	for _, m := range n.marks[:n.used] {
		fields[m.field].Name = text[m.start:m.end]
	}
	n.textLen, n.used = 0, 0
}

func (d *jsonDecoder) errorf(format string, args ...any) error {
	return fmt.Errorf("offset %d: %s", d.at, fmt.Sprintf(format, args...))
}

// want is the error for a byte that should have been something else.
func (d *jsonDecoder) want(what string) error {
	if d.at >= len(d.in) {
		return d.errorf("the text ends where %s should be", what)
	}
	r, _ := utf8.DecodeRuneInString(d.in[d.at:])
	return d.errorf("%q where %s should be", r, what)
}

func (d *jsonDecoder) space() {
	for d.at < len(d.in) {
		switch d.in[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// take moves past c and reports whether it was there.
func (d *jsonDecoder) take(c byte) bool {
	if d.at < len(d.in) && d.in[d.at] == c {
		d.at++
		return true
	}
	return false
}

func (d *jsonDecoder) enter() error {
	if d.depth++; d.depth > maxJSONDepth {
		return d.errorf("more than %d levels", maxJSONDepth)
	}
	return nil
}

func (d *jsonDecoder) object(names *jsonNames) error {
	if !d.take('{') {
		return d.want("an object")
	}
	if err := d.enter(); err != nil {
		return err
	}
	above := names.pathLen
	d.space()
	for first := true; !d.take('}'); first = false {
		if !first {
			if !d.take(',') {
				return d.want(`"," or "}"`)
			}
			d.space()
		}
		if d.at >= len(d.in) || d.in[d.at] != '"' {
			return d.want("a name in quotes")
		}
		name, err := d.text()
		if err != nil {
			return err
		}
		d.space()
		if !d.take(':') {
			return d.want(`":"`)
		}
		d.space()
		if above+len(name) > maxJSONName {
			return d.errorf("a name longer than %d bytes", maxJSONName)
		}
		if err := d.value(names, name); err != nil {
			return err
		}
		names.pathLen = above
		d.space()
	}
	d.depth--
	return nil
}

// value reads the value of name into a field, or into several.
func (d *jsonDecoder) value(names *jsonNames, name string) error {
	if d.at >= len(d.in) {
		return d.want("a value")
	}
	switch c := d.in[d.at]; {
	case c == '"':
		s, err := d.text()
		if err != nil {
			return err
		}
		return d.add(names, name, s, String)
	case c == '{':
		if d.emptyObject() {
			return d.add(names, name, "{}", Object)
		}
		names.push(name)
		return d.object(names)
	case c == '[':
		s, err := d.array()
		if err != nil {
			return err
		}
		return d.add(names, name, s, Array)
	case c == '-' || c >= '0' && c <= '9':
		start := d.at
		if err := d.number(); err != nil {
			return err
		}
		return d.add(names, name, d.in[start:d.at], Number)
	case c == 't' && d.word("true"):
		return d.add(names, name, "true", Bool)
	case c == 'f' && d.word("false"):
		return d.add(names, name, "false", Bool)
	case c == 'n' && d.word("null"):
		return d.add(names, name, "", Null)
	}
	return d.want("a value")
}

func (d *jsonDecoder) add(names *jsonNames, name, value string, kind Kind) error {
	if len(d.fields)-d.first >= maxJSONFields {
		return d.errorf("more than %d fields", maxJSONFields)
	}
	if names.pathLen > 0 {
		names.add(d.fields, name)
	}
	d.fields = append(d.fields, Field{name, value, kind})
	return nil
}

// emptyObject moves past {} and reports whether it was there.
func (d *jsonDecoder) emptyObject() bool {
	start := d.at
	d.at++
	d.space()
	if d.take('}') {
		return true
	}
	d.at = start
	return false
}

func (d *jsonDecoder) word(w string) bool {
	if strings.HasPrefix(d.in[d.at:], w) {
		d.at += len(w)
		return true
	}
	return false
}

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

// skipText moves past a string in quotes, which it checks, and reports whether
// there are escapes in it.
func (d *jsonDecoder) skipText() (escaped bool, err error) {
	in, i := d.in, d.at+1
	for i < len(in) {
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
		case c < 0x20:
			d.at = i
			return false, d.errorf("control character %q in a string", c)
		default:
			i++
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
	out := make([]byte, 0, len(s))
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return string(append(out, s...))
		}
		out = append(out, s[:i]...)
		s = s[i:]
		r, ok := hex4(s)
		if !ok {
			out = append(out, unescaped(s[1]))
			s = s[2:]
			continue
		}
		s = s[6:]
		if utf16.IsSurrogate(r) {
			low, _ := hex4(s)
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				s = s[6:]
			}
		}
		out = utf8.AppendRune(out, r)
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

// nameSeed makes the table of uniqueLast unpredictable, so that no sender can
// choose names that all fall on one place.
var nameSeed = maphash.MakeSeed()

// uniqueLast gives each name among fields[first:] one field: the place of its
// first and the value of its last appearance.
func uniqueLast(fields []Field, first int) []Field {
	const few, tableSize = 6, 256
	n := len(fields) - first
	out := fields[:first]
	switch {
	case n <= few:
		for _, f := range fields[first:] {
			if i := indexName(out[first:], f.Name); i >= 0 {
				out[first+i] = f
				continue
			}
			out = append(out, f)
		}
	case n <= tableSize/2:
		var table [tableSize]uint8 // 1 + index from first; 0 is free
		for _, f := range fields[first:] {
			at := maphash.String(nameSeed, f.Name) % tableSize
			for table[at] != 0 && out[first+int(table[at])-1].Name != f.Name {
				at = (at + 1) % tableSize
			}
			if table[at] != 0 {
				out[first+int(table[at])-1] = f
				continue
			}
			out = append(out, f)
			table[at] = uint8(len(out) - first)
		}
	default:
		places := make(map[string]int, n)
		for _, f := range fields[first:] {
			if i, ok := places[f.Name]; ok {
				out[i] = f
				continue
			}
			places[f.Name] = len(out)
			out = append(out, f)
		}
	}
	return out
}

func indexName(fields []Field, name string) int {
	for i := range fields {
		if fields[i].Name == name {
			return i
		}
	}
	return -1
}
