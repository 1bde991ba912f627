package query

import "testing"

func TestOrderOfRowsIsOfNoInterest(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{`"failed" | stats count()`, true},
		{`user.name:="ann" or user_id:="ann" | stats by (source.ip:/24) count(), avg(took), quantile(0.9, took) if (took:>3)`, true},
		{`_time:[2026-01-01, 2026-02-01] error | stats count_uniq(user.name)`, true},
		{`* | stats by (_time:1h) count()`, false},
		{`* | stats max(_time)`, false},
		{`* | stats count() if (event.ingested:>2026)`, false},
		{`_seq:>5 | stats count()`, false},
		{`*:error | stats count()`, false},
		{`!_time:day_range[08:00, 18:00] | stats count()`, false},
		{`* | stats values(user.name)`, false},
		{`* | stats row_any(user.name)`, false},
		{`* | stats min(user*)`, false},
		{`* | stats max()`, false},
		{`* | fields user.name | stats count()`, false},
		{`error | limit 3`, false},
		{`error`, false},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			if got := anyOrderOf(mustParse(t, tt.text).plan(&RunOptions{})) != nil; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
