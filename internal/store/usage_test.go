package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

func TestUsageIsSummed(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := t.Context()
	day := llama.At(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	for i, user := range []string{"eva", "adam", "eva"} {
		q := newQuery()
		q.User, q.State, q.Rows, q.Ended = user, []State{Done, Partial, Done}[i], 10, day+llama.Time(i)*llama.Time(25*time.Hour)
		q.Schedule = []string{"", "", "x"}[i]
		q.Tasks = []Task{
			{Query: q.ID, Node: "n", Target: "a", Attempt: 1, State: Done, Rows: 4, BytesRead: 100, EventsRead: 5},
			{Query: q.ID, Node: "m", Target: "b", Attempt: 1, State: q.State, Rows: 6, BytesRead: 200, EventsRead: 7},
		}
		if err := s.AddQuery(ctx, q); err != nil {
			t.Fatal(err)
		}
		if err := s.Finish(ctx, q, made(nil, nil)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		asked UsageAsked
		want  string
	}{
		{UsageAsked{By: "user"}, "adam 1/0/1 10 300 12, eva 2/1/0 20 600 24"},
		{UsageAsked{By: "target"}, "a 3/1/0 12 300 15, b 3/1/1 18 600 21"},
		{UsageAsked{By: "day"}, "2026-03-01T00:00:00Z 1/0/0 10 300 12, 2026-03-02T00:00:00Z 1/0/1 10 300 12, 2026-03-03T00:00:00Z 1/1/0 10 300 12"},
		{UsageAsked{By: "hour", From: day + llama.Time(time.Hour), To: day + llama.Time(26*time.Hour)}, "2026-03-02T01:00:00Z 1/0/1 10 300 12"},
		{UsageAsked{By: "target", User: "eva"}, "a 2/1/0 8 200 10, b 2/1/0 12 400 14"},
		{UsageAsked{By: "target", User: "adam", Target: "b"}, "b 1/0/1 6 200 7"},
		{UsageAsked{By: "user", Target: "a"}, "adam 1/0/0 4 100 5, eva 2/1/0 8 200 10"},
		{UsageAsked{By: "day", User: "eva", Target: "b"}, "2026-03-01T00:00:00Z 1/0/0 6 200 7, 2026-03-03T00:00:00Z 1/1/0 6 200 7"},
		{UsageAsked{By: "hour", User: "nobody"}, ""},
	}
	for _, tt := range tests {
		all, err := s.Usage(ctx, tt.asked)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, u := range all {
			if u.Key == "" {
				u.Key = u.From.String()
			}
			lines = append(lines, fmt.Sprintf("%s %d/%d/%d %d %d %d", u.Key, u.Queries, u.Scheduled, u.Failed, u.Rows, u.BytesRead, u.EventsRead))
		}
		if got := strings.Join(lines, ", "); got != tt.want {
			t.Errorf("%+v:\ngot  %s\nwant %s", tt.asked, got, tt.want)
		}
	}
	if _, err := s.Usage(ctx, UsageAsked{By: "user_name; --"}); err == nil {
		t.Error("any column will do")
	}
}
