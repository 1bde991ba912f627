package query

import (
	"strings"
	"unicode/utf8"
)

// phraseAt returns where phrase first stands in s as whole words: where it
// begins with a word, no word may run into it from the left, and where it ends
// with one, none may go on to the right. It returns -1 when it does not.
func phraseAt(s, phrase string) int {
	return findWords(s, phrase, true)
}

// findWords is phraseAt; when whole is false the last word may go on.
func findWords(s, phrase string, whole bool) int {
	if phrase == "" {
		return 0
	}
	first, _ := utf8.DecodeRuneInString(phrase)
	last, _ := utf8.DecodeLastRuneInString(phrase)
	starts, ends := isWordRune(first), whole && isWordRune(last)
	for pos := 0; ; pos++ {
		n := strings.Index(s[pos:], phrase)
		if n < 0 {
			return -1
		}
		pos += n
		if starts && pos > 0 && endsInWord(s[:pos]) {
			continue
		}
		if end := pos + len(phrase); ends && end < len(s) && startsWithWord(s[end:]) {
			continue
		}
		return pos
	}
}

// A byte that is not UTF-8 counts as part of a word beside one: half a letter
// is no boundary.

func endsInWord(s string) bool {
	if c := s[len(s)-1]; c < utf8.RuneSelf {
		return isWordRune(rune(c))
	}
	r, _ := utf8.DecodeLastRuneInString(s)
	return r == utf8.RuneError || isWordRune(r)
}

func startsWithWord(s string) bool {
	if s[0] < utf8.RuneSelf {
		return isWordRune(rune(s[0]))
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r == utf8.RuneError || isWordRune(r)
}

// cutWord returns the first word of s, or "" where there is none, and what is behind
// it.
func cutWord(s string) (word, rest string) {
	start := strings.IndexFunc(s, isWordRune)
	if start < 0 {
		return "", ""
	}
	s = s[start:]
	end := strings.IndexFunc(s, func(r rune) bool { return !isWordRune(r) })
	if end < 0 {
		return s, ""
	}
	return s[:end], s[end:]
}

// longestWord returns the longest word of s, or "" where there is none or where s has
// bytes that are not UTF-8, beside which a word may go on.
func longestWord(s string) string {
	longest := ""
	if !utf8.ValidString(s) {
		return ""
	}
	for s != "" {
		var word string
		if word, s = cutWord(s); len(word) > len(longest) {
			longest = word
		}
	}
	return longest
}

// matchPhrase reports whether s has phrase as whole words. The empty phrase
// stands for the empty text.
func matchPhrase(s, phrase string) bool {
	if phrase == "" {
		return s == ""
	}
	return phraseAt(s, phrase) >= 0
}

// matchPrefix reports whether s has a word, or a run of words, that begins with
// prefix. The empty prefix stands for any text but the empty one.
func matchPrefix(s, prefix string) bool {
	if prefix == "" {
		return s != ""
	}
	return findWords(s, prefix, false) >= 0
}

// matchSequence reports whether s has the phrases one behind the other.
func matchSequence(s string, phrases []string) bool {
	for _, phrase := range phrases {
		n := phraseAt(s, phrase)
		if n < 0 {
			return false
		}
		s = s[n+len(phrase):]
	}
	return true
}
