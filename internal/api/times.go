package api

import (
	"strconv"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// timeRange reads the ends of a range. An empty end is open.
func timeRange(from, to string, now time.Time) (first, last time.Time, err error) {
	if first, err = readTime("from", from, now); err != nil {
		return first, last, err
	}
	if last, err = readTime("to", to, now); err != nil {
		return first, last, err
	}
	if !first.IsZero() && !last.IsZero() && !first.Before(last) {
		return first, last, llama.Errorf(llama.Invalid, "from is %s, which is not before to, %s",
			first.Format(time.RFC3339), last.Format(time.RFC3339))
	}
	return first, last, nil
}

// readTime reads RFC 3339, a date, now, or what is relative to now.
func readTime(name, text string, now time.Time) (time.Time, error) {
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
	if ago, ok := readSpan(strings.TrimPrefix(text, "now")); ok {
		return now.Add(ago), nil
	}
	return time.Time{}, llama.Errorf(llama.Invalid, "%s is %q; an RFC 3339 time, a date, or a time relative to now such as now-15m or -7d is expected", name, text)
}

// maxSpan is about as far as time.Duration reaches.
const maxSpan = 290 * 365 * 24 * time.Hour

// readSpan reads -15m, +1h30m, -7d, -2w: a sign, then numbers with units.
func readSpan(text string) (time.Duration, bool) {
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
