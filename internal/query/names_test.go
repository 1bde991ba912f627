package query

import (
	"os"
	"strings"
	"testing"
)

// TestPagesKnowTheWords: the page completes and quotes what the parser knows, and
// the language's description has it.
func TestPagesKnowTheWords(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../../web/src/features/query/logsql.ts", "../../docs/logsql.md"} {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		words := nameSet(strings.FieldsFunc(string(page), func(r rune) bool { return !isWordRune(r) }))
		for word := range nameSet(statsNames, pipeNames, laterNames, filterNames) {
			if !words[word] {
				t.Errorf("%s does not know %q", name, word)
			}
		}
	}
}
