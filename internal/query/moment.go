package query

import (
	"fmt"
	"time"

	"github.com/llama-logs/llama"
)

// ParseMoment reads one end of a time range as people and programs write it
// beside a query: what `_time:` takes, which is RFC 3339 and its beginnings,
// numbers since 1970, now, now-15m and -15m. An empty text is 0, no end.
func ParseMoment(text string, now time.Time) (llama.Time, error) {
	if text == "" {
		return 0, nil
	}
	if t, ok := parseTime(text, llama.At(now)); ok {
		return t, nil
	}
	return 0, fmt.Errorf("%q is no time; an RFC 3339 time, a date, or a time relative to now such as now-15m or -7d is expected", text)
}
