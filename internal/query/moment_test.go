package query

import (
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

func TestParseMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 7, 9, 15, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"now":                  now,
		"now-15m":              now.Add(-15 * time.Minute),
		"-1h30m":               now.Add(-90 * time.Minute),
		"2026-03-01":           time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"2026-03-01T00:00:05Z": time.Date(2026, 3, 1, 0, 0, 5, 0, time.UTC),
		"1772874900":           now,
		"1772874900000":        now,
		"1772874900000000000":  now,
	} {
		got, err := ParseMoment(text, now)
		if err != nil || got != llama.At(want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := ParseMoment("", now); got != 0 || err != nil {
		t.Errorf("nothing: got %v, %v, want 0", got, err)
	}
	for _, text := range []string{"yesterday", "-", "15m", "now-5x", "2026-13-01"} {
		if got, err := ParseMoment(text, now); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
