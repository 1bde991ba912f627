package query

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/llama-logs/llama"
)

// packPipe writes the fields of a row that have a text into one, in the order of its
// patterns: as a JSON object of strings, or as name=value pairs.
type packPipe struct {
	kind   string   // pack_json or pack_logfmt
	fields []string // patterns; none stands for all
	to     string
}

func (p *parser) pack(kind string) pipe {
	k := &packPipe{kind: kind, to: llama.NameMessage}
	if p.accept("fields") {
		k.fields = p.names(p.fieldPattern)
	}
	if slices.Contains(k.fields, "*") {
		k.fields = nil
	}
	if p.accept("as") || !p.atEnd() {
		k.to = p.fieldName()
	}
	return k
}

func (k *packPipe) write(b *strings.Builder) {
	b.WriteString(k.kind)
	if len(k.fields) > 0 {
		b.WriteString(" fields (" + quoteAll(k.fields, quoteField, ", ") + ")")
	}
	if k.to != llama.NameMessage {
		b.WriteString(" as " + quote(k.to))
	}
}

func (k *packPipe) apply(c *chunk) error {
	text, kind := jsonObject, llama.Object
	if k.kind == "pack_logfmt" {
		text, kind = logfmt, llama.String
	}
	t := &target{name: k.to}
	t.open(c, true)
	for i, r := range c.sel {
		if c.stopped(i) {
			return c.err
		}
		row, size := c.row(r, k.fields, false), 0
		for _, f := range row {
			size += len(f.Name) + len(f.Value)
		}
		if size > maxMade {
			return errMade(k.kind)
		}
		packed := text(k.inOrder(row))
		if !c.charge(len(packed)) {
			return c.err
		}
		t.assign(r, packed, kind, 0)
	}
	t.close(c)
	return c.err
}

// inOrder puts the fields of row in the order of the patterns that mean them.
func (k *packPipe) inOrder(row Row) Row {
	place := func(f llama.Field) int {
		return slices.IndexFunc(k.fields, func(p string) bool { return matchField(p, f.Name) })
	}
	if len(k.fields) > 1 {
		slices.SortStableFunc(row, func(a, b llama.Field) int { return place(a) - place(b) })
	}
	return row
}

// logfmt writes the fields of a row that have a text as name=value pairs. Texts
// that would not be read back are quoted.
func logfmt(row Row) string {
	var b strings.Builder
	for _, f := range row {
		if f.Value == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.Name + "=")
		special := func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' }
		switch {
		case !utf8.ValidString(f.Value): // which JSON cannot write
			b.WriteString(strconv.Quote(f.Value))
		case strings.ContainsFunc(f.Value, special) || strings.IndexByte("'`", f.Value[0]) >= 0:
			b.Write(llama.AppendString(nil, f.Value))
		default:
			b.WriteString(f.Value)
		}
	}
	return b.String()
}

// logfmtFields reads name=value pairs. What stands without a value is a field
// without a text; what follows a quoted value without a space is left out.
func logfmtFields(s string) []llama.Field {
	var fields []llama.Field
	add := func(name, value string) {
		if name = strings.TrimSpace(name); name != "" || value != "" {
			fields = append(fields, llama.Field{Name: name, Value: value, Kind: kindOf(value)})
		}
	}
	for s != "" {
		n := strings.IndexAny(s, "= ")
		if n < 0 {
			add(s, "")
			break
		}
		name, sign := s[:n], s[n]
		s = s[n+1:]
		if sign == ' ' || s == "" {
			add(name, "")
			continue
		}
		if strings.IndexByte("\"'`", s[0]) >= 0 {
			if raw, text, ok := unquote(s); ok {
				add(name, text)
				if s = s[len(raw):]; s != "" && s[0] != ' ' {
					break
				}
				s = strings.TrimPrefix(s, " ")
				continue
			}
		}
		value, rest, _ := strings.Cut(s, " ")
		add(name, value)
		s = rest
	}
	return fields
}
