package query

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
)

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// event makes an event of seq minutes after midnight.
func event(seq int, collection, message string, fields ...string) llama.Event {
	at := llama.At(time.Date(2026, 11, 20, 0, seq, 0, 0, time.UTC))
	e := llama.Event{Time: at, Ingested: at, Seq: uint64(seq), Collection: collection, Source: "test", Message: message}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		kind := llama.String
		if llama.IsNumber(value) {
			kind = llama.Number
		}
		e.Set(name, value, kind)
	}
	return e
}

var someEvents = []llama.Event{
	event(1, "sshd", "Failed password for root from 10.0.0.1", "user.name=root", "source.ip=10.0.0.1", "took=15"),
	event(2, "sshd", "Accepted password for ann from 10.0.0.2", "user.name=ann", "source.ip=10.0.0.2", "took=5"),
	event(3, "web", "GET /index.html", "status=200", "took=1.5"),
	event(4, "web", "GET /missing error", "status=404", "took=2"),
	event(5, "sshd", "Failed password for bob from 10.0.0.1", "user.name=bob", "source.ip=10.0.0.1"),
	event(6, "web", "error: disk full", "status=500", "took=100"),
}

func ask(t *testing.T, text string, events []llama.Event) []string {
	t.Helper()
	q, err := Parse(text, testNow)
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	var out []string
	err = q.Execute(context.Background(), Events(events), RunOptions{NodeID: "n1"}, func(r Row) error {
		out = append(out, string(llama.AppendFlat(nil, r)))
		return nil
	})
	if err != nil {
		t.Fatalf("run %s: %v", text, err)
	}
	return out
}

