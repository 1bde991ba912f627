package query

import (
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
	for _, s := range []string{`a`, `"`, `'\xff'`, `a:b*`, `_time:5m offset 1h`, `* | stats by (_time:1w) count() if (x) as y`, `x:~"a|b" | sort by (x desc) limit 3`} {
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
		err = q.Partial(context.Background(), Events(someEvents), RunOptions{}, func(frame Frame) error {
			f.Add(uint8(i), uint8(frame.Kind), frame.Bytes)
			return nil
		})
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, n, kind uint8, b []byte) {
		m := queries[int(n)%len(queries)].NewMerge(RunOptions{MaxMemory: 1 << 20})
		if m.Add("n", Frame{Kind: Kind(kind), Bytes: b}) != nil {
			return
		}
		err := m.Rows(t.Context(), func(Row) error { return nil })
		if err != nil && llama.CodeOf(err) != llama.TooLarge {
			t.Fatal(err)
		}
	})
}
