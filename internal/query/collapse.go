package query

import (
	"strings"
	"unicode/utf8"
)

// collapsed stands for a number in a text.
const collapsed = "<N>"

// collapseNumbers writes <N> for each decimal or hexadecimal number: a run of
// digits and letters from a to f that is a word of its own. Letters that numbers
// are often written with, as T in a time or ms in a duration, may stand next to it.
// With letters from a to f in it, it is a number only if it has at least four digits
// and evenly many: be and abc are words, cafe01 is none.
func collapseNumbers(s string) string {
	var b []byte
	done := 0 // what of s is in b
	before := rune(0)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !isHexDigit(r) || before != 0 && isWordRune(before) && !strings.ContainsRune("TXxvshm", before) {
			before = r
			i += size
			continue
		}
		end := i
		for end < len(s) && isHexDigit(rune(s[end])) {
			end++
		}
		after, _ := utf8.DecodeRuneInString(s[end:])
		if end == len(s) || !isWordRune(after) || strings.ContainsRune("TZsmhµμun", after) {
			if isNumeral(s[i:end]) {
				b = append(append(b, s[done:i]...), collapsed...)
				done = end
			}
		}
		before = rune(s[end-1])
		i = end
	}
	if done == 0 && b == nil {
		return s
	}
	return string(append(b, s[done:]...))
}

func isHexDigit(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'f' && r < utf8.RuneSelf
}

func isNumeral(s string) bool {
	decimal := strings.Trim(s, "0123456789") == ""
	return decimal || len(s) >= 4 && len(s)%2 == 0
}

// numeralShapes are numbers that stand together, and what they are then called.
// tails may follow and belong to them.
var numeralShapes = []struct {
	shape, name string
	tails       []string
}{
	{"<N>-<N>-<N>-<N>-<N>", "<UUID>", nil},
	{"<N>.<N>.<N>.<N>", "<IP4>", nil},
	{"<N>:<N>:<N>", "<TIME>", []string{".<N>", ",<N>"}},
	{"<N>-<N>-<N>", "<DATE>", nil},
	{"<N>/<N>/<N>", "<DATE>", nil},
	{"<DATE>T<TIME>", "<DATETIME>", []string{"Z", "-<N>:<N>", "+<N>:<N>"}},
	{"<DATE> <TIME>", "<DATETIME>", []string{"Z", "-<N>:<N>", "+<N>:<N>"}},
}

// nameNumbers names what collapsed numbers are together.
func nameNumbers(s string) string {
	for _, shape := range numeralShapes {
		text, rest, found := strings.Cut(s, shape.shape)
		if !found {
			continue
		}
		var b strings.Builder
		for found {
			b.WriteString(text + shape.name)
			for _, tail := range shape.tails {
				if after, ok := strings.CutPrefix(rest, tail); ok {
					rest = after
					break
				}
			}
			text, rest, found = strings.Cut(rest, shape.shape)
		}
		s = b.String() + text
	}
	return s
}
