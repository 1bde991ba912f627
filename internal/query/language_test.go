package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
)

// orders are events that the tests of one pipe or function each ask about.
func orders() []llama.Event {
	events := []llama.Event{
		event(0, "shop", `sold 17 to ann`, "user=ann", `items=["tea","milk",2]`, "price=10", "dept=a"),
		event(1, "shop", "sold 18 to bob", "user=bob", `items=["tea"]`, "price=2.5", "dept=b"),
		event(2, "shop", "refund 17", "user=ann", "price=-3", "dept=a"),
		event(3, "web", "level=warn took=12ms msg=\"slow page\"", "user=cat", "dept=a"),
		event(4, "web", "<34>1 2026-11-20T10:00:00Z host app 77 id [x@1 a=\"b\"] hello", "user=bob", "dept=b"),
	}
	for i := range events {
		events[i].Seq = uint64(i + 1)
	}
	return events
}

// TestLanguage: each query has this answer in one place, and the same when the
// events are spread over nodes and merged.
func TestLanguage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		query string
		want  []string
	}{
		{`refund | unpack_words drop_duplicates | fields _msg`, []string{`_msg=["refund","17"]`}},
		{`sold | json_array_len(items) n | fields n | sort by (n)`, []string{"n=1", "n=3"}},
		{`refund | len(user) as n | hash(user) as h | math h - h as zero | fields n, zero`, []string{"n=3 zero=0"}},
		{`sold | unroll by (items) | fields user, items | sort by (user, items)`, []string{"items=2 user=ann", "items=milk user=ann", "items=tea user=ann", "items=tea user=bob"}},
		{`dept:=a | unroll if (ann) items | stats count() n`, []string{"n=5"}},
		{`* | unroll by (items) | top 1 by (items) | fields hits`, []string{"hits=3"}},
		{`* | unroll by (items) | filter items:tea | stats count() n, min(_time) first, count_uniq(_id) ids`, []string{"first=2026-11-20T00:00:00Z ids=2 n=2"}},
		{`sold | pack_json fields (user, price) as p | unpack_json from p result_prefix q. | fields q.*`, []string{"q.price=10 q.user=ann", "q.price=2.5 q.user=bob"}},
		{`bob price:* | pack_logfmt fields (user, p*, _msg) as p | fields p`, []string{`p=user=bob price=2.5 _msg="sold 18 to bob"`}},
		{`warn | unpack_logfmt result_prefix l. | fields l.*`, []string{"l.level=warn l.msg=slow page l.took=12ms"}},
		{`warn | fields _msg | format "1" as took | format "2" as other | unpack_logfmt from nothing fields (took, to*) | fields took, other`, []string{"other=2"}},
		{`warn | format "{wrong" as j | format "1" as took | unpack_json from j fields (took) | fields j, took`, []string{"j={wrong"}},
		{`warn | format "wrong" as j | format "1" as took | unpack_json from j fields (took) | fields j, took`, []string{"j=wrong took=1"}},
		{`hello | unpack_syslog | fields hostname, app_name, proc_id, x@1.a, message, level`, []string{"app_name=app hostname=host level=critical message=hello proc_id=77 x@1.a=b"}},
		{`_collection:shop | collapse_nums | top by (_msg) | fields _msg, hits`, []string{`_msg=sold <N> to ann hits=1`, "_msg=sold <N> to bob hits=1", "_msg=refund <N> hits=1"}},
		{`* | facets 1 max_value_len 5 | filter field_name:in(user, dept, price)`, []string{"field_name=dept field_value=a hits=3", "field_name=price field_value=-3 hits=1", "field_name=user field_value=ann hits=2"}},
		{`* | stats by (dept) rate() r, rate_sum(price) s, count_uniq_hash(user) u, count_uniq_hash(user, price) limit 1 l`, []string{"dept=a l=1 r=3 s=7 u=2", "dept=b l=1 r=2 s=2.5 u=1"}},
		{`_time:[2026-11-20T00:00:00Z, 2026-11-20T00:00:10Z) | stats rate() r`, []string{"r=0.1"}},
		{`* | stats by (_time:10s) rate() r | fields r | uniq by (r)`, []string{"r=0.1"}},
		{`* | stats histogram(price) h`, []string{`h=[{"vmrange":"2.448e+00...2.783e+00","hits":1},{"vmrange":"8.799e+00...1.000e+01","hits":1}]`}},
		{`* | stats by (dept) json_values(user, price) limit 2 v`, []string{`dept=a v=[{"user":"cat"},{"price":"-3","user":"ann"}]`, `dept=b v=[{"user":"bob"},{"price":"2.5","user":"bob"}]`}},
		{`* | stats json_values(user) v | unroll (v) | unpack_json from v | stats count_uniq(user) n`, []string{"n=3"}},
		{`items:value_type(string) | stats count() n`, []string{"n=2"}},
		{`price:value_type(number) !items:value_type(array) | stats count() n`, []string{"n=3"}},
		{`contains_common_case(Refund, "SOLD 18") | stats count() n`, []string{"n=2"}},
		{`user:equals_common_case(ANN) | stats count() n`, []string{"n=2"}},
		{`* | stats by (user) count() n | join by (user) (price:>0 | stats by (user) sum(price) sum) | fields user, n, sum`, []string{"n=2 sum=10 user=ann", "n=2 sum=2.5 user=bob", "n=1 user=cat"}},
		{`* | stats by (user) count() n | join by (user) (price:>0 | stats by (user) sum(price) sum) inner prefix p. | fields user, p.sum`, []string{"p.sum=10 user=ann", "p.sum=2.5 user=bob"}},
		{`price:<0 | join on (dept) (price:>0 | fields dept, items) | fields user, items`, []string{`items=["tea","milk",2] user=ann`}},
		{`sold | fields user | union (refund | fields price)`, []string{"user=bob", "user=ann", "price=-3"}},
		{`* | stats count() n | union (_collection:web | stats count() n | union (_collection:shop | stats count() n)) | stats sum(n) n`, []string{"n=10"}},
		{`* | stats by (user) count() n | filter user:in(price:>5 | fields user)`, []string{"n=2 user=ann"}},
		{`* | stats by (user) count() n | format if (user:in(price:>5 | fields user)) "rich" as what | fields user, what`, []string{"user=ann what=rich", "user=bob", "user=cat"}},
		{`*:ann | stats count() n`, []string{"n=2"}},
		{`!*:(ann or bob) | stats count() n`, []string{"n=1"}},
		{`us*:~"^(ann|cat)$" | stats count() n`, []string{"n=3"}},
		{`*:>1000 | stats count() n`, []string{"n=5"}}, // times are numbers
		{`pri*:"" or *:in(web) | stats count() n`, []string{"n=2"}},
		{`* | stats by rollup (dept, user) count() n, sum(price) s, count_uniq(user) u`, []string{
			"dept=a n=2 rollup=0 s=7 u=1 user=ann", "dept=a n=1 rollup=0 s=NaN u=1 user=cat", "dept=b n=2 rollup=0 s=2.5 u=1 user=bob",
			"dept=a n=3 rollup=1 s=7 u=2", "dept=b n=2 rollup=1 s=2.5 u=1", "n=5 rollup=2 s=9.5 u=3",
		}},
		{`_time:[2026-11-20T00:00:00Z, 2026-11-20T00:03:20Z) | stats by rollup (_time:100s) rate() r | fields r, rollup`, []string{"r=0.02 rollup=0", "r=0.02 rollup=0", "r=0.02 rollup=1"}},
		{`options(concurrency=1) * | stats count() n`, []string{"n=5"}},
		{`* | sample 1 | stats count() n`, []string{"n=5"}},
		{`refund | replace_regexp ("^", ">") at items | replace_regexp ("x*$", "!") at user | fields items, user`, []string{"user=ann!"}},
		{`warn | unpack_logfmt | by (took:5ms) count() n`, []string{"n=1 took=10ms"}},
		{`refund | format "a=b\x1b 'c" | pack_logfmt fields (_msg) | fields _msg`, []string{`_msg=_msg="a=b\u001b 'c"`}},
		{`refund | math round(price, -10) as x | fields x`, []string{"x=0"}},
	}
	for _, tt := range tests {
		checkAnswer(t, tt.query, tt.want)
	}
}

