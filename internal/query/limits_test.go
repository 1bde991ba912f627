package query

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

// Queries that somebody may write to make a node run away. Each is refused, ends with
// its context, or is answered; none takes memory beyond its budget.

// many joins n texts that part makes.
func many(n int, part func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(part(i))
	}
	return b.String()
}

func times(n int, text string) string { return strings.Repeat(text, n) }

func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		times(70_000, "a"):                                   "at most 65536 are read",
		times(5000, "(") + "a" + times(5000, ")"):            "nested more than 64 deep",
		times(60_000, "!") + "a":                             "nested more than 64 deep",
		times(12_000, "not ") + "a":                          "nested more than 64 deep",
		"* | math " + times(60_000, "-") + "a as b":          "nested more than 64 deep",
		"* | math " + times(12_000, "(") + "a as b":          "nested more than 64 deep",
		"a" + times(12_000, " or a"):                         "more than 10000 filters",
		"a:in(" + times(12_000, "a,") + "b)":                 "more than 10000 filters",
		"* | fields " + times(12_000, "a,") + "b":            "more than 10000 filters",
		"* | math a" + times(12_000, "^a"):                   "more than 10000 filters",
		`~"(((a{1,10}){1,10}){1,10}){1,10}b"`:                "invalid repeat count",
		times(300, `~"a{1000}" `):                            "the regular expressions are too large",
		times(20, "a:in(") + "x" + times(20, " | fields a)"): "more than 16 queries",
		"* | first 99999999999999999999 by (n)":              "a whole number",
	} {
		if q, err := Parse(text, testNow); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s…: got %v, %v; want an error with %q", text, q != nil, err, want)
		}
	}
}

func TestNoQueryRunsAway(t *testing.T) {
	t.Parallel()
	var events []llama.Event
	for i := range 100 {
		e := event(i, "c", fmt.Sprintf("some longer message with number %d and %s", i, times(50, "a")))
		e.Seq = uint64(i + 1)
		e.Set("n", fmt.Sprint(i), llama.Number)
		events = append(events, e)
	}
	const tooMuch, ends, anything = "memory of the query", "its context", "an answer"
	for text, want := range map[string]string{
		// Texts that grow from pipe to pipe.
		"* " + times(20, `| format "`+times(10, "<_msg>")+`" `) + "| count()":                         tooMuch,
		"* " + times(20, `| format "`+times(10, "<_msg>")+`" `) + "| limit 5":                         tooMuch,
		"* " + times(20, `| replace (a, "`+times(50, "a")+`") `) + "| sum_len(_msg)":                  tooMuch,
		"* " + times(20, `| replace_regexp ("", "`+times(50, "a")+`") `) + "| sum_len(_msg)":          tooMuch,
		"* " + times(40, `| pack_json `) + "| sum_len(_msg)":                                          tooMuch,
		"* " + times(40, `| pack_logfmt `) + "| sum_len(_msg)":                                        tooMuch,
		"* " + times(40, `| unpack_words | copy _msg as a | format "<a><a><a>" `) + "| sum_len(_msg)": tooMuch,
		// Rows and fields that do.
		"* | unpack_words as w | copy w as a, w as b, w as c, w as d, w as e, w as f | unroll (a) | unroll (b) | unroll (c) | unroll (d) | unroll (e) | unroll (f) | count()": tooMuch,
		"* | extract \"" + many(3000, func(i int) string { return fmt.Sprintf("<f%d>a", i) }) + "\" | count(f1)":                                                              tooMuch,
		"* " + times(40, `| copy * as x*, * as y* `) + "| count(xxx*)":                                                                                                        ends,
		"* " + times(10, `| join by (missing) (* | fields n) `) + "| count()":                                                                                                 ends,
		// Large numbers and long lists.
		"* | offset 9223372036854775807 | offset 9223372036854775807 | limit 9223372036854775807":                                      anything,
		"* | sort by (n) limit 2147483647 offset 2147483647 | offset 2147483647":                                                       anything,
		"* | top 2147483647 by (n) | uniq by (n) limit 2147483647 | sample 18446744073709551615":                                       anything,
		"* | facets 2147483647 max_values_per_field 2147483647 max_value_len 2147483647":                                               anything,
		"* | stats by (_time:1ns, n:1e-300, _msg:1e300) count() c":                                                                     anything,
		"n:range[-1e308, 1e308] len_range(0, 18446744073709551615) _time:99999y offset 99999999y":                                      anything,
		"contains_any(" + times(9000, "aaaa,") + "b) or in(" + many(900, func(i int) string { return fmt.Sprint("x", i, ",") }) + "a)": anything,
		// Expressions that others would go back and forth on.
		`~"(a*)*c$" or ~"(a|aa|aaa|.*)*c$" or ~"` + times(300, "(a?)") + times(300, "a") + `"`:                                anything,
		`~"` + times(400, "(") + "a" + times(400, "+)") + `"`:                                                                 anything,
		"* | extract_regexp \"" + many(1000, func(i int) string { return fmt.Sprintf("(?P<f%d>a*)*", i) }) + "\" | count(f1)": ends,
		`* | format "` + times(9000, "[") + `" as x | unroll (x) | unpack_json from x | json_array_len(x) as y | count()`:     anything,
		`* | format "` + times(5000, `{\"a\":`) + "1" + times(5000, "}") + `" as x | limit 3 | unpack_json from x | count()`:  anything,
	} {
		q, err := Parse(text, testNow)
		if err != nil {
			t.Errorf("%.60s…: %v", text, err)
			continue
		}
		patience := time.Minute
		if want == ends {
			patience = 50 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err = q.Execute(ctx, Events(events), RunOptions{NodeID: "n", Workers: 2, MaxMemory: 4 << 20}, func(Row) error { return nil })
		cancel()
		got := anything
		switch {
		case llama.CodeOf(err) == llama.TooLarge:
			got = tooMuch
		case errors.Is(err, context.DeadlineExceeded):
			got = ends
		}
		if got != want && (want != ends || got != tooMuch) {
			t.Errorf("%.60s… ended by %s (%v), want %s", text, got, err, want)
		}
	}
}

// TestConcurrencyIsAnUpperBound: what a query asks for is not more than there is.
func TestConcurrencyIsAnUpperBound(t *testing.T) {
	t.Parallel()
	all := runtime.GOMAXPROCS(0)
	for _, tt := range []struct{ asked, given, want int }{
		{0, 0, 0}, {0, 3, 3}, {1, 0, 1}, {1, 3, 1}, {3, 2, 2}, {1 << 30, 0, all}, {1 << 30, all + 1, all + 1},
	} {
		if got := (options{workers: tt.asked}).apply(RunOptions{Workers: tt.given}).Workers; got != tt.want {
			t.Errorf("concurrency=%d of %d: got %d workers, want %d", tt.asked, tt.given, got, tt.want)
		}
	}
}

// TestMadeTextsAreGivenBack: what pipes make counts while it is needed, and no longer.
func TestMadeTextsAreGivenBack(t *testing.T) {
	t.Parallel()
	src := manyBlocks(12, func(int, string) {})
	q := mustParse(t, `* | format "`+times(200, "<_msg>")+`" as long | unpack_words from long as words | replace (" ", "--") at long | stats sum_len(long) n, max(words) m`)
	err := q.Execute(t.Context(), src, RunOptions{Workers: 1, MaxMemory: 2 << 20}, func(Row) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
}
