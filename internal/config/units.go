package config

import (
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes, written with a unit: 10MiB.
type Size int64

// The units of Size.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

var sizeUnits = []struct {
	name string
	size Size
}{
	{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
}

// UnmarshalText reads "10MiB", "1.5GB" or "0".
func (s *Size) UnmarshalText(text []byte) error {
	whole := strings.TrimSpace(string(text))
	if whole == "0" {
		*s = 0
		return nil
	}
	for _, unit := range sizeUnits {
		digits, ok := strings.CutSuffix(whole, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || n < 0 || n*float64(unit.size) >= 1<<63 {
			return fmt.Errorf("%q is not a size; e.g. 10MiB", whole)
		}
		*s = Size(n * float64(unit.size))
		return nil
	}
	if _, err := strconv.ParseFloat(whole, 64); err == nil {
		return fmt.Errorf("%q has no unit; e.g. %sMiB", whole, whole)
	}
	return fmt.Errorf("%q is not a size; e.g. 10MiB", whole)
}

// MarshalText writes s with the largest unit that divides it.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the text that UnmarshalText reads back.
func (s Size) String() string {
	if s == 0 {
		return "0"
	}
	for _, unit := range sizeUnits[:4] {
		if s%unit.size == 0 {
			return strconv.FormatInt(int64(s/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// About is s for people, of three digits at most: 4.8 GiB.
func (s Size) About() string {
	for _, unit := range sizeUnits[:4] {
		if n := float64(s) / float64(unit.size); n >= 100 {
			return fmt.Sprintf("%.0f %s", n, unit.name)
		} else if n >= 1 {
			return strconv.FormatFloat(math.Round(10*n)/10, 'f', -1, 64) + " " + unit.name
		}
	}
	return fmt.Sprintf("%d B", int64(s))
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// ParseDuration reads what time.ParseDuration reads, and whole days and weeks
// before it: 90d, 1w, 1d12h. A day is 24 hours.
func ParseDuration(text string) (time.Duration, error) {
	rest, sum := strings.TrimSpace(text), time.Duration(0)
	wrong := fmt.Errorf("%q is not a duration; e.g. 30s, 5m, 12h, 90d", text)
	if rest == "0" {
		return 0, nil
	}
	if _, err := strconv.ParseFloat(rest, 64); err == nil {
		return 0, fmt.Errorf("%[1]q has no unit; e.g. %[2]ss, %[2]sm or %[2]sd", text, rest)
	}
	for _, unit := range []struct {
		name string
		span time.Duration
	}{{"w", week}, {"d", day}} {
		digits, after, ok := strings.Cut(rest, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || time.Duration(n) > (1<<63-1-sum)/unit.span {
			return 0, wrong
		}
		sum, rest = sum+time.Duration(n)*unit.span, after
	}
	if rest == "" && sum > 0 {
		return sum, nil
	}
	span, err := time.ParseDuration(rest)
	if err != nil || sum > 0 && span < 0 || sum+span < sum && span > 0 {
		return 0, wrong
	}
	return sum + span, nil
}

// FormatDuration writes a duration as ParseDuration reads it, whole days as days.
func FormatDuration(span time.Duration) string {
	if span != 0 && span%day == 0 {
		return strconv.FormatInt(int64(span/day), 10) + "d"
	}
	text := span.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if head, ok := strings.CutSuffix(text, zero); ok {
			text = head + zero[:1]
		}
	}
	return text
}

// IsAddress reports whether text is an address and a port, as 127.0.0.1:514, :514 or [::1]:514.
// The port may have a name. Whether there is such an address only a start finds out.
func IsAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	number, err := strconv.Atoi(port)
	return err != nil || number >= 0 && number <= 65535
}
