package query

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// An orderKey is a value as it is compared: nothing before numbers, numbers
// before times, times before all other texts, those in natural order (a2 before
// a10). Unlike comparing pair by pair, by number where both are numbers and by
// text where not, this is an order: a < b and b < c give a < c.
type orderKey struct {
	class uint8
	f     float64 // of a number
	i     int64   // of an integer that a float64 cannot hold exactly; of a time; 1 more than an IPv4 address
	s     string  // of a text
}

const (
	classEmpty = iota
	classNumber
	classTime
	classText
)

// maxExact is the first integer whose successor is no float64.
const maxExact = 1 << 53

func keyOf(s string) orderKey {
	if s == "" {
		return orderKey{}
	}
	if f, ok := parseNumber(s); ok && !math.IsNaN(f) {
		k := orderKey{class: classNumber, f: f}
		if f >= maxExact || f <= -maxExact {
			k.i, _ = strconv.ParseInt(s, 10, 64)
		}
		return k
	}
	if ns, ok := parseTimestamp(s); ok {
		return timeKey(ns)
	}
	k := orderKey{class: classText, s: s}
	if ip, ok := parseIPv4(s); ok {
		k.i = int64(ip) + 1
	}
	return k
}

func timeKey(ns int64) orderKey { return orderKey{class: classTime, i: ns} }

func compareKeys(a, b *orderKey) int {
	if a.class != b.class {
		return int(a.class) - int(b.class)
	}
	switch a.class {
	case classNumber:
		if a.f != b.f {
			return cmp.Compare(a.f, b.f)
		}
		return cmp.Compare(a.i, b.i)
	case classTime:
		return cmp.Compare(a.i, b.i)
	case classText:
		if a.i > 0 && b.i > 0 {
			return cmp.Compare(a.i, b.i) // the natural order of addresses
		}
		return compareNatural(a.s, b.s)
	}
	return 0
}

// compareTexts orders by key and, where keys are equal ("1" and "1.0"), by text.
func compareTexts(a, b string) int {
	ka, kb := keyOf(a), keyOf(b)
	if c := compareKeys(&ka, &kb); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// compareNatural compares runs of digits by their number and all else by byte;
// digits come before other bytes.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		da, db := isDigit(a[0]), isDigit(b[0])
		switch {
		case da && db:
			na, nb := digits(a), digits(b)
			if c := compareDigits(a[:na], b[:nb]); c != 0 {
				return c
			}
			a, b = a[na:], b[nb:]
		case da:
			return -1
		case db:
			return 1
		case a[0] != b[0]:
			return int(a[0]) - int(b[0])
		default:
			a, b = a[1:], b[1:]
		}
	}
	return len(a) - len(b)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// compareDigits compares numbers of any length; 7 comes before 07.
func compareDigits(a, b string) int {
	ta, tb := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(ta) != len(tb) {
		return len(ta) - len(tb)
	}
	if c := strings.Compare(ta, tb); c != 0 {
		return c
	}
	return len(a) - len(b)
}
