package column

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unsafe"
)

// Find returns the codes of the values that hold a text, growing. Whole says that
// only such are of interest in which no letter or digit stands beside it, and that it
// begins and ends with one itself; there may be others among those that are returned.
func (v *Values) Find(sought string, whole bool) []int {
	if !v.May(sought) {
		return nil
	}
	if v.typing.form == text {
		return v.findText(sought)
	}
	if whole {
		if codes, ok := v.findNumber(sought); ok {
			return codes
		}
	}
	return v.findWritten(sought)
}

// May reports whether one of the values may hold a text, as far as that can be told
// quickly.
func (v *Values) May(hold string) bool {
	switch v.typing.form {
	case text:
		if len(hold) > len(v.data) {
			return false
		}
		v.once.Do(func() { v.pairs = newPairs(v.data) })
		return v.pairs.may(hold)
	case hex, uuid:
		return consistsOf(hold, isHexOrDash)
	case padded:
		return len(hold) <= v.typing.digits && consistsOf(hold, isDigit)
	case ipv4:
		return isOfAddress(hold)
	case decimal:
		return isOfNumber(hold, 1)
	}
	return isOfNumber(hold, 0)
}

func consistsOf(s string, of func(c byte) bool) bool {
	for i := range len(s) {
		if !of(s[i]) {
			return false
		}
	}
	return true
}

func isHexOrDash(c byte) bool { return nibbles[c] < 16 || c == '-' }

// isOfNumber reports whether a text may be a part of a number with so many points.
func isOfNumber(s string, points int) bool {
	return len(s) <= 2+maxDigits && strings.LastIndexByte(s, '-') <= 0 && strings.Count(s, ".") <= points &&
		consistsOf(s, func(c byte) bool { return isDigit(c) || c == '-' || c == '.' })
}

func isOfAddress(s string) bool {
	return len(s) <= len("255.255.255.255") && strings.Count(s, ".") <= 3 && consistsOf(s, func(c byte) bool { return isDigit(c) || c == '.' })
}

// findText looks through all values at once, as their bytes lie together.
func (v *Values) findText(sought string) (codes []int) {
	all := unsafe.String(unsafe.SliceData(v.data), len(v.data))
	for code, at := 0, 0; code < v.n; {
		n := index(all[at:], sought)
		if n < 0 {
			break
		}
		at += n
		code += v.ending(code, int64(at))
		if code == v.n {
			break
		}
		if end := v.ends.At(code); int64(at+len(sought)) <= end {
			codes = append(codes, code)
			at = int(end)
			code++
		} else {
			at++ // it goes on into the next value
		}
	}
	return codes
}

// ending returns how many values from code on end at or before a place. It looks near
// first.
func (v *Values) ending(code int, at int64) int {
	low, high := 0, 1
	for code+high <= v.n && v.ends.At(code+high-1) <= at {
		low, high = high, 2*high
	}
	high = min(high, v.n-code+1)
	for low+1 < high { // low end before, high do not
		middle := (low + high) / 2
		if v.ends.At(code+middle-1) <= at {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// findWritten writes each value.
func (v *Values) findWritten(sought string) (codes []int) {
	var buffer []byte
	want := []byte(sought)
	for code := range v.n {
		buffer = v.Append(buffer[:0], code)
		if bytes.Contains(buffer, want) {
			codes = append(codes, code)
		}
	}
	return codes
}

// findNumber compares numbers, if what is sought says enough.
func (v *Values) findNumber(sought string) (codes []int, ok bool) {
	switch v.typing.form {
	case integer:
		n, ok := parseInteger(sought)
		if !ok || n == math.MinInt64 {
			return nil, !ok && consistsOf(sought, isDigit) // 007 is no integer, nor are twenty digits
		}
		return v.equal(v.equal(nil, n), -n), true // the 5 of -5 has no digit beside it
	case padded:
		n, ok := parseDigits(sought)
		if !ok || len(sought) != v.typing.digits {
			return nil, consistsOf(sought, isDigit)
		}
		return v.equal(nil, n), true
	case decimal:
		return v.findDecimal(sought)
	case ipv4:
		return v.findOctets(sought)
	}
	return nil, false
}

// findDecimal finds numbers with a point by all of them, or by the digits on one side of it.
func (v *Values) findDecimal(sought string) (codes []int, ok bool) {
	digits := v.typing.digits
	if strings.Contains(sought, ".") {
		n, ok := parseDecimal(sought, digits)
		if !ok {
			return nil, sought[0] != '-'
		}
		return v.equal(v.equal(nil, n), -n), true
	}
	n, ok := parseDigits(sought)
	if !ok || digits >= maxDigits {
		return nil, false
	}
	power := int64(powers[digits]) // there is a digit before the point, so it fits
	before, behind := sought[0] != '0' || len(sought) == 1, len(sought) == digits
	for code := range v.n {
		x := v.ints.At(code)
		if x < 0 {
			x = -x
		}
		if before && x/power == n || behind && x%power == n {
			codes = append(codes, code)
		}
	}
	return codes, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// equal appends the codes of a number. Of 0 they are there already.
func (v *Values) equal(codes []int, n int64) []int {
	if len(codes) > 0 && n == 0 {
		return codes
	}
	start := len(codes)
	d := uint64(n) - uint64(v.ints.base)
	switch x := &v.ints; {
	case x.eight != nil:
		for i, y := range x.eight {
			if y == n {
				codes = append(codes, i)
			}
		}
	case d>>32 != 0:
	case x.one != nil:
		for i := 0; d < 1<<8; i++ {
			k := bytes.IndexByte(x.one[i:], byte(d))
			if k < 0 {
				break
			}
			i += k
			codes = append(codes, i)
		}
	case x.two != nil:
		for i, y := range x.two {
			if uint64(y) == d {
				codes = append(codes, i)
			}
		}
	case x.four != nil:
		for i, y := range x.four {
			if uint64(y) == d {
				codes = append(codes, i)
			}
		}
	case d == 0:
		for i := range x.n {
			codes = append(codes, i)
		}
	}
	if start > 0 && len(codes) > start {
		return merged(codes[:start], codes[start:])
	}
	return codes
}

// merged merges two growing lists.
func merged(a, b []int) []int {
	out := make([]int, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// findOctets finds addresses by some of their numbers, one behind the other.
func (v *Values) findOctets(sought string) (codes []int, ok bool) {
	parts := strings.Split(sought, ".")
	want := int64(0)
	for _, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil || len(part) > 1 && part[0] == '0' {
			return nil, part != "" && part[0] != '-'
		}
		want = want<<8 | int64(n)
	}
	if len(parts) > 4 {
		return nil, true
	}
	if len(parts) == 4 {
		return v.equal(nil, want), true
	}
	mask := int64(1)<<(8*len(parts)) - 1
	for code := range v.n {
		ip := v.ints.At(code)
		for range 5 - len(parts) {
			if ip&mask == want {
				codes = append(codes, code)
				break
			}
			ip >>= 8
		}
	}
	return codes, true
}

// AreNumbers reports whether all values are numbers as JSON writes them.
func (v *Values) AreNumbers() bool { return v.typing.form == integer || v.typing.form == decimal }