func TestExecute(t *testing.T) {
	t.Parallel()
	tests := []struct {
		query string
		want  []string
	}{
		{`error | fields _seq`, []string{`{"_seq":6}`, `{"_seq":4}`}},
		{`"password for" | fields user.name | limit 2`, []string{`{"user.name":"bob"}`, `{"user.name":"ann"}`}},
		{`_collection:sshd failed | fields _id`, nil},
		{`_collection:sshd Failed or status:>400 | sort by (_seq) | fields _id`, []string{`{"_id":"n1-1"}`, `{"_id":"n1-4"}`, `{"_id":"n1-5"}`, `{"_id":"n1-6"}`}},
		{`_collection:sshd !root | fields _seq | limit 1`, []string{`{"_seq":5}`}},
		{`* | stats by (_collection) count() n, sum(took) t`, []string{
			`{"_collection":"sshd","n":3,"t":20}`, `{"_collection":"web","n":3,"t":103.5}`}},
		{`* | stats count() n, avg(took) a, count_uniq(source.ip) u, uniq_values(user.name) v, max(took) m`, []string{
			`{"n":6,"a":24.7,"u":2,"v":["ann","bob","root"],"m":100}`}},
		{`nothing | stats count() n, sum(took) s`, []string{`{"n":0,"s":"NaN"}`}},
		{`* | top 1 by (source.ip) | filter hits:>1`, []string{`{"source.ip":"","hits":3}`}},
		{`source.ip:* | top 1 by (source.ip)`, []string{`{"source.ip":"10.0.0.1","hits":2}`}},
		{`took:* | sort by (took desc) limit 2 | fields took`, []string{`{"took":100}`, `{"took":15}`}},
		{`_time:[2026-11-20T00:02:00Z,2026-11-20T00:03:00Z] | fields _time, _seq`, []string{
			`{"_time":"2026-11-20T00:03:00Z","_seq":3}`, `{"_time":"2026-11-20T00:02:00Z","_seq":2}`}},
		{`* | stats by (_time:3m) count() n`, []string{
			`{"_time":"2026-11-20T00:00:00Z","n":2}`, `{"_time":"2026-11-20T00:03:00Z","n":3}`, `{"_time":"2026-11-20T00:06:00Z","n":1}`}},
		{`GET | extract "GET <path>" | fields path | sort by (path)`, []string{`{"path":"/index.html"}`, `{"path":"/missing error"}`}},
		{`* | limit 2 | fields _seq`, []string{`{"_seq":6}`, `{"_seq":5}`}},
		{`* | sort by (took desc) limit 1 | rename _seq as s | fields s`, []string{`{"s":6}`}},
		{`* | limit 3 | limit 2 | stats min(_seq) m`, []string{`{"m":5}`}},
		{`* | sort by (_time) | extract "for <who> from" | limit 2 | fields who, user.name`, []string{`{"who":"root","user.name":"root"}`, `{"who":"ann","user.name":"ann"}`}},
		{`_seq:=1 | limit 1 | delete event.*, _source, source.*, took, user.*`, []string{`{"_time":"2026-11-20T00:01:00Z","_msg":"Failed password for root from 10.0.0.1","_collection":"sshd","_id":"n1-1"}`}},
		{`_seq:=1`, []string{`{"_time":"2026-11-20T00:01:00Z","_msg":"Failed password for root from 10.0.0.1","_collection":"sshd","source.ip":"10.0.0.1","took":15,"user.name":"root","event.ingested":"2026-11-20T00:01:00Z","_source":"test","_id":"n1-1"}`}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, ask(t, tt.query, someEvents)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", tt.query, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ query, want string }{
		{`error | stat by (x) count()`, `column 9: unknown pipe "stat"; "stats"?`},
		{`error | stats by (x) cuont()`, `column 22: unexpected "cuont"; expected a function such as count(); "count"?`},
		{`(a or b`, `column 8: unexpected end of the query; expected ")" after the filters in parentheses`},
		{`größe:>`, `column 8: unexpected end of the query; expected a number or a text`},
		{`a ~"("`, "column 4: the regular expression is wrong: missing closing ): `(`"},
		{`"abc`, `column 1: unexpected quote " that is never closed; expected a filter`},
		{`_time:5x`, `column 7: "5x" is no duration; expected one such as 5m, 1.5h or 2d3h`},
		{`a:in(x | stats count())`, "column 5: the query in in(…) must end with `fields` or `uniq by` and one field, whose values are meant"},
		{`a:in(x y)`, `column 8: unexpected "y"; in(…) takes values joined by commas, or a query that ends with the pipe fields`},
		{`* | join by (a) x`, `column 17: unexpected "x"; expected "(" before the query of join`},
		{`* | union (x | stat)`, `column 16: unknown pipe "stat"; "stats"?`},
		{`options(concurency=2) x`, `column 9: unknown option "concurency"; there are across_targets, concurrency, explain, ignore_global_time_filter, skip_damaged; "concurrency"?`},
		{`options(concurrency=2, ignore_global_time_filter=1) x`, `column 50: unexpected "1"; expected true or false`},
		{`a:value_type(numbr)`, `column 3: value_type(…) takes one of array, bool, null, number, object, string; "number"?`},
		{`* | unrol by (x)`, `column 5: unknown pipe "unrol"; "unroll"?`},
		{`* | unpack_syslog offset 3`, `column 26: "3" is no offset; expected one such as 2h or -30m, of a day at most`},
		{`* | sample 0`, `column 12: sample takes a number from 1 on: of so many rows one is kept`},
		{`* | stats by (_time:month) rate()`, `column 28: months and years have no one length; for rate take a bucket such as 30d`},
		{`* | stats histogram(a*)`, `column 11: histogram takes the name of one field`},
		{`* | stream_context before 5`, `column 5: the pipe "stream_context" is not supported`},
		{``, `column 1: unexpected end of the query; expected a filter; * stands for all events`},
		{`| limit 5`, `column 1: unexpected "|"; expected a filter; * stands for all events`},
		{`a || b`, `column 4: unexpected "||"; filters are joined by "or"`},
		{`"it is \d+"`, "column 1: unexpected escape \\d in a quoted text (write a backslash twice, or the text in backquotes); expected a filter"},
		{`* | extract_regexp '(\d+)'`, "column 20: unexpected escape \\d in a quoted text (write a backslash twice, or the text in backquotes); expected a pattern"},
		{`* | distinct host`, `column 5: the pipe "distinct" is called otherwise here: uniq by (…); write filter before it to search for the word`},
		{`* | stats mean(took)`, `column 11: the function "mean" is called otherwise here: avg`},
		{`* | stats count() by (host)`, `column 19: by stands before the functions: stats by (…) count(*)`},
		{`* | sort by host`, `column 13: unexpected "host"; expected a list in parentheses, such as (host)`},
		{`* | math sqrt(a)`, `column 10: there is no function "sqrt"; there are abs, ceil, exp, floor, ln, max, min, now, round`},
		{`* | math mxa(a, b)`, `column 10: there is no function "mxa"; there are abs, ceil, exp, floor, ln, max, min, now, round; "max"?`},
		{`* | math x = a + b`, `column 12: unexpected "="; the name of the result stands behind: a + b as x`},
		{`ip:cidr(10.0.0.0/8)`, `column 4: the filter "cidr" is called otherwise here: ipv4_range(10.0.0.0/8); put a space before ( to search for the word`},
		{`_time:today`, `column 7: "today" is no age and no time; expected one such as 5m, 2d3h, 2026-11-20 or now`},
	}
	for _, tt := range tests {
		_, err := Parse(tt.query, testNow)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s:\ngot  %v\nwant %s", tt.query, err, tt.want)
		}
		if llama.CodeOf(err) != llama.Invalid {
			t.Errorf("%s: code %q", tt.query, llama.CodeOf(err))
		}
	}
}
