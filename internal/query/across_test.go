package query

import (
	"slices"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

func TestAcross(t *testing.T) {
	t.Parallel()
	values := []Row{{{Name: "u", Value: "ana"}}, {{Name: "other", Value: "x"}}, {{Name: "u", Value: ""}}, {{Name: "u", Value: `say "hi", \ and )`}}}
	for _, tt := range []struct {
		text   string
		within []string
		filled string // with values in all places
	}{
		{`user:in(failed | fields u) error`, nil, ""},
		{`options(across_targets=true) error | stats count() n`, nil, ""},
		{`options(explain=true, across_targets=true) user:in(failed | fields u)`, nil, ""},
		{`options(across_targets=true) user:in(failed | fields u) error`, []string{`options(across_targets=true) failed | fields u | uniq by (u)`},
			`user:in(ana,"say \"hi\", \\ and )") error`},
		{`options(concurrency=2, across_targets=true) !a:contains_any(x | uniq by (u)) | stats count() if (b:in(y | fields u)) n`,
			[]string{`options(across_targets=true, concurrency=2) x | uniq by (u) | uniq by (u)`, `options(across_targets=true, concurrency=2) y | fields u | uniq by (u)`},
			`options(concurrency=2) !a:contains_any(ana,"say \"hi\", \\ and )") | stats count(*) if (b:in(ana,"say \"hi\", \\ and )")) as n`},
	} {
		q, err := Parse(tt.text, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		within, err := q.Across()
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
		var got []string
		answers := make([][]Row, len(within))
		for i, w := range within {
			got, answers[i] = append(got, w.String()), values
		}
		if !slices.Equal(got, tt.within) {
			t.Errorf("%s: within are %q, want %q", tt.text, got, tt.within)
		}
		if len(within) == 0 {
			continue
		}
		filled, err := q.WithAnswers(answers)
		if err != nil || filled.String() != tt.filled {
			t.Errorf("%s: filled it is\n%v, %v, want\n%s", tt.text, filled, err, tt.filled)
		}
		for _, text := range []string{filled.String(), emptied(t, q, len(within))} {
			if again, err := Parse(text, time.Now()); err != nil || again.String() != text {
				t.Errorf("%s is read as %v, %v", text, again, err)
			}
		}
	}
	for _, text := range []string{
		`options(across_targets=true) a | union (b:in(c | fields d))`,
		`options(across_targets=true) a | union (b | join by (c) (d:in(e | fields f)))`,
		`a | union (options(across_targets=true) b:in(c | fields d))`,
		`a:in(options(across_targets=true) b:in(c | fields d) | fields a)`,
	} {
		if _, err := mustParse(t, text).Across(); llama.CodeOf(err) != llama.Invalid {
			t.Errorf("%s: %v, want it to be refused", text, err)
		}
	}
}

// emptied is the text of q when nothing was found.
func emptied(t *testing.T, q *Query, n int) string {
	t.Helper()
	filled, err := q.WithAnswers(make([][]Row, n))
	if err != nil {
		t.Fatal(err)
	}
	return filled.String()
}
