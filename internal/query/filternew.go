package query

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/llama-logs/llama"
)

// The filters of one field's text, each with its normal form.

// newPhrase keeps values that hold the words of phrase. Collections are named
// whole: a word of one's name is not its name.
func newPhrase(field, phrase string) filter {
	if field == llama.NameCollection {
		return newExact(field, phrase)
	}
	return &fieldFilter{
		field: canonical(field), text: quote(phrase), cost: costText,
		match: func(s string) bool { return matchPhrase(s, phrase) }, needle: wordNeedle(phrase, true),
	}
}

// newAny keeps rows with a text in the field; of messages, all rows.
func newAny(field string) filter {
	if canonical(field) == llama.NameMessage {
		return allFilter{}
	}
	return newPrefix(field, "")
}

func newPrefix(field, prefix string) filter {
	if field == llama.NameCollection && prefix != "" {
		return newExactPrefix(field, prefix)
	}
	text := "*"
	if prefix != "" {
		text = quote(prefix) + "*"
	}
	return &fieldFilter{
		field: canonical(field), text: text, cost: costText,
		match: func(s string) bool { return matchPrefix(s, prefix) }, needle: wordNeedle(prefix, false),
	}
}

func newExact(field, value string) filter {
	return &fieldFilter{
		field: canonical(field), text: "=" + quote(value), cost: costNumber, names: []string{value},
		match: func(s string) bool { return s == value }, needle: partNeedle(value),
	}
}

func newExactPrefix(field, prefix string) filter {
	text := "=*"
	if prefix != "" {
		text = "=" + quote(prefix) + "*"
	}
	return &fieldFilter{
		field: canonical(field), text: text, cost: costNumber,
		match: func(s string) bool { return strings.HasPrefix(s, prefix) }, needle: partNeedle(prefix), begin: prefix,
	}
}

// newCompare keeps values that are numbers, times or addresses on one side of
// bound.
func newCompare(field, op, text string, bound float64) filter {
	f := &fieldFilter{field: canonical(field), text: op + quoteNumber(text), cost: costNumber}
	var in func(float64) bool
	switch op {
	case ">":
		in = func(v float64) bool { return v > bound }
	case ">=":
		in = func(v float64) bool { return v >= bound }
	case "<":
		in = func(v float64) bool { return v < bound }
	default:
		in = func(v float64) bool { return v <= bound }
	}
	f.match = func(s string) bool {
		v, ok := parseScalar(s)
		return ok && in(v)
	}
	return f
}

// newCompareText compares bytes, as string_range does.
func newCompareText(field, op, bound string) filter {
	f := &fieldFilter{field: canonical(field), text: op + quoteText(bound), cost: costNumber}
	switch op {
	case ">":
		f.match = func(s string) bool { return s > bound }
	case ">=":
		f.match = func(s string) bool { return s >= bound }
	case "<":
		f.match = func(s string) bool { return s < bound }
	default:
		f.match = func(s string) bool { return s <= bound }
	}
	return f
}

// newAnyCase keeps values that match when letters are taken for small ones.
func newAnyCase(field, text string, prefix bool) filter {
	lower := strings.ToLower(text)
	f := &fieldFilter{field: canonical(field), text: "i(" + quote(text) + ")", cost: costText}
	f.match = func(s string) bool { return matchPhrase(toLower(s), lower) }
	if prefix {
		f.match = func(s string) bool { return matchPrefix(toLower(s), lower) }
		f.text = "i(*)"
		if text != "" {
			f.text = "i(" + quote(text) + "*)"
		}
	}
	return f
}

// toLower is strings.ToLower, which copies nothing where nothing changes.
func toLower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

func newIn(field string, values []string) filter {
	f := &fieldFilter{
		field: canonical(field), text: "in(" + quoteAll(values, quote, ",") + ")", cost: costNumber, names: values,
	}
	set := make(map[string]bool, len(values))
	for _, v := range values {
		set[v] = true
	}
	f.match = func(s string) bool { return set[s] }
	return f
}

