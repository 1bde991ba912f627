package column

import (
	"github.com/cespare/xxhash/v2"
)

// A word, for the filters of blocks, is as many ASCII letters and digits as stand side
// by side; all other bytes end it. So whatever a query takes for a word or a phrase
// begins and ends where words do here, and has these inside.
//
// Not every word has a key. Without are those that most blocks have anyway, so that a
// filter would only be large: numbers of up to four digits, and the groups of four and
// of twelve of a UUID, of which the first group says enough. A word without a key may
// be anywhere. Whether a word has one depends on the word alone. Numbers of up to
// shortDigits digits have keys of their own kind, for a NumberSet.
const (
	minNumber   = 5 // digits
	shortDigits = 7
	minWord     = 2
	uuidGroup   = 4
	uuidLast    = 12
	leastKeyed  = 10_000     // the smallest number that has a key
	leastLong   = 10_000_000 // the smallest with a key that is not of a short number
	shortKeys   = 1 << 32    // keys below are of short numbers: the numbers themselves
)

// ShortNumber returns the number of which key is the key, if it is one of few digits,
// which are gathered in a NumberSet and in no filter.
func ShortNumber(key uint64) (n uint64, ok bool) { return key, key < shortKeys }

// What a byte is in words.
const (
	isBreak  = 0
	isNumber = 1 << iota
	isHexLetter
	isLetter
)

var wordBytes = func() (kinds [256]byte) {
	for c := range 256 {
		switch {
		case '0' <= c && c <= '9':
			kinds[c] = isNumber
		case 'a' <= c && c <= 'f':
			kinds[c] = isHexLetter
		case 'g' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			kinds[c] = isLetter
		}
	}
	return kinds
}()

// hasKey reports whether a word of so many bytes, of such kinds, has a key.
func hasKey(kinds byte, length int) bool {
	switch kinds {
	case isNumber:
		return length >= minNumber
	case isNumber | isHexLetter:
		return length >= minWord && length != uuidGroup && length != uuidLast
	}
	return length >= minWord
}

// AppendKeys appends the keys of the words in text that have one.
func AppendKeys(dst []uint64, text string) []uint64 {
	for i := 0; i < len(text); i++ {
		kinds := wordBytes[text[i]]
		if kinds == isBreak {
			continue
		}
		start := i
		for i++; i < len(text); i++ {
			kind := wordBytes[text[i]]
			if kind == isBreak {
				break
			}
			kinds |= kind
		}
		if !hasKey(kinds, i-start) {
			continue
		}
		if kinds == isNumber && i-start <= shortDigits {
			n, _ := parseDigits(text[start:i])
			dst = append(dst, uint64(n))
			continue
		}
		dst = append(dst, xxhash.Sum64String(text[start:i])) // if it is one of a short number, it is taken for that everywhere
	}
	return dst
}

// PhraseKeys returns the keys of the words that each text has which holds phrase. Left
// and right say that no word may go on beyond it there.
func PhraseKeys(phrase string, left, right bool) []uint64 {
	for !left && phrase != "" && wordBytes[phrase[0]] != isBreak {
		phrase = phrase[1:]
	}
	for n := len(phrase); !right && n > 0 && wordBytes[phrase[n-1]] != isBreak; n-- {
		phrase = phrase[:n-1]
	}
	return AppendKeys(nil, phrase)
}

// AppendKeys appends the keys of the words in the values with codes from from to to, to
// not included.
func (v *Values) AppendKeys(dst []uint64, from, to int, buffer *[]byte) []uint64 {
	switch t := v.typing; {
	case t.form == text:
		for code := from; code < to; code++ {
			dst = AppendKeys(dst, v.text(code))
		}
		return dst
	case t.form == padded || t.form == ipv4:
		if !t.mayHaveWords(minNumber, 0, 0) {
			return dst
		}
	case t.form == decimal:
		if v.ints.n > 0 && !t.mayHaveWords(minNumber, v.ints.least(), v.ints.most()) {
			return dst
		}
	}
	for code := from; code < to; code++ {
		if v.typing.form == integer {
			if n := v.ints.At(code); n > -leastLong && n < leastLong {
				if n = max(n, -n); n >= leastKeyed {
					dst = append(dst, uint64(n))
				}
				continue
			}
		}
		dst = AppendKeys(dst, v.Text(code, buffer))
	}
	return dst
}

// mayHaveWords reports whether a number of the Typing between two may have a word of so
// many digits or more.
func (t Typing) mayHaveWords(digits int, low, high int64) bool {
	limit := int64(powers[digits-1])
	switch t.form {
	case ipv4:
		return false
	case padded:
		return t.digits >= digits
	case decimal:
		if t.digits >= digits {
			return true
		}
		limit *= int64(powers[t.digits]) // at most 10^7 times 10^7
	}
	return low <= -limit || high >= limit
}

// addShort adds the words of a number of the Typing to a set. It has none that is longer.
func (t Typing) addShort(n int64, to *NumberSet) {
	switch t.form {
	case integer:
		if n = max(n, -n); n >= leastKeyed {
			to.Add(uint64(n))
		}
	case padded:
		to.Add(uint64(n))
	case decimal:
		n = max(n, -n)
		if whole := n / int64(powers[t.digits]); whole >= leastKeyed {
			to.Add(uint64(whole))
		}
		if t.digits >= minNumber {
			to.Add(uint64(n) % powers[t.digits])
		}
	}
}

// EndsInWord reports whether text ends within a word, and BeginsInWord whether it
// begins within one. Of the empty text both is said, as it keeps nothing apart.
func EndsInWord(text string) bool { return text == "" || wordBytes[text[len(text)-1]] != isBreak }

// BeginsInWord reports whether text begins within a word; see EndsInWord.
func BeginsInWord(text string) bool { return text == "" || wordBytes[text[0]] != isBreak }
