package query

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// TestRunsAreInEveryMatch: what an expression matches has its run.
func TestRunsAreInEveryMatch(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{
		"a", "b", "k", "1", "é", ".", "[a-c]", "[^a]", `\d`, `\w`, "(?i:ab)", "(?i:k)", "(?i)", "(", ")", "|", "*", "+", "?", "{2}", "{1,3}", "{2,}", "{0,2}", "^", "$", `\b`, "(?:ab)", "(a|b)",
	})
	letters := rapid.SampledFrom([]rune("aabbccAKBk\u212a12é \n"))
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		text := ""
		for _, p := range rapid.SliceOfN(piece, 1, 8).Draw(t, "expression") {
			text += p
		}
		re, err := regexp.Compile(text)
		if err != nil {
			return
		}
		run := runOf(text)
		if run == nil {
			return
		}
		runs++
		for range 20 {
			s := string(rapid.SliceOfN(letters, 0, 12).Draw(t, "text"))
			if re.MatchString(s) && !run.in(s) {
				t.Fatalf("%q matches %q, which has no such run", text, s)
			}
		}
	})
	for text, want := range map[string]bool{"[a-f]{6}[0-9]": true, "a": false, "a*b?": false, "ab+c": true, "é+": false, "x[0-9]+y": true, "(?i)ab": true, "[^a][^b]": false} {
		if got := runOf(text) != nil; got != want {
			t.Errorf("%s has a run: %v, want %v", text, got, want)
		}
	}
	if run := runOf("ab{2,}c"); !run.in("xabbbc") || run.in("abab") {
		t.Error("ab{2,}c")
	}
	if runs == 0 {
		t.Error("no expression had a run")
	}
}
