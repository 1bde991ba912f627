package column

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// Facts are what can be known of values without reading them: what bytes they have, how
// long they are, between which numbers they lie. Most of what is looked for is in few
// values, and facts tell which need not be read.
type Facts struct {
	kind    byte
	low     int64  // of integers; of padded numbers how many digits they have
	high    int64  // of integers
	bytes   uint64 // of texts: the sets of bytes that one of them has
	longest int    // of texts
}

// Kinds of facts. Their numbers are on disk.
const (
	factsText = iota
	factsHex  // hexadecimal digits in lower case, and dashes
	factsNumber
	factsInteger // a number without zeros before it
	factsPadded  // digits, as many in each
	factsAddress // IPv4
)

// setsOf are the sets of bytes that texts have or have not: each letter, whatever its
// case, is one, and so are capitals, digits, each of some signs, other ASCII and the rest.
var setsOf = func() (sets [256]uint64) {
	const signs = " -_./:=\"@%,()[]{}<>'#+*&?;|\\"
	for c := range 256 {
		b := byte(c)
		switch {
		case 'a' <= b && b <= 'z':
			sets[c] = 1 << (b - 'a')
		case 'A' <= b && b <= 'Z':
			sets[c] = 1<<(b-'A') | 1<<26
		case '0' <= b && b <= '9':
			sets[c] = 1 << 27
		case b < 0x80:
			sets[c] = 1 << 62
		default:
			sets[c] = 1 << 63
		}
	}
	for i := range len(signs) {
		sets[signs[i]] = 1 << (28 + i)
	}
	return sets
}()

func setsIn(text string) (sets uint64) {
	for i := range len(text) {
		sets |= setsOf[text[i]]
	}
	return sets
}

// Facts returns what is known of the values.
func (v *Values) Facts() Facts {
	switch v.typing.form {
	case hex, uuid:
		return Facts{kind: factsHex}
	case integer:
		return v.typing.facts(v.ints.least(), v.ints.most())
	case padded, ipv4, decimal:
		return v.typing.facts(0, 0)
	}
	f := Facts{kind: factsText}
	for _, c := range v.data {
		f.bytes |= setsOf[c]
	}
	for code := range v.n {
		f.longest = max(f.longest, len(v.text(code)))
	}
	return f
}

// TextFacts returns what is known of texts.
func TextFacts(texts []string) Facts {
	f := Facts{kind: factsText}
	for _, text := range texts {
		f.bytes |= setsIn(text)
		f.longest = max(f.longest, len(text))
	}
	return f
}

// facts returns what is known of numbers of the Typing between two.
func (t Typing) facts(low, high int64) Facts {
	switch t.form {
	case integer:
		return Facts{kind: factsInteger, low: low, high: high}
	case padded:
		return Facts{kind: factsPadded, low: int64(t.digits)}
	case ipv4:
		return Facts{kind: factsAddress}
	}
	return Facts{kind: factsNumber}
}

// The sets of bytes that values other than texts have.
var (
	digitSets   = setsIn("0")
	numberSets  = setsIn("0-.")
	addressSets = setsIn("0.")
	hexSets     = setsIn("0123456789abcdef-")
)

// sets returns the sets of bytes that the values may have; nil knows nothing.
func (f *Facts) sets() uint64 {
	if f == nil {
		return ^uint64(0)
	}
	switch f.kind {
	case factsText:
		return f.bytes
	case factsHex:
		return hexSets
	case factsPadded:
		return digitSets
	case factsAddress:
		return addressSets
	}
	return numberSets
}

// What texts may have that is not written as it is within a string of JSON, and beyond ASCII.
var (
	escapedSets = setsIn("\"\\\x00\x1f\x7f\x80")
	wideSets    = setsIn("\x80")
)

// AreASCII reports whether all values are known to be ASCII.
func (f *Facts) AreASCII() bool { return f.sets()&wideSets == 0 }

// ArePlain reports whether it is known that JSON writes the values as they are between quotes.
func (f *Facts) ArePlain() bool { return f.sets()&escapedSets == 0 }

// May reports whether one of the values may hold a text. Whole says that no letter and no
// digit may stand beside it.
func (f *Facts) May(text string, whole bool) bool {
	switch f.kind {
	case factsHex:
		return len(text) <= maxHex && consistsOf(text, isHexOrDash)
	case factsNumber:
		return isOfNumber(text, 1)
	case factsInteger:
		if !isOfNumber(text, 0) {
			return false
		}
		n, ok := parseInteger(text)
		return !whole || !ok || f.low <= n && n <= f.high || f.low <= -n && -n <= f.high
	case factsPadded:
		return consistsOf(text, isDigit) && (int64(len(text)) == f.low || !whole && int64(len(text)) < f.low)
	case factsAddress:
		if !isOfAddress(text) {
			return false
		}
		for part := range strings.SplitSeq(text, ".") {
			if len(part) > 3 || !consistsOf(part, isDigit) {
				return false
			}
		}
		return true
	}
	return len(text) <= f.longest && setsIn(text)&^f.bytes == 0
}

// Append encodes f.
func (f *Facts) Append(dst []byte) []byte {
	dst = append(dst, f.kind)
	switch f.kind {
	case factsText:
		dst = binary.BigEndian.AppendUint64(dst, f.bytes)
		dst = binary.AppendUvarint(dst, uint64(f.longest))
	case factsInteger:
		dst = binary.AppendVarint(binary.AppendVarint(dst, f.low), f.high)
	case factsPadded:
		dst = append(dst, byte(f.low))
	}
	return dst
}

// DecodeFacts reads what Append wrote, and returns what is behind it.
func DecodeFacts(data []byte) (f Facts, rest []byte, ok bool) {
	r := Reader{Data: data}
	f.kind = r.Byte()
	switch f.kind {
	case factsText:
		if b := r.Bytes(8); len(b) == 8 {
			f.bytes = binary.BigEndian.Uint64(b)
		}
		n := r.Uvarint()
		f.longest = int(n)
		if bits.Len64(n) > 31 {
			r.Fail()
		}
	case factsInteger:
		f.low, f.high = r.Varint(), r.Varint()
	case factsPadded:
		f.low = int64(r.Byte())
	case factsHex, factsNumber, factsAddress:
	default:
		r.Fail()
	}
	return f, r.Data, !r.Failed
}
