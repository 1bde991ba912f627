package query

import (
	"strings"
	"unicode/utf8"
)

// A needle is a text that each value has which a filter lets in. Looking for it finds
// the values that are worth to be asked; often it says all there is to say.
type needle struct {
	text string
	// left and right say that no word may go on beyond it there.
	left, right bool
	// exact says that the filter lets in all values that have it so.
	exact bool
}

// wordNeedle returns the needle of a phrase, of which the last word may go on if
// whole is false; nil for the empty one, which is not looked for.
func wordNeedle(phrase string, whole bool) *needle {
	if phrase == "" {
		return nil
	}
	first, _ := utf8.DecodeRuneInString(phrase)
	last, _ := utf8.DecodeLastRuneInString(phrase)
	return &needle{text: phrase, left: isWordRune(first), right: whole && isWordRune(last), exact: true}
}

// partNeedle returns the needle of a filter that asks for more than text.
func partNeedle(text string) *needle {
	if text == "" {
		return nil
	}
	return &needle{text: text}
}

// phrasesNeedle returns the needle of a filter that asks for all of the phrases.
func phrasesNeedle(phrases []string) *needle {
	longest := ""
	for _, p := range phrases {
		if len(p) > len(longest) {
			longest = p
		}
	}
	n := wordNeedle(longest, true)
	if n != nil {
		n.exact = false
	}
	return n
}

// whole reports whether the needle is whole words; see column.Values.Find.
func (n *needle) whole() bool { return n.left && n.right }

// An answer is what is known of a place or a row.
type answer uint8

const (
	no      answer = iota
	perhaps        // what stands beside it decides, and is not the same for all
	yes
)

// An edge says of each end of a part whether a word that ends there is whole, as far
// as what stands beside the part says.
type edge struct{ left, right answer }

// look returns whether text, with edge beside it, has the needle.
func (n *needle) look(text string, beside edge) answer {
	best := no
	for at := 0; ; at++ {
		k := strings.Index(text[at:], n.text)
		if k < 0 {
			return best
		}
		at += k
		a := min(n.startsAt(text, at, beside.left), n.endsAt(text, at+len(n.text), beside.right))
		if a == yes {
			return yes
		}
		best = max(best, a)
	}
}

func (n *needle) startsAt(text string, at int, beside answer) answer {
	switch {
	case !n.left:
		return yes
	case at == 0:
		return beside
	}
	return endOf(text[:at])
}

func (n *needle) endsAt(text string, end int, beside answer) answer {
	switch {
	case !n.right:
		return yes
	case end == len(text):
		return beside
	}
	return startOf(text[end:])
}

// endOf returns whether a word can begin behind text, a part of a message: perhaps,
// where only a piece of a letter is there.
func endOf(text string) answer {
	if c := text[len(text)-1]; c < utf8.RuneSelf {
		return unless(isWordRune(rune(c)))
	}
	r, _ := utf8.DecodeLastRuneInString(text)
	if r == utf8.RuneError {
		return perhaps
	}
	return unless(isWordRune(r))
}

// startOf returns whether a word can end before text.
func startOf(text string) answer {
	if text[0] < utf8.RuneSelf {
		return unless(isWordRune(rune(text[0])))
	}
	r, _ := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError {
		return perhaps
	}
	return unless(isWordRune(r))
}

func unless(is bool) answer {
	if is {
		return no
	}
	return yes
}
