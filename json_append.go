package llama

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// AppendObject appends one JSON object in which dotted names are nested again,
// each object at the place of its first field. A name below one that holds a
// value itself cannot be nested and stays dotted: {"a":1,"a.b":2}. Nesting ends
// where AppendFields would refuse to follow.
func AppendObject(dst []byte, fields []Field) []byte {
	n := nesting{fields: fields}
	if len(fields) > maxUnsorted {
		n.fields = slices.Clone(fields)
		slices.SortStableFunc(n.fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
		n.sorted = true
	}
	var done [maxUnsorted]bool
	n.done = done[:]
	if n.sorted {
		n.done = make([]bool, len(fields))
	}
	for i := range fields {
		n.lengths.add(len(fields[i].Name))
	}
	return n.appendLevel(dst, "", 0, 1)
}

// maxUnsorted is up to how many fields looking through all of them for each
// object is cheaper than sorting. More come out in the order of their names.
const maxUnsorted = 256

// A nesting is one AppendObject under way.
type nesting struct {
	fields  []Field
	sorted  bool
	done    []bool
	lengths lengths // of the names
}

// appendLevel appends the object of all fields whose name starts with prefix,
// the first of which is fields[from].
func (n *nesting) appendLevel(dst []byte, prefix string, from, depth int) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	for i := from; i < len(n.fields); i++ {
		name := n.fields[i].Name
		if !strings.HasPrefix(name, prefix) {
			if n.sorted {
				break // names with the same beginning are neighbours
			}
			continue
		}
		if n.done[i] {
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dot := strings.IndexByte(name[len(prefix):], '.') + len(prefix)
		if dot < len(prefix) || depth == maxJSONDepth || n.has(name[:dot]) {
			dst = appendMember(dst, name[len(prefix):], &n.fields[i])
			n.done[i] = true
			continue
		}
		dst = append(AppendString(dst, name[len(prefix):dot]), ':')
		dst = n.appendLevel(dst, name[:dot+1], i, depth+1)
	}
	return append(dst, '}')
}

// has reports whether there is a field called name.
func (n *nesting) has(name string) bool {
	if !n.lengths.has(len(name)) {
		return false
	}
	if n.sorted {
		_, ok := slices.BinarySearchFunc(n.fields, name, func(f Field, name string) int {
			return strings.Compare(f.Name, name)
		})
		return ok
	}
	return indexName(n.fields, name) >= 0
}

// lengths is a set of lengths modulo 64. It spares most searches for a name that
// is not there.
type lengths uint64

func (l *lengths) add(n int)     { *l |= 1 << (n & 63) }
func (l lengths) has(n int) bool { return l&(1<<(n&63)) != 0 }

// AppendFlat appends one JSON object with the fields as they are, dotted names
// and all.
func AppendFlat(dst []byte, fields []Field) []byte {
	dst = append(dst, '{')
	for i := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendMember(dst, fields[i].Name, &fields[i])
	}
	return append(dst, '}')
}

func appendMember(dst []byte, name string, f *Field) []byte {
	dst = AppendString(dst, name)
	dst = append(dst, ':')
	return appendValue(dst, f)
}

// AppendValue appends a value as its kind is written in JSON.
func AppendValue(dst []byte, value string, kind Kind) []byte {
	return appendValue(dst, &Field{Value: value, Kind: kind})
}

// appendValue appends the value as its kind is written. Text that is not of its
// kind becomes a string, so that the object stays JSON whatever a parser did.
func appendValue(dst []byte, f *Field) []byte {
	switch f.Kind {
	case Number:
		if IsNumber(f.Value) {
			return append(dst, f.Value...)
		}
	case Bool:
		if f.Value == "true" || f.Value == "false" {
			return append(dst, f.Value...)
		}
	case Null:
		return append(dst, "null"...)
	case Object:
		return append(dst, "{}"...)
	case Array:
		if text, ok := arrayText(f.Value); ok {
			return append(dst, text...)
		}
	}
	return AppendString(dst, f.Value)
}

// arrayText returns how an array is written, without line ends, so that an object is one
// line. It reports whether s is an array.
func arrayText(s string) (string, bool) {
	if len(s) == 0 || s[0] != '[' {
		return "", false
	}
	d := jsonDecoder{in: s, depth: 1}
	spaces := 0
	if d.skipArray(&spaces) != nil || d.at != len(s) {
		return "", false
	}
	if spaces > 0 && strings.ContainsAny(s, "\r\n") {
		s = compact(s, spaces)
	}
	return s, true
}

// isPlain reports whether the first eight bytes are ASCII and need no escape.
func isPlain(s string) bool {
	x := eight(s)
	return (x|special(x))&highest == 0
}

// What eight bytes at once are worked on with.
const ones, highest = 0x0101010101010101, 0x8080808080808080

// eight returns the first eight bytes of s, the first as the lowest.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// special marks by their highest bits the bytes of x that a string cannot hold as they
// are: a byte that is less than n becomes negative by x - n. What is above the lowest byte
// that is marked, or was negative before, may be marked without being so.
func special(x uint64) uint64 {
	quote, backslash := x^ones*'"', x^ones*'\\'
	return (x - ones*' ') | (quote - ones) | (backslash - ones)
}

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become
// \ufffd; nothing is escaped that need not be.
func AppendString(dst []byte, s string) []byte {
	return append(AppendEscaped(append(dst, '"'), s), '"')
}

// AppendEscaped appends s as AppendString does, without the quotes.
func AppendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); {
		if i+8 <= len(s) && isPlain(s[i:]) {
			i += 8
			continue
		}
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), `\ufffd`...)
				start = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(dst, s[start:]...)
}
