package parse

import (
	"fmt"
	"strings"
)

// An item is a part of a schema as it is written.
type item struct {
	kind    nodeKind
	text    string
	capture int
	typ     valueType
	inner   []item
}

// A schemaReader reads the language of schemas.
type schemaReader struct {
	in       string
	at       int
	depth    int
	captures []capture
}

func (r *schemaReader) errorf(at int, format string, args ...any) error {
	return fmt.Errorf("column %d: %s", at+1, fmt.Sprintf(format, args...))
}

// sequence reads up to the end, or up to the ] of an optional part.
func (r *schemaReader) sequence(optional bool) ([]item, error) {
	var items []item
	for r.at < len(r.in) {
		start := r.at
		var it item
		var err error
		switch c := r.in[r.at]; {
		case c == ']':
			if optional {
				return items, nil
			}
			return nil, r.errorf(r.at, `"]" without "["; as plain text write \]`)
		case c == '[':
			it, err = r.option()
		case c == '$':
			it, err = r.capture()
		case c == '_' && r.alone():
			r.at++
			it = item{kind: r.dots(), capture: -1}
		case isBlank(c):
			for r.at < len(r.in) && isBlank(r.in[r.at]) {
				r.at++
			}
			it = item{kind: nodeBlanks, capture: -1}
		default:
			it, err = r.text()
		}
		if err != nil {
			return nil, err
		}
		if n := len(items); n > 0 && isOpen(items[n-1]) && isOpen(it) {
			return nil, r.errorf(start, "two values without text between them; nothing says where the first ends")
		}
		items = append(items, it)
	}
	if optional {
		return nil, r.errorf(r.at, `"[" is never closed; as plain text write \[`)
	}
	return items, nil
}

func isOpen(it item) bool { return it.kind == nodeToken || it.kind == nodeRest }

// alone reports whether the _ at hand stands alone: between blanks or ends, dots
// aside.
func (r *schemaReader) alone() bool {
	if r.at > 0 && !isBlank(r.in[r.at-1]) && r.in[r.at-1] != '[' && r.in[r.at-1] != ']' {
		return false
	}
	after := strings.TrimPrefix(r.in[r.at+1:], "...")
	return after == "" || isBlank(after[0]) || after[0] == ']' || after[0] == '['
}

// dots takes the ... behind a capture and returns the kind it makes.
func (r *schemaReader) dots() nodeKind {
	if strings.HasPrefix(r.in[r.at:], "...") {
		r.at += 3
		return nodeRest
	}
	return nodeToken
}

func (r *schemaReader) option() (item, error) {
	if r.depth++; r.depth > 8 {
		return item{}, r.errorf(r.at, "more than 8 optional parts in one another")
	}
	start, first := r.at, len(r.captures)
	r.at++
	inner, err := r.sequence(true)
	if err != nil {
		return item{}, err
	}
	if len(inner) == 0 {
		return item{}, r.errorf(start, `an empty optional part; as plain text write \[\]`)
	}
	r.at++
	r.depth--
	return item{kind: nodeOption, capture: first, inner: inner}, nil
}

func (r *schemaReader) text() (item, error) {
	var b strings.Builder
	for r.at < len(r.in) {
		c := r.in[r.at]
		if c == '\\' {
			if r.at++; r.at == len(r.in) {
				return item{}, r.errorf(r.at-1, `a backslash at the end; as plain text write \\`)
			}
			b.WriteByte(r.in[r.at])
			r.at++
			continue
		}
		if c == '$' || c == '[' || c == ']' || isBlank(c) || c == '_' && r.alone() {
			break
		}
		b.WriteByte(c)
		r.at++
	}
	return item{kind: nodeText, text: b.String(), capture: -1}, nil
}

// capture reads $name, ${name} or ${name:type}, with or without dots.
func (r *schemaReader) capture() (item, error) {
	start := r.at
	r.at++
	var name, typ string
	if byteAt(r.in, r.at) == '{' {
		end := strings.IndexByte(r.in[r.at:], '}')
		if end < 0 {
			return item{}, r.errorf(start, `"${" is never closed`)
		}
		name, typ, _ = strings.Cut(r.in[r.at+1:r.at+end], ":")
		r.at += end + 1
	} else {
		n := fieldNameLen(r.in[r.at:])
		name = r.in[r.at : r.at+n]
		r.at += n
	}
	if name == "" || strings.ContainsAny(name, " \t$[]") {
		return item{}, r.errorf(start, `a name belongs behind "$"; as plain text write \$`)
	}
	t, err := typeNamed(typ)
	if err != nil {
		return item{}, r.errorf(start, "%v", err)
	}
	it := item{kind: r.dots(), typ: t, capture: -1}
	if name == "_" {
		return it, nil
	}
	if err := settable(name); err != nil {
		return item{}, r.errorf(start, "%v", err)
	}
	if len(r.captures) == maxCaptures {
		return item{}, r.errorf(start, "more than %d values", maxCaptures)
	}
	it.capture = len(r.captures)
	r.captures = append(r.captures, newCapture(name, t))
	return it, nil
}

// fieldNameLen returns the length of the field name that s starts with: letters,
// digits and _ with dots between them, and before all an @, or a ~ for a name
// that lives in the module only. Other names stand in braces.
func fieldNameLen(s string) int {
	at := 0
	if c := byteAt(s, 0); c == '~' || c == '@' {
		at = 1
	}
	end := 0
	for at < len(s) {
		c := s[at]
		switch {
		case isLetter(c), isDigit(c), c == '_':
			at++
			end = at
		case c == '.' && end == at && at > 0:
			at++
		default:
			return end
		}
	}
	return end
}
