package query

import (
	"context"
	"os"
	"strings"
	"testing"
)

// TestExamplesRun runs every example of the language's page.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/logsql.md")
	if err != nil {
		t.Fatal(err)
	}
	count, inside := 0, false
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			inside = line == "```logsql"
			continue
		}
		if !inside {
			continue
		}
		count++
		q, err := Parse(line, testNow)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if err := q.Execute(context.Background(), Events(someEvents), RunOptions{}, func(Row) error { return nil }); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if count < 30 {
		t.Errorf("the page has %d examples", count)
	}
}
