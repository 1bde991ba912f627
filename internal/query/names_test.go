package query

import (
	"os"
	"strings"
	"testing"
)

// TestPageKnowsTheWords: the page completes and quotes what the parser knows.
func TestPageKnowsTheWords(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../web/src/features/query/logsql.ts")
	if err != nil {
		t.Fatal(err)
	}
	words := nameSet(strings.FieldsFunc(string(page), func(r rune) bool { return !isWordRune(r) }))
	for name := range nameSet(statsNames, pipeNames, laterNames, filterNames) {
		if !words[name] {
			t.Errorf("the page does not know %q", name)
		}
	}
}

// TestDocsKnowTheWords: the language's page has every pipe, function and filter.
func TestDocsKnowTheWords(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/logsql.md")
	if err != nil {
		t.Fatal(err)
	}
	words := nameSet(strings.FieldsFunc(string(page), func(r rune) bool { return !isWordRune(r) }))
	for name := range nameSet(statsNames, pipeNames, laterNames, filterNames) {
		if !words[name] && name != "re" && name != "exact" {
			t.Errorf("the page does not know %q", name)
		}
	}
}
