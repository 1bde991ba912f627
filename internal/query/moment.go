package query

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseMoment reads one end of a time range as people and programs write it
// beside a query: RFC 3339, a date, a number of seconds, milliseconds,
// microseconds or nanoseconds since 1970 (by its size), now, or what is relative
// to it: now-15m, -1h30m, -7d. An empty text is the zero time, no end.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	switch text {
	case "":
		return time.Time{}, nil
	case "now":
		return now, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	if ago, ok := parseSpan(strings.TrimPrefix(text, "now")); ok {
		return now.Add(ago), nil
	}
	if t, ok := parseUnix(text); ok {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time; an RFC 3339 time, a date, or a time relative to now such as now-15m or -7d is expected", text)
}

// parseUnix reads a number since 1970. Seconds have at most 11 digits until the
// year 5138, so the number of digits tells the unit.
func parseUnix(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, false
	}
	switch digits := len(text); {
	case digits <= 11:
		return time.Unix(n, 0), true
	case digits <= 14:
		return time.UnixMilli(n), true
	case digits <= 17:
		return time.UnixMicro(n), true
	}
	return time.Unix(0, n), true
}

// maxSpan is about as far as time.Duration reaches.
const maxSpan = 290 * 365 * 24 * time.Hour

// parseSpan reads -15m, +1h30m, -7d, -2w: a sign, then numbers with units.
func parseSpan(text string) (time.Duration, bool) {
	if len(text) < 3 || text[0] != '-' && text[0] != '+' {
		return 0, false
	}
	units := map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour,
		"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
	}
	var sum time.Duration
	for rest := text[1:]; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		rest = rest[digits:]
		letters := len(rest) - len(strings.TrimLeft(rest, "msdhwy"))
		unit, known := units[rest[:letters]]
		if err != nil || !known || n > int64(maxSpan/unit) {
			return 0, false
		}
		rest = rest[letters:]
		if sum += time.Duration(n) * unit; sum > maxSpan {
			return 0, false
		}
	}
	if text[0] == '-' {
		return -sum, true
	}
	return sum, true
}
