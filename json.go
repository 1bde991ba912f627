package llama

import (
	"fmt"
	"strings"
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
	var d FieldDecoder
	return d.Append(dst, string(object))
}

// A FieldDecoder decodes objects one after another. Nested fields get the names of the
// object before where they are the same, for objects of one source mostly are alike. The
// zero value is ready for use, by one goroutine at a time.
type FieldDecoder struct{ names jsonNames }

// Append is AppendFields.
func (fd *FieldDecoder) Append(dst []Field, object string) ([]Field, error) {
	if len(object) > maxJSONBytes {
		return dst, fmt.Errorf("offset %d: the object is longer than %d bytes", maxJSONBytes, maxJSONBytes)
	}
	d := jsonDecoder{in: object, fields: dst, first: len(dst)}
	names := &fd.names
	names.pathLen, names.textLen, names.used = 0, 0, 0
	d.space()
	err := d.object(names)
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
// for them and not one each, or none if they are those of the object before. It holds
// arrays and no slices, and is not a part of jsonDecoder, because only so it stays on the
// stack of AppendFields.
type jsonNames struct {
	path    [maxJSONName + 1]byte // the names above the current object, each with its dot
	pathLen int
	text    [2 * maxJSONName]byte // dotted names, end to end
	textLen int
	marks   [48]struct{ field, start, end int32 } // which field has which part of text
	used    int
	last    string // what was given last
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
	if n.used == 0 {
		return
	}
	if text := n.text[:n.textLen]; string(text) != n.last {
		n.last = string(text)
	}
	for _, m := range n.marks[:n.used] {
		fields[m.field].Name = n.last[m.start:m.end]
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
		start := d.at
		name, named := d.members(names)
		if !named && d.at > start {
			d.space()
			continue
		}
		if !named {
			var err error
			if name, err = d.name(); err != nil {
				return err
			}
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

// name reads the name of a member and the colon behind it.
func (d *jsonDecoder) name() (string, error) {
	if d.at >= len(d.in) || d.in[d.at] != '"' {
		return "", d.want("a name in quotes")
	}
	name, err := d.text()
	if err != nil {
		return "", err
	}
	d.space()
	if !d.take(':') {
		return "", d.want(`":"`)
	}
	return name, nil
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

// maxMarked is up to how many names marks tell mostly apart, so that looking through
// all before is seldom needed. More are kept in a map.
const maxMarked = 128

// uniqueLast gives each name among fields[first:] one field: the place of its
// first and the value of its last appearance.
func uniqueLast(fields []Field, first int) []Field {
	n := len(fields) - first
	if n > maxMarked {
		return uniqueOfMany(fields, first)
	}
	var marks [16]uint64 // a bit for each hash that a name had
	out := fields[:first]
	for i := first; i < len(fields); i++ {
		h := markOf(fields[i].Name)
		if marks[h>>6]>>(h&63)&1 != 0 {
			if j := indexName(out[first:], fields[i].Name); j >= 0 {
				out[first+j] = fields[i]
				continue
			}
		}
		marks[h>>6] |= 1 << (h & 63)
		if len(out) < i {
			fields[len(out)] = fields[i]
		}
		out = out[:len(out)+1]
	}
	return out
}

// markOf gives names that differ mostly different numbers of ten bits.
func markOf(name string) uint32 {
	n := len(name)
	x := uint32(n)
	if n > 1 {
		x |= uint32(name[n-1])<<8 | uint32(name[n-2])<<16 | uint32(name[n/2])<<24
	} else if n > 0 {
		x |= uint32(name[0]) << 8
	}
	return x * 0x9e3779b1 >> 22 // spreads x over the upper bits
}

func uniqueOfMany(fields []Field, first int) []Field {
	out := fields[:first]
	places := make(map[string]int, len(fields)-first)
	for _, f := range fields[first:] {
		if i, ok := places[f.Name]; ok {
			out[i] = f
			continue
		}
		places[f.Name] = len(out)
		out = append(out, f)
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
