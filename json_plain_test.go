package llama

import (
	"strings"
	"testing"
)

// TestStringsAreEscapedWhereverTheyNeedIt puts each byte at each place of a string that
// is looked at eight bytes at a time.
func TestStringsAreEscapedWhereverTheyNeedIt(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		short := string(AppendString(nil, string([]byte{byte(c)})))
		short = short[1 : len(short)-1]
		for at := range 20 {
			left, right := strings.Repeat("a", at), strings.Repeat("~", 19-at)
			got := string(AppendString(nil, left+string([]byte{byte(c)})+right))
			if want := `"` + left + short + right + `"`; got != want {
				t.Errorf("byte %d at %d: %s, want %s", c, at, got, want)
			}
		}
	}
}
