package api

import (
	"testing"
	"time"
)

func TestReadTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]string{
		"now":                       "2026-03-01T12:00:00Z",
		"now-15m":                   "2026-03-01T11:45:00Z",
		"-1h30m":                    "2026-03-01T10:30:00Z",
		"-7d":                       "2026-02-22T12:00:00Z",
		"+2w":                       "2026-03-15T12:00:00Z",
		"-500ms":                    "2026-03-01T11:59:59.5Z",
		"2026-02-01":                "2026-02-01T00:00:00Z",
		"2026-02-01T10:00:00+02:00": "2026-02-01T08:00:00Z",
	}
	for text, want := range tests {
		got, err := readTime("from", text, now)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%q: got %v, %v; want %s", text, got, err, want)
		}
	}
	for _, bad := range []string{"15m", "now15m", "-", "-m", "-1", "-1x", "-999999y", "-9223372036854775807w", "-1h-1h", "nowish", "2026-13-01", "12:00", "-1.5h"} {
		if got, err := readTime("from", bad, now); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}

func FuzzReadTime(f *testing.F) {
	f.Add("now-15m")
	f.Add("-1w2d3h")
	f.Add("2026-02-01T10:00:00.5+02:00")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readTime("from", text, now)
		if err == nil && text != "" && text[0] == '-' && got.After(now) {
			t.Errorf("%q is %v, after now", text, got)
		}
	})
}
