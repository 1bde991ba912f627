package parse

import "strings"

// This file reads the times that logs are full of, without time.Parse: it is on
// the way of every event. Each reader takes the text at which the time should
// begin and returns its length, 0 when there is none.

// number2 reads two digits, -1 when they are not.
func number2(s string, at int) int {
	if at+1 >= len(s) || !isDigit(s[at]) || !isDigit(s[at+1]) {
		return -1
	}
	return int(s[at]-'0')*10 + int(s[at+1]-'0')
}

func number4(s string, at int) int {
	a, b := number2(s, at), number2(s, at+2)
	if a < 0 || b < 0 {
		return -1
	}
	return a*100 + b
}

func isDigit(c byte) bool  { return c-'0' <= 9 }
func isLetter(c byte) bool { return c|0x20-'a' < 26 }
func isBlank(c byte) bool  { return blankBits>>c&1 != 0 }

// blanks are the bytes that isBlank is true for.
const (
	blanks    = " \t\n\r"
	blankBits = uint64(1<<' ' | 1<<'\t' | 1<<'\n' | 1<<'\r')
)

// blankLen returns how many blanks s begins with.
func blankLen(s string) int {
	n := 0
	for n < len(s) && isBlank(s[n]) {
		n++
	}
	return n
}

// trimBlanks returns s without the blanks at its end.
func trimBlanks(s string) string {
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// byteAt returns a byte of s, 0 behind its end.
func byteAt(s string, at int) byte {
	if at < len(s) {
		return s[at]
	}
	return 0
}

var isoDate, isoHour, micros = formOf("0000-00-"), formOf("00T00:00"), formOf(".000000\x00")

// monthOf returns 1 to 12 for a month's first three letters in any case, else 0.
func monthOf(s string) int {
	if len(s) < 3 {
		return 0
	}
	switch uint32(s[0]|0x20)<<16 | uint32(s[1]|0x20)<<8 | uint32(s[2]|0x20) {
	case 'j'<<16 | 'a'<<8 | 'n':
		return 1
	case 'f'<<16 | 'e'<<8 | 'b':
		return 2
	case 'm'<<16 | 'a'<<8 | 'r':
		return 3
	case 'a'<<16 | 'p'<<8 | 'r':
		return 4
	case 'm'<<16 | 'a'<<8 | 'y':
		return 5
	case 'j'<<16 | 'u'<<8 | 'n':
		return 6
	case 'j'<<16 | 'u'<<8 | 'l':
		return 7
	case 'a'<<16 | 'u'<<8 | 'g':
		return 8
	case 's'<<16 | 'e'<<8 | 'p':
		return 9
	case 'o'<<16 | 'c'<<8 | 't':
		return 10
	case 'n'<<16 | 'o'<<8 | 'v':
		return 11
	case 'd'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// readClock reads 15:04:05 with an optional fraction after a dot or comma. The
// hour may have one digit.
func readClock(s string, out *stamp) int {
	at := 0
	if out.hour = number2(s, 0); out.hour >= 0 {
		at = 2
	} else if len(s) > 1 && isDigit(s[0]) && s[1] == ':' {
		out.hour, at = int(s[0]-'0'), 1
	} else {
		return 0
	}
	if byteAt(s, at) != ':' || byteAt(s, at+3) != ':' {
		return 0
	}
	out.minute, out.sec = number2(s, at+1), number2(s, at+4)
	if out.minute < 0 || out.sec < 0 {
		return 0
	}
	at += 6
	return at + readFraction(s[at:], out)
}

// readFraction reads .123456789 or ,123; digits beyond the ninth are dropped.
func readFraction(s string, out *stamp) int {
	if len(s) < 2 || s[0] != '.' && s[0] != ',' || !isDigit(s[1]) {
		return 0
	}
	if len(s) >= wordLen && !isDigit(s[7]) {
		if d, ok := micros.read(first8(s) &^ (0xff << 56)); ok {
			out.nano = (pair(d, 1)*10_000 + pair(d, 3)*100 + pair(d, 5)) * 1000
			return 7
		}
	}
	nano, scale, at := 0, 100_000_000, 1
	for ; at < len(s) && isDigit(s[at]); at++ {
		nano += int(s[at]-'0') * scale
		scale /= 10
	}
	out.nano = nano
	return at
}

// readOffset reads Z, +02:00, +0200 or +02.
func readOffset(s string, out *stamp) int {
	if s == "" {
		return 0
	}
	sign := 1
	switch s[0] {
	case 'Z', 'z':
		out.zoned, out.offset = true, 0
		return 1
	case '-':
		sign = -1
	case '+':
	default:
		return 0
	}
	hours := number2(s, 1)
	if hours < 0 || hours > 15 {
		return 0
	}
	at, minutes := 3, 0
	if byteAt(s, at) == ':' && number2(s, at+1) >= 0 {
		minutes, at = number2(s, at+1), at+3
	} else if m := number2(s, at); m >= 0 {
		minutes, at = m, at+2
	}
	out.zoned, out.offset = true, sign*(hours*3600+minutes*60)
	return at
}

// readISO reads 2006-01-02T15:04:05.999Z and its relatives: a blank for the T, a
// comma for the dot, slashes for the dashes, no zone.
func readISO(s string, out *stamp) int {
	if len(s) < 19 || s[4] != '-' && s[4] != '/' || s[7] != s[4] || s[10] != 'T' && s[10] != ' ' && s[10] != 't' {
		return 0
	}
	at := readPlainISO(s, out)
	if at == 0 {
		out.year, out.month, out.day = number4(s, 0), number2(s, 5), number2(s, 8)
		if out.year <= 0 || s[11] == ' ' {
			return 0
		}
		n := readClock(s[11:], out)
		if n == 0 {
			return 0
		}
		at = 11 + n
	}
	at += readOffset(s[at:], out)
	if out.zoned && byteAt(s, at) == 'Z' {
		at++ // some devices write +00:00Z
	}
	if !out.valid() {
		return 0
	}
	return at
}

// readPlainISO reads 2006-01-02T15:04:05.999 as nearly all write it.
func readPlainISO(s string, out *stamp) int {
	date, isDate := isoDate.read(first8(s))
	hour, isHour := isoHour.read(first8(s[8:]))
	sec := number2(s, 17)
	if !isDate || !isHour || s[16] != ':' || sec < 0 {
		return 0
	}
	out.year, out.month, out.day = pair(date, 0)*100+pair(date, 2), pair(date, 5), pair(hour, 0)
	if out.year == 0 {
		return 0
	}
	out.hour, out.minute, out.sec = pair(hour, 3), pair(hour, 6), sec
	return 19 + readFraction(s[19:], out)
}

// readBSD reads Jan _2 15:04:05 and what devices make of it: a year before or
// after the clock, a fraction, one blank or two, a weekday before.
func readBSD(s string, out *stamp) int {
	if out.month = monthOf(s); out.month == 0 || byteAt(s, 3) != ' ' {
		return 0
	}
	at := 4
	for at < 7 && byteAt(s, at) == ' ' {
		at++
	}
	if d := number2(s, at); d >= 0 {
		out.day, at = d, at+2
	} else if isDigit(byteAt(s, at)) {
		out.day, at = int(s[at]-'0'), at+1
	} else {
		return 0
	}
	if byteAt(s, at) != ' ' {
		return 0
	}
	at++
	if y := readYear(s[at:]); y > 0 && byteAt(s, at+4) == ' ' {
		out.year, at = y, at+5
	} else if byteAt(s, at) == ' ' {
		at++
	}
	n := readClock(s[at:], out)
	if n == 0 {
		return 0
	}
	at += n
	if out.year == 0 && byteAt(s, at) == ' ' {
		if y := readYear(s[at+1:]); y > 0 && endsWord(s, at+5) {
			out.year, at = y, at+5
		}
	}
	if !out.valid() {
		return 0
	}
	return at
}

// readYear reads four digits that can be a year of logs, 0 when they cannot.
func readYear(s string) int {
	if y := number4(s, 0); y >= 1970 && y < 2100 {
		return y
	}
	return 0
}

// endsWord reports whether a word ends at i, a colon behind it aside.
func endsWord(s string, i int) bool {
	c := byteAt(s, i)
	return c == 0 || c == ' ' || c == ']' || c == ':' && (i+1 == len(s) || s[i+1] == ' ')
}

func isWordByte(c byte) bool {
	return isDigit(c) || isLetter(c) || c == '_' || c == '-' || c == '.'
}

// readYearFirst reads 2006 Jan _2 15:04:05, as NX-OS writes.
func readYearFirst(s string, out *stamp) int {
	y := readYear(s)
	if y == 0 || byteAt(s, 4) != ' ' {
		return 0
	}
	n := readBSD(s[5:], out)
	if n == 0 || out.year != 0 {
		return 0
	}
	if out.year = y; !out.valid() {
		return 0
	}
	return 5 + n
}

// readCLF reads 02/Jan/2006:15:04:05 -0700, the time of access logs.
func readCLF(s string, out *stamp) int {
	if len(s) < 20 || s[2] != '/' || s[6] != '/' || s[11] != ':' {
		return 0
	}
	out.day, out.month, out.year = number2(s, 0), monthOf(s[3:]), number4(s, 7)
	n := readClock(s[12:], out)
	if n == 0 || out.year <= 0 || !out.valid() {
		return 0
	}
	at := 12 + n
	if byteAt(s, at) == ' ' {
		if n := readOffset(s[at+1:], out); n > 0 {
			at += 1 + n
		}
	}
	return at
}

// zoneOffset returns the offset of a zone's abbreviation. Those that mean
// several zones are left out.
func zoneOffset(name string) (seconds int, ok bool) {
	quarter := 0
	switch strings.ToUpper(name) {
	case "UTC", "GMT", "Z", "WET":
	case "CET", "WEST", "MEZ":
		quarter = 4
	case "CEST", "EET", "MESZ":
		quarter = 8
	case "EEST", "MSK":
		quarter = 12
	case "EST", "CDT":
		quarter = -20
	case "EDT":
		quarter = -16
	case "MST", "PDT":
		quarter = -28
	case "MDT":
		quarter = -24
	case "PST":
		quarter = -32
	case "JST", "KST":
		quarter = 36
	case "AEST":
		quarter = 40
	case "AEDT":
		quarter = 44
	default:
		return 0, false
	}
	return quarter * 900, true
}
