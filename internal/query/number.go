package query

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// parseNumber reads what LogsQL takes for a number: decimal and other Go
// notations, durations (nanoseconds: 1h5m, 2.5d) and sizes (bytes: 10KiB, 2MB).
func parseNumber(s string) (float64, bool) {
	if s == "" || s[0] > '9' && s[0]|0x20 != 'i' || s[0] < '+' {
		return 0, false // most texts end here
	}
	if f, ok := parseDecimal(s); ok {
		return f, true
	}
	if d, ok := parseDuration(s); ok {
		return float64(d), true
	}
	if n, ok := parseSize(s); ok {
		return float64(n), true
	}
	if !startsNumber(s) || len(s) > 64 || strings.Count(s, ".") > 1 || strings.Count(s, "-") > 2 || strings.ContainsRune(s, ':') {
		return 0, false // an address or a time
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f, true
	}
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return float64(n), true
	}
	return 0, false
}

// parseScalar is parseNumber that also takes times (nanoseconds since 1970) and
// IPv4 addresses, as comparing filters and math do.
func parseScalar(s string) (float64, bool) {
	if f, ok := parseNumber(s); ok {
		return f, true
	}
	if ns, ok := parseTimestamp(s); ok {
		return float64(ns), true
	}
	if ip, ok := parseIPv4(s); ok {
		return float64(ip), true
	}
	return 0, false
}

// parseDecimal reads [-]digits[.digits]; digits may hold '_'.
func parseDecimal(s string) (float64, bool) {
	text := strings.TrimPrefix(s, "-")
	if len(s) > 21 || text == "" || text[0] == '.' || text[len(text)-1] == '.' {
		return 0, false
	}
	digits, dots := 0, 0
	var n uint64
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			n = n*10 + uint64(c-'0') // at most 20 digits; the result is used below 16
			digits++
		case c == '.' && dots == 0:
			dots++
		case c == '_' && i > 0:
		default:
			return 0, false
		}
	}
	if dots == 0 && digits < 16 {
		if len(text) != len(s) {
			return -float64(n), true
		}
		return float64(n), true
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return f, err == nil
}

// units of durations and sizes, the longer ones first.
var (
	durationUnits = []unit{{"ms", 1e6}, {"µs", 1e3}, {"ns", 1}, {"y", 365 * 24 * 3600e9}, {"w", 7 * 24 * 3600e9},
		{"d", 24 * 3600e9}, {"h", 3600e9}, {"m", 60e9}, {"s", 1e9}}
	sizeUnits = []unit{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
		{"B", 1}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}}
)

type unit struct {
	name string
	size float64
}

func parseDuration(s string) (time.Duration, bool) {
	n, ok := parseUnits(s, durationUnits)
	return time.Duration(n), ok
}

// formatDuration writes nanoseconds as LogsQL does: 1d2h, 1h5m, 1.5s, 300ms, 5µs.
func formatDuration(ns int64) string {
	if ns == 0 {
		return "0"
	}
	b, rest := []byte(nil), uint64(ns)
	if ns < 0 {
		b, rest = append(b, '-'), -rest
	}
	seconds := rest >= 1e9
	for _, u := range []unit{{"w", 7 * 24 * 3600e9}, {"d", 24 * 3600e9}, {"h", 3600e9}, {"m", 60e9}, {"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}, {"ns", 1}} {
		switch size := uint64(u.size); {
		case rest < size:
		case seconds && u.name == "s":
			return string(strconv.AppendFloat(b, float64(rest)/1e9, 'f', -1, 64)) + "s"
		default:
			b = append(strconv.AppendUint(b, rest/size, 10), u.name...)
			rest %= size
		}
	}
	return string(b)
}

func parseSize(s string) (int64, bool) { return parseUnits(s, sizeUnits) }

// parseUnits reads [-] and one or more decimals with a unit each. What is too
// large becomes the largest.
func parseUnits(s string, units []unit) (int64, bool) {
	text := strings.TrimPrefix(s, "-")
	if text == "" || '0' <= text[len(text)-1] && text[len(text)-1] <= '9' {
		return 0, false
	}
	sum := 0.0
	for text != "" {
		n := 0
		for n < len(text) && (text[n] == '.' || text[n] == '_' || '0' <= text[n] && text[n] <= '9') {
			n++
		}
		f, ok := parseDecimal(text[:n])
		if !ok {
			return 0, false
		}
		text = text[n:]
		size, rest := 0.0, ""
		for _, u := range units {
			if tail, ok := strings.CutPrefix(text, u.name); ok {
				size, rest = u.size, tail
				break
			}
		}
		if size == 0 {
			return 0, false
		}
		sum, text = sum+f*size, rest
	}
	if s[0] == '-' {
		sum = -sum
	}
	switch {
	case sum >= math.MaxInt64:
		return math.MaxInt64, true
	case sum <= math.MinInt64:
		return math.MinInt64, true
	}
	return int64(sum), true
}

// parseTimestamp reads an RFC 3339 time, with 'T' or a space, and without a
// zone as UTC, as nanoseconds since 1970.
func parseTimestamp(s string) (int64, bool) {
	if len(s) < len("2006-01-02T15:04:05") || len(s) > 40 || s[4] != '-' || s[10] != 'T' && s[10] != ' ' {
		return 0, false
	}
	layout := "2006-01-02T15:04:05Z07:00"
	if _, zone := cutZone(s); zone == "" {
		layout = "2006-01-02T15:04:05"
	}
	if s[10] == ' ' {
		layout = layout[:10] + " " + layout[11:]
	}
	t, err := time.Parse(layout, s)
	if err != nil || t.Year() < 1678 || t.Year() > 2261 {
		return 0, false
	}
	return t.UnixNano(), true
}

// cutZone splits "Z", "+hh:mm" or "-hh:mm" off the end of a time.
func cutZone(s string) (rest, zone string) {
	if n := len(s) - 1; n >= 0 && (s[n] == 'Z' || s[n] == 'z') {
		return s[:n], s[n:]
	}
	n := len(s) - len("+00:00")
	if n < 0 || s[n] != '+' && s[n] != '-' || s[n+3] != ':' {
		return s, ""
	}
	return s[:n], s[n:]
}

func parseIPv4(s string) (uint32, bool) {
	if len(s) < 7 || len(s) > 15 || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	ip, err := netip.ParseAddr(s)
	if err != nil || !ip.Is4() {
		return 0, false
	}
	b := ip.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), true
}

func formatIPv4(ip uint32) string {
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}).String()
}

// formatFloat writes f as results show it: without an exponent, and zero without a
// sign.
func formatFloat(f float64) string { return strconv.FormatFloat(f+0, 'f', -1, 64) }
