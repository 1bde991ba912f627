package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
)

// FuzzParse: no text panics, and the normal form of a query is its own.
func FuzzParse(f *testing.F) {
	seed(f, "../../../shared/testdata/query/logsql-parse.jsonl")
	for _, s := range []string{`a`, `"`, `'\xff'`, `a:b*`, `_time:5m offset 1h`, `* | stats by (_time:1w) count() if (x) as y`, `x:~"a|b" | sort by (x desc) limit 3`,
		`options(concurrency=1) *:a b*:(c or d) x:in(y | fields z) | join by (a) (b) inner prefix c | union (d | unroll if (e) (f))`,
		`* | stats by rollup (a, _time:5m) rate() r, histogram(took) h | facets 1 | sample 2`} {
		f.Add(s)
	}
	events := someEvents
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text, testNow)
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) || e.Column < 1 {
				t.Fatalf("%q: error %#v", text, err)
			}
			return
		}
		normal := q.String()
		again, err := Parse(normal, testNow)
		if err != nil {
			t.Fatalf("%q has the normal form %q: %v", text, normal, err)
		}
		if s := again.String(); s != normal {
			t.Fatalf("%q has the normal form %q, and that %q", text, normal, s)
		}
		err = q.Execute(context.Background(), Events(events), RunOptions{MaxMemory: 1 << 20}, func(Row) error { return nil })
		if err != nil && llama.CodeOf(err) != llama.TooLarge {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func seed(f *testing.F, name string) {
	data, err := os.ReadFile(name)
	if err != nil {
		return // the seeds in the code will do
	}
	for line := range strings.Lines(string(data)) {
		var c struct{ S, ID string }
		if json.Unmarshal([]byte(line), &c) != nil {
			continue
		}
		if strings.HasPrefix(c.ID, "pipe_") {
			c.S = "* | " + c.S
		}
		f.Add(c.S)
	}
}

var frameQueries = []string{
	`*`,
	`* | limit 3`,
	`* | sort by (took desc, user.name) partition by (_collection) limit 2`,
	`* | stats by (_collection, _time:5m) count() a, count_uniq(source.ip, user.name) b, sum(took) c, avg(took) d, min(took) e, median(took) f, uniq_values(*) g, values(_msg) h, row_any() i, row_max(took) j, quantile(0.9, took) k, sum_len(_msg) l, count_empty(took) m`,
	`* | top 2 by (user.name)`,
	`* | field_names`,
	`* | facets 2 max_values_per_field 5`,
	`* | unpack_words as w | unroll (w) | limit 3`,
	`* | stats by rollup (_collection, _time:5m) rate() a, rate_sum(took) b, histogram(took) c, json_values(took, _msg) limit 1 d, count_uniq_hash(source.ip, user.name) limit 2 e`,
	`* | stats by (_collection) count() n | join by (_collection) (* | stats by (_collection) max(took) m) | union (* | limit 2) | filter n:in(* | stats count() n | fields n)`,
}

// FuzzMerge: no frame panics, whatever a node sends.
func FuzzMerge(f *testing.F) {
	var queries []*Query
	for i, text := range frameQueries {
		q, err := Parse(text, testNow)
		if err != nil {
			f.Fatal(err)
		}
		queries = append(queries, q)
		for _, lines := range []bool{false, true} {
			err = q.Partial(context.Background(), Events(someEvents), RunOptions{Lines: lines}, func(frame Frame) error {
				f.Add(uint8(i), uint8(frame.Kind), frame.Bytes, bytes.Clone(frame.Text), lines)
				return nil
			})
			if err != nil {
				f.Fatal(err)
			}
		}
	}
	f.Fuzz(func(t *testing.T, n, kind uint8, b, text []byte, lines bool) {
		m := queries[int(n)%len(queries)].NewMerge(RunOptions{MaxMemory: 1 << 20, Lines: lines})
		for _, node := range []string{"n", "o"} {
			if m.Add(node, Frame{Kind: Kind(kind), Bytes: bytes.Clone(b), Text: text}) != nil {
				return
			}
		}
		err := m.Rows(t.Context(), func(Row) error { return nil })
		if err != nil && llama.CodeOf(err) != llama.TooLarge && !(Kind(kind) == Lines && errors.Is(err, errFrame)) {
			t.Fatal(err)
		}
	})
}

// FuzzUnpack: no text of an event panics, and what is packed is unpacked again.
func FuzzUnpack(f *testing.F) {
	for _, s := range []string{
		`a=b c="d e" f`, `<34>1 2026-01-01T00:00:00Z h a - - [a b="c\"d\]"][e] hi`, "<13>Jan  2 03:04:05 h cron[7]: hi", `["a",1,{"b":[]},null]`,
		"\x1b[1;31mred\x1b[0m", "2edfed59-3e98-4073-bbb2-28d321ca71a7 2024/12/08 15:21:02.5 cafe01 \xff",
	} {
		f.Add(s)
	}
	zone := syslogZone{now: llama.At(testNow)}
	f.Fuzz(func(t *testing.T, s string) {
		zone.fields(s)
		arrayItems(s)
		withoutColours(s)
		nameNumbers(collapseNumbers(s))
		logfmtFields(s)
		got := logfmtFields(logfmt(Row{{Name: "a", Value: s}, {Name: "b", Value: "x"}}))
		if n := len(got); n == 0 || got[n-1].Value != "x" || s != "" && (n != 2 || got[0].Value != s) {
			t.Fatalf("%q is packed and unpacked to %q", s, got)
		}
		if items := arrayItems(jsonArray([]string{s, "x"})); len(items) != 2 || items[1].Value != "x" {
			t.Fatalf("%q in an array is %q", s, items)
		}
	})
}
