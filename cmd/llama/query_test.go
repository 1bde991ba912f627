package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/query"
)

func TestMistakeIsShownWhereItIs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä ", 5000)
	for _, tt := range []struct {
		text   string
		column int
		want   []string // the lines behind the error's
	}{
		{"* | stts", 5, []string{"  * | stts", "      ^"}},
		{"error |", 8, []string{"  error |", "         ^"}},
		{long + "| stts | " + long, 10_003, []string{
			"  …" + strings.Repeat("ä ", 29) + "| stts | " + strings.Repeat("ä ", 26) + "ä…", strings.Repeat(" ", 63) + "^"}},
		{"two\nlines", 5, nil},
	} {
		err := explained(&query.Error{Column: tt.column}, tt.text)
		if _, ok := errors.AsType[*query.Error](err); !ok {
			t.Errorf("the error is lost in %v", err)
		}
		lines := strings.Split(fmt.Sprint(err), "\n")[1:]
		if strings.Join(lines, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("column %d:\ngot  %q\nwant %q", tt.column, lines, tt.want)
		}
	}
}