// newContains keeps values that hold all phrases, or any. Each text holds the empty
// phrase.
func newContains(field, name string, phrases []string) filter {
	f := &fieldFilter{field: canonical(field), text: name + "(" + quoteAll(phrases, quote, ",") + ")", cost: costText}
	if name == "contains_any" {
		f.oneOf, f.match = phrases, anyPhrase(phrases)
		return f
	}
	f.needle, f.allOf = phrasesNeedle(phrases), phrases
	f.match = func(s string) bool {
		for _, p := range phrases {
			if p != "" && !matchPhrase(s, p) {
				return false
			}
		}
		return true
	}
	return f
}

// anyPhrase returns what reports whether a text holds one of the phrases. Many are
// looked for by a word of each: a phrase is in a text only where all its words are.
func anyPhrase(phrases []string) func(string) bool {
	plain := phrases // those that are tried one by one
	byWord := map[string][]string{}
	if len(phrases) > 8 {
		plain = nil
		for _, phrase := range phrases {
			if word := longestWord(phrase); word != "" {
				byWord[word] = append(byWord[word], phrase)
			} else {
				plain = append(plain, phrase)
			}
		}
	}
	return func(s string) bool {
		if slices.ContainsFunc(plain, func(p string) bool { return p == "" || matchPhrase(s, p) }) {
			return true
		}
		for rest := s; rest != "" && len(byWord) > 0; {
			var word string
			word, rest = cutWord(rest)
			if slices.ContainsFunc(byWord[word], func(p string) bool { return matchPhrase(s, p) }) {
				return true
			}
		}
		return false
	}
}

func newSequence(field string, phrases []string) filter {
	return &fieldFilter{
		field: canonical(field), text: "seq(" + quoteAll(phrases, quote, ",") + ")", cost: costText,
		match: func(s string) bool { return matchSequence(s, phrases) }, needle: phrasesNeedle(phrases), allOf: phrases,
	}
}

func newIPv4Range(field string, low, high uint32) filter {
	return &fieldFilter{
		field: canonical(field), text: "ipv4_range(" + formatIPv4(low) + ", " + formatIPv4(high) + ")", cost: costNumber,
		match: func(s string) bool {
			ip, ok := parseIPv4(s)
			return ok && low <= ip && ip <= high
		},
	}
}

func newStringRange(field, low, high string) filter {
	return &fieldFilter{
		field: canonical(field), text: "string_range(" + quote(low) + ", " + quote(high) + ")", cost: costNumber,
		match: func(s string) bool { return low <= s && s < high },
	}
}

func newLenRange(field string, low, high uint64, text string) filter {
	return &fieldFilter{
		field: canonical(field), text: text, cost: costNumber,
		match: func(s string) bool {
			n := uint64(utf8.RuneCountInString(s))
			return low <= n && n <= high
		},
	}
}

func newRange(field string, low, high float64, text string) filter {
	return &fieldFilter{
		field: canonical(field), text: text, cost: costNumber,
		match: func(s string) bool {
			v, ok := parseScalar(s)
			return ok && low <= v && v <= high
		},
	}
}

// newFieldPair compares two fields: as numbers where both are, else as texts.
func newFieldPair(field, name, other string) filter {
	f := &pairFilter{field: canonical(field), other: other, text: name + "(" + quote(other) + ")"}
	switch name {
	case "eq_field":
		f.match = func(a, b string) bool { return a == b }
	case "le_field":
		f.match = func(a, b string) bool { return comparePair(a, b) <= 0 }
	default:
		f.match = func(a, b string) bool { return comparePair(a, b) < 0 }
	}
	return f
}

func comparePair(a, b string) int {
	if fa, ok := parseScalar(a); ok {
		if fb, ok := parseScalar(b); ok {
			switch {
			case fa < fb:
				return -1
			case fa > fb || math.IsNaN(fa) || math.IsNaN(fb):
				return 1
			}
			return 0
		}
	}
	return strings.Compare(a, b)
}
