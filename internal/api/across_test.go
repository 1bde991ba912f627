package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
)

// TestValuesGoAcrossTargetsWhenTheQuestionSaysSo asks with a query in a filter: with the
// option its values are found before and go out in the text, and without, or when they
// cannot all be found, they do not.
func TestValuesGoAcrossTargetsWhenTheQuestionSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	analyst := s.as("analyst")
	const within, across = `a:in(x | fields _msg) y`, `options(across_targets=true) a:in(x | fields _msg) y`
	ask := func(text string) string { return `{"query":"` + text + `","targets":["a","b"]}` }
	texts := func() (all []string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, q := range s.asked {
			if all = append(all, q.Text); !slices.Equal(q.Targets, []string{"a", "b"}) || q.User != "analyst" {
				t.Errorf("asked %+v", q)
			}
		}
		s.asked = nil
		return all
	}
	s.want(201, "POST", "/queries", ask(within), analyst)
	s.want(201, "POST", "/queries", ask(across), analyst)
	s.want(200, "POST", "/ask", ask(across), analyst)
	before, filled := `options(across_targets=true) x | fields _msg | uniq by (_msg)`, `a:in("say \"hi\", twice","=cmd()") y`
	if got := texts(); !slices.Equal(got, []string{within, before, filled, before, filled}) {
		t.Errorf("asked were %q", got)
	}

	state, rows := s.queries[knownID].State, s.rows
	s.queries[knownID].State = Partial
	resp, text := s.ask("POST", "/queries", ask(across), analyst)
	wantProblem(t, resp, text, 503, "unavailable", "each target has to be online")
	s.queries[knownID].State, s.queries[knownID].Rows = state, maxAcross+1
	resp, text = s.ask("POST", "/queries", ask(across), analyst)
	wantProblem(t, resp, text, 413, "too_large", "more than 10000 values")
	s.queries[knownID].Rows, s.rows = 1, [][]llama.Field{{{Name: "_msg", Value: strings.Repeat("x", query.MaxText)}}}
	resp, text = s.ask("POST", "/queries", ask(across), analyst)
	wantProblem(t, resp, text, 413, "too_large", "has 65 KiB, and 64 at most are sent")
	s.rows = rows
	if got := texts(); !slices.Equal(got, []string{before, before, before}) {
		t.Errorf("of those that cannot be asked, asked were %q", got)
	}
	resp, text = s.ask("POST", "/queries", ask(`options(across_targets=true) x | union (a:in(x | fields b))`), analyst)
	wantProblem(t, resp, text, 400, "invalid", "within join or union")
	resp, text = s.ask("POST", "/scheduled-tasks", `{"name":"x","every":"1h","query":"`+across+`"}`, analyst)
	wantProblem(t, resp, text, 400, "invalid", "a schedule sends no values across targets")
}
