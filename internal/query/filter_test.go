package query

import (
	"testing"

	"github.com/llama-logs/llama"
)

// TestFilters has what the corpus cannot show: filters of several values, times
// and the clock, and how filters join.
func TestFilters(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter, value string
		want          bool
	}{
		{`x:in(a, "b c")`, "b c", true},
		{`x:in(a, "b c")`, "b", false},
		{`x:in(a, "")`, "", true},
		{`x:in()`, "a", false},
		{`x:contains_any(a, "b c")`, "x b c", true},
		{`x:contains_any(a, "b c")`, "x c b", false},
		{`x:contains_any()`, "a", false},
		{`x:contains_any("", b)`, "a", true},
		{`x:contains_all(a, "b c")`, "b c, a", true},
		{`x:contains_all(a, "b c")`, "a b", false},
		{`x:contains_all()`, "", true},
		{`x:>1KiB`, "1025", true},
		{`x:>1KiB`, "1MB", true},
		{`x:<5m`, "299s", true},
		{`x:<5m`, "much", false},
		{`x:>=2026-01-01T00:00:00Z`, "2026-01-01T01:00:00+01:00", true},
		{`x:>10.0.0.1`, "10.0.0.2", true},
		{`x:>b`, "c", true},
		{`x:(a !b)`, "a c", true},
		{`x:(a !b)`, "a b", false},
		{`x:a or x:b x:c`, "a", true},
		{`(x:a or x:b) x:c`, "a", false},
		{`{x="a b", x!="c"}`, "a b", true},
		{`{x=~"a.*" or x="z"}`, "ba", false},
		{`{x in (a, "b c")}`, "b c", true},
		{`{x not_in (a, "b c")}`, "b c", false},
		{`{x not_in ("b"), x in (*)}`, "b c", true},
		{`_time:2026-11-20`, "", true},
		{`_time:[2026-11-19, 2026-11-20)`, "", false},
		{`_time:[2026-11-19, 2026-11-20]`, "", true},
		{`_time:30m`, "", true},
		{`_time:30m offset 1h`, "", false},
		{`_time:<29m`, "", false},
		{`_time:2026-11-20T12:30+01:00`, "", true},
		{`_time:day_range[11:30, 12:00)`, "", true},
		{`_time:day_range(11:30, 12:00)`, "", false},
		{`_time:week_range[Fri, Sun]`, "", true},
		{`_time:week_range[Sat, Thu]`, "", false},
		{`_time:week_range[Sat, Sat] offset 13h`, "", true},
	}
	for _, tt := range tests {
		match, err := mustParse(t, tt.filter).Matcher()
		if err != nil {
			t.Fatal(err)
		}
		e := llama.Event{Time: llama.At(testNow.Add(-30 * 60e9)), Fields: []llama.Field{{Name: "x", Value: tt.value}}}
		if got := match(&e); got != tt.want {
			t.Errorf("%s over %q at %s: %v", tt.filter, tt.value, e.Time, got)
		}
	}
}
