package query

import (
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// wordsPipe writes the words of a text as a JSON array.
type wordsPipe struct {
	from, to string
	distinct bool
}

func (p *parser) unpackWords() pipe {
	w := &wordsPipe{from: llama.NameMessage}
	if p.accept("from") || !p.atEnd() && !p.is("as", "drop_duplicates") {
		w.from = p.fieldName()
	}
	w.to = w.from
	if p.accept("as") || !p.atEnd() && !p.is("drop_duplicates") {
		w.to = p.fieldName()
	}
	w.distinct = p.accept("drop_duplicates")
	return w
}

func (w *wordsPipe) write(b *strings.Builder) {
	b.WriteString("unpack_words")
	if w.from != llama.NameMessage {
		b.WriteString(" from " + quote(w.from))
	}
	if w.to != w.from {
		b.WriteString(" as " + quote(w.to))
	}
	if w.distinct {
		b.WriteString(" drop_duplicates")
	}
}

func (w *wordsPipe) apply(c *chunk) error {
	return c.derive(nil, w.from, &target{name: w.to}, llama.Array, func(s string) string {
		words := strings.FieldsFunc(s, func(r rune) bool { return !isWordRune(r) })
		if w.distinct {
			words = unique(words)
		}
		return jsonArray(words)
	})
}

// unique drops texts that stood before.
func unique(list []string) []string {
	if len(list) < 16 {
		var out []string
		for _, s := range list {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
		return out
	}
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}
