package query

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
)

// TestALimitOfManyRowsKeepsNone asks two nodes for more rows than their memory holds. They
// send no more than that, and the answer is that of one place with room for all.
func TestALimitOfManyRowsKeepsNone(t *testing.T) {
	t.Parallel()
	var all []llama.Event
	nodes := make([][]llama.Event, 2)
	for i := range 60_000 {
		at := llama.Time((i*7919)%60_000 + 1)
		if i%3 == 0 {
			at = 4711 // of many at once, the later arrived come first
		}
		e := llama.Event{Time: at, Seq: uint64(i + 1), Message: fmt.Sprintf("event %d of many, which is as long as they are", i)}
		e.Fields = []llama.Field{{Name: "list", Value: `["a","b"]`, Kind: llama.Array}, {Name: "n", Value: fmt.Sprint(i)}}
		all, nodes[i%2] = append(all, e), append(nodes[i%2], e)
	}
	for text, most := range map[string]int{
		"* | limit 15000":                                       15_000,
		"* | limit 45000 | fields n":                            45_000, // more than a node has
		"* | fields n, _msg | offset 4000 | limit 15000":        19_000,
		"* | limit 30000 | offset 11000 | format \"x<n>\" as x": 30_000,
		"_msg:7 | filter n:>1000 | limit 12000":                 12_000,
		"* | unroll by (list) | limit 20001":                    20_001,
		"* | limit 200000":                                      30_000,
		"* | offset 55000 | limit 9999999":                      30_000,
	} {
		q := mustParse(t, text)
		o := RunOptions{NodeID: "n", Workers: 2}
		var want []string
		if err := q.Execute(t.Context(), Events(all), o, func(r Row) error {
			want = append(want, string(llama.AppendFlat(nil, r)))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		o.Lines = true
		m := q.NewMerge(o)
		shares := 0.0
		for _, events := range nodes {
			sent, part := 0, o
			part.MaxMemory = 12 << 20
			part.Progress = func(p Progress) { shares = max(shares, p.Share) }
			err := q.Partial(t.Context(), Events(events), part, func(f Frame) error {
				sent += f.Rows
				f.Text = bytes.Clone(f.Text)
				return m.Add("n", f)
			})
			if err != nil || sent > most {
				t.Errorf("%s: a node sent %d rows, %v; %d at most may be wanted", text, sent, err, most)
			}
		}
		var got []string
		if err := m.Rows(t.Context(), func(r Row) error {
			got = append(got, string(llama.AppendFlat(nil, r)))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(want, got) || shares != 1 {
			t.Errorf("%s: progress %v, %d rows, want %d", text, shares, len(got), len(want))
		}
	}
}

func TestManyOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]*window{
		"* | limit 20000":  {0, 20_000, true},
		"* | limit 10000":  nil,
		"* | offset 20000": nil, // all the others
		"* | limit 20000 | fields a | offset 5 | limit 9995":        nil,
		"* | filter x | limit 20000 | fields a":                     {0, 20_000, false},
		"* | limit 20000 | filter x":                                nil,
		"* | limit 20000 | stats count()":                           nil,
		"* | sort by (a) | limit 20000":                             nil,
		`* | limit 20000 | format if (a:in(x | fields a)) "y" as z`: nil,
		"* | sample 3 | offset 2 | limit 20000":                     {2, 20_000, false},
	} {
		_, got := manyOf(mustParse(t, text).pipes, manyRows)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(window{})); d != "" {
			t.Errorf("%s: -want +got\n%s", text, d)
		}
	}
}
