package query

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/llama-logs/llama"
)

// A kindFilter keeps rows whose field is a JSON value of a kind.
type kindFilter struct {
	field string
	kind  llama.Kind
	name  string // of the kind
}

var kindNames = map[string]llama.Kind{
	"string": llama.String, "number": llama.Number, "bool": llama.Bool, "null": llama.Null, "array": llama.Array, "object": llama.Object,
}

func kindList() []string {
	var out []string
	for name := range kindNames {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (f *kindFilter) write(b *strings.Builder) {
	writeField(b, f.field)
	b.WriteString("value_type(" + quote(f.name) + ")")
}

// lets reports whether a value of the kind is in; ok is false where there is none.
func (f *kindFilter) lets(kind llama.Kind, ok bool) bool { return ok && kind == f.kind }

func (c *chunk) evalKind(f *kindFilter, sel []uint32) []uint32 {
	col := c.column(f.field)
	if col == nil {
		return nil
	}
	out := c.work.numbers(len(sel))
	for i, r := range sel {
		if c.stopped(i) {
			return nil
		}
		if _, kind, ok := col.Value(int(r)); f.lets(kind, ok) {
			out = append(out, r)
		}
	}
	return out
}

// eventKind returns the kind of a field of an event, reserved ones included.
func eventKind(e *llama.Event, name string) (kind llama.Kind, ok bool) {
	switch name {
	case llama.NameSeq:
		return llama.Number, true
	case llama.NameMessage, llama.NameCollection, llama.NameSource, llama.NameTime, llama.NameIngested:
		return llama.String, true
	}
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return e.Fields[i].Kind, true
		}
	}
	return 0, false
}

// newCommonCase keeps values with one of the phrases, or that are one of them, in a
// way in which it is often written: as here, all letters small, all capital, the
// first capital and the others small, or only the first letter changed.
func newCommonCase(field, name string, phrases []string) filter {
	var all []string
	for _, phrase := range phrases {
		first, size := utf8.DecodeRuneInString(phrase)
		lower, rest := strings.ToLower(phrase), phrase[size:]
		all = append(all, phrase, lower, strings.ToUpper(phrase))
		if first != utf8.RuneError {
			all = append(all, string(unicode.ToUpper(first))+strings.ToLower(rest), string(unicode.ToUpper(first))+rest, string(unicode.ToLower(first))+rest)
		}
	}
	all = unique(all)
	made := newContains(field, "contains_any", all)
	if name == "equals_common_case" {
		made = newIn(field, all)
	}
	f := made.(*fieldFilter)
	f.text, f.names = name+"("+quoteAll(phrases, quote, ",")+")", nil
	return f
}