// checkAnswer asks in one place, and of three nodes.
func checkAnswer(t *testing.T, text string, want []string) {
	t.Helper()
	q := mustParse(t, text)
	checkNormal(t, q)
	var got []string
	collect := func(r Row) error {
		got = append(got, flatRow(r))
		return nil
	}
	if err := q.Execute(t.Context(), Events(orders()), RunOptions{NodeID: "n", Workers: 2}, collect); err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	if !strings.Contains(text, "sort") && !strings.Contains(text, "union") {
		slices.Sort(got)
		want = slices.Sorted(slices.Values(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: want -, got +\n%s", text, diff)
	}
	got = nil
	if err := mergedOf(t, q, 3, RunOptions{}).Rows(t.Context(), collect); err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	if !strings.Contains(text, "sort") && !strings.Contains(text, "union") {
		slices.Sort(got)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s of three nodes: want -, got +\n%s", text, diff)
	}
}

// mergedOf asks n nodes with an event in turn each, and merges their frames, the
// last first.
func mergedOf(t *testing.T, q *Query, n int, o RunOptions) *Merge {
	t.Helper()
	type sent struct {
		node  string
		frame Frame
	}
	var frames []sent
	for node := range n {
		var events []llama.Event
		for i, e := range orders() {
			if i%n == node {
				events = append(events, e)
			}
		}
		name := fmt.Sprint("n", node)
		o.NodeID = "n"
		err := q.Partial(t.Context(), Events(events), o, func(f Frame) error {
			frames = append(frames, sent{name, f})
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	m := q.NewMerge(o)
	slices.Reverse(frames)
	for _, f := range frames {
		if err := m.Add(f.node, f.frame); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return m
}

// TestQueriesInFilters: before the first gathering pipe each node asks what it has.
func TestQueriesInFilters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`user:in(price:>5 | fields user) | stats count() n`:                            "n=2",
		`user:in(price:>5 | uniq by (user)) !refund | stats count() n`:                 "n=1",
		`user:in(user:in(price:>5 | fields user) | fields user) | stats count() n`:     "n=2",
		`contains_any(refund | unpack_words as w | unroll (w) | fields w) | count() n`: "n=2",
		`contains_all(bob price:* | fields user) | stats count() n`:                    "n=1",
		`user:in(nothing | fields user) | stats count() n`:                             "n=0",
		`* | stats count() if (user:in(price:>5 | fields user)) n`:                     "n=2",
		`* | filter !user:in(price:>5 | fields user) | stats count() n`:                "n=3",
		`_collection:in(refund | fields _collection) | stats count() n`:                "n=3",
		`items:in(* | fields items) | stats count() n`:                                 "n=2", // no text is no value
	} {
		q := mustParse(t, text)
		checkNormal(t, q)
		var got []string
		err := q.Execute(t.Context(), Events(orders()), RunOptions{}, func(r Row) error {
			got = append(got, flatRow(r))
			return nil
		})
		if err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %v, %v; want %s", text, got, err, want)
		}
		if names, err := q.Collections([]string{"shop", "web"}); err != nil || len(names) != 2 {
			t.Errorf("%s: collections %v, %v", text, names, err)
		}
	}
}

// TestQueriesHeedTheTimeRange: those within too, unless they say otherwise.
func TestQueriesHeedTheTimeRange(t *testing.T) {
	t.Parallel()
	from := orders()[2].Time
	for text, want := range map[string]string{
		`* | stats count() n`: "n=3",
		`options(ignore_global_time_filter=true) * | stats count() n`:                                          "n=5",
		`user:in(price:>5 | fields user) | stats count() n`:                                                    "n=0",
		`user:in(options(ignore_global_time_filter=true) price:>5 | fields user) | stats count() n`:            "n=1",
		`* | stats count() n | union (options(ignore_global_time_filter=true) * | count() n) | stats sum(n) n`: "n=8",
	} {
		q := mustParse(t, text)
		var got []string
		err := q.Execute(t.Context(), Events(orders()), RunOptions{From: from}, func(r Row) error {
			got = append(got, flatRow(r))
			return nil
		})
		if err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %v, %v; want %s", text, got, err, want)
		}
	}
}

// TestQueriesWithinAreBounded: none takes more memory than the run has.
func TestQueriesWithinAreBounded(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`user:in(* | fields user) | stats count() n`,
		`* | stats count() n | union (*)`,
		`* | stats count() n | join by (n) (*)`,
		`* | unroll (items) | union (*)`,
	} {
		q := mustParse(t, text)
		o := RunOptions{MaxMemory: 200}
		err := q.Execute(context.Background(), Events(orders()), o, func(Row) error { return nil })
		if llama.CodeOf(err) != llama.TooLarge {
			t.Errorf("%s: got %v", text, err)
		}
	}
	text := `*` + strings.Repeat(` | union (*)`, maxQueries+1)
	if _, err := Parse(text, testNow); err == nil || !strings.Contains(err.Error(), "more than 16 queries") {
		t.Errorf("%d queries within: %v", maxQueries+1, err)
	}
	if _, err := mustParse(t, `a:in(b | fields c)`).Matcher(); llama.CodeOf(err) != llama.Invalid {
		t.Errorf("a query within that is followed: %v", err)
	}
}

// TestSyslogYear: a time without a year is the newest that is not ahead.
func TestSyslogYear(t *testing.T) {
	t.Parallel()
	q := mustParse(t, `* | unpack_syslog offset 2h`)
	u := q.pipes[0].(*unpackPipe)
	year := testNow.Year()
	for line, want := range map[string]string{
		"<13>Jan  2 03:04:05 h cron[7]: hi": fmt.Sprintf("priority=13 facility_keyword=user level=notice facility=1 severity=5 format=rfc3164 timestamp=%d-01-02T01:04:05Z hostname=h app_name=cron proc_id=7 message=hi", year),
		"Dec 31 23:59:59 h app: hi":         fmt.Sprintf("format=rfc3164 timestamp=%d-12-31T21:59:59Z hostname=h app_name=app message=hi", year-1),
		"Feb 29 00:00:00 h app: hi":         "format=rfc3164 timestamp=2024-02-28T22:00:00Z hostname=h app_name=app message=hi",
		"no syslog at all, but long":        "format=rfc3164 message=no syslog at all, but long",
		"<999>x":                            "",
		"<34>1 2026-01-01T00:00:00Z h a - - [a b=\"c\\\"d\\]\"][e] hi": "priority=34 facility_keyword=auth level=critical facility=4 severity=2 format=rfc5424 timestamp=2026-01-01T00:00:00Z hostname=h app_name=a proc_id=- msg_id=- a.b=c\"d] e= message=hi",
		"<34>1 2026-01-01T00:00:00Z h a - - [a b=\"c":                  "priority=34 facility_keyword=auth level=critical facility=4 severity=2 format=rfc5424 timestamp=2026-01-01T00:00:00Z hostname=h app_name=a proc_id=- msg_id=-",
	} {
		var parts []string
		for _, f := range u.zone.fields(line) {
			parts = append(parts, f.Name+"="+f.Value)
		}
		if got := strings.Join(parts, " "); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", line, got, want)
		}
	}
}

func TestCollapseNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2024-10-20T12:34:56Z took 1.34s": "<N>-<N>-<N>T<N>:<N>:<N>Z took <N>.<N>s",
		"face be cafe01 abc 0x1f 0x2":     "<N> be <N> abc 0x1f 0x<N>",
		"user4711 v2 größe7 é9":           "user4711 v<N> größe7 é9",
		"":                                "",
		"none":                            "none",
	} {
		if got := collapseNumbers(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := nameNumbers(collapseNumbers("2edfed59-3e98-4073-bbb2-28d321ca71a7 - [2024/12/08 15:21:02.5] 10.71.20.32 GET 200")); got != "<UUID> - [<DATETIME>] <IP4> GET <N>" {
		t.Errorf("named: %q", got)
	}
}

// TestItemsComeInOrder: rows that one event became stay in their order, whatever
// way they come.
func TestItemsComeInOrder(t *testing.T) {
	t.Parallel()
	for _, pipes := range []string{"", " | limit 4", " | sort by (_time desc) | limit 4", " | stats values(items) items | unroll (items) | limit 4",
		" | stats json_values(items) items | unroll (items) | unpack_json from items | limit 4"} {
		q := mustParse(t, "sold | unroll (items)"+pipes+" | fields items")
		for _, n := range []int{0, 1, 3} {
			var got []string
			collect := func(r Row) error {
				got = append(got, rowText(r, "items"))
				return nil
			}
			var err error
			if n == 0 {
				err = q.Execute(t.Context(), Events(orders()), RunOptions{}, collect)
			} else {
				err = mergedOf(t, q, n, RunOptions{}).Rows(t.Context(), collect)
			}
			if err != nil || !slices.Equal(got, []string{"tea", "tea", "milk", "2"}) {
				t.Errorf("%s of %d nodes: got %q, %v", q, n, got, err)
			}
		}
	}
}
