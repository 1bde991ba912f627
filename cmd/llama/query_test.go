package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
)

func TestAnswerThatIsBrokenOffSaysWhy(t *testing.T) {
	t.Parallel()
	broken := io.MultiReader(strings.NewReader("{\"n\":1}\n\n{\"error\":\"a field\"}\n{\"n\":2}\n{\"error\":\"too many rows\"}\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	for _, tt := range []struct {
		answer     io.Reader
		rows, want string
	}{
		{broken, "n=1 error=a field n=2 ", "too many rows"},
		{strings.NewReader("{\"n\":1}\n{\"error\":\"a field\"}\n"), "n=1 error=a field ", ""},
		{io.MultiReader(strings.NewReader("{\"n\":1}\n"), iotest.ErrReader(io.ErrUnexpectedEOF)), "n=1 ", "unexpected EOF"},
	} {
		rows := ""
		err := readRows(tt.answer, func(row []llama.Field) error {
			rows += row[0].Name + "=" + row[0].Value + " "
			return nil
		})
		if rows != tt.rows || (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
			t.Errorf("rows %q, error %v; want %q, %q", rows, err, tt.rows, tt.want)
		}
	}
}

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
