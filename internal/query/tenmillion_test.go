package query

import (
	"context"
	"runtime"
	"strconv"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// manyValues offers blocks in which no value comes twice, and makes them when they are
// read.
type manyValues int

func (n manyValues) Refs(string, llama.Time, llama.Time) []column.Ref {
	const rows = 32 << 10
	refs := make([]column.Ref, 0, n/rows)
	for first := 0; first+rows <= int(n); first += rows {
		stat := column.Stat{Collection: "c", Rows: rows, MinTime: 1, MaxTime: rows, FirstSeq: uint64(first + 1), LastSeq: uint64(first + rows)}
		refs = append(refs, column.Ref{Stat: &stat, Of: made{read: func(context.Context) (*column.Block, error) {
			c := &column.Column{Name: "v"}
			for i := range rows {
				c.Codes, c.Values = append(c.Codes, uint32(i+1)), append(c.Values, strconv.Itoa(first+i))
			}
			b := &column.Block{Collection: "c", Len: rows, Names: []string{"v"}}
			b.Load = func(string) (*column.Column, error) { return c, nil }
			b.Times = func() ([]llama.Time, error) { return make([]llama.Time, rows), nil }
			b.Seqs = func() ([]uint64, error) { return make([]uint64, rows), nil }
			return b, nil
		}}})
	}
	return refs
}

// TestTenMillionValuesKeepToTheBudget: what needs more memory than a query may take is
// refused as soon as that is known, and the rest is answered.
func TestTenMillionValuesKeepToTheBudget(t *testing.T) {
	const budget, most = 16 << 20, 8 * 16 << 20 // what it takes beside, and until memory is collected
	for text, want := range map[string]llama.Code{
		"* | uniq by (v)":                       llama.TooLarge,
		"* | uniq by (v) with hits limit 10":    llama.TooLarge,
		"* | top 10 by (v)":                     llama.TooLarge,
		"* | stats by (v) count() n":            llama.TooLarge,
		"* | stats count_uniq(v) n":             llama.TooLarge,
		"* | stats uniq_values(v) n":            llama.TooLarge,
		"* | stats count_uniq_hash(v) n":        llama.TooLarge,
		"* | field_values v":                    llama.TooLarge,
		"* | sort by (v)":                       llama.TooLarge,
		"* | stats count_uniq(v) limit 1000 n":  "",
		"* | stats count(v) n, max(v) m":        "",
		"* | sort by (v desc) limit 5":          "",
		"* | stats by (v:1000000) count() n":    "",
		"v:<1000 | uniq by (v) | stats count()": "",
	} {
		q, err := Parse(text, testNow)
		if err != nil {
			t.Fatal(err)
		}
		values := 10_000_000
		if want == "" {
			values /= 20 // all of them are looked at, which takes long
		}
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err = q.Execute(t.Context(), manyValues(values), RunOptions{NodeID: "n", Workers: 2, MaxMemory: budget}, func(Row) error { return nil })
		runtime.ReadMemStats(&after)
		if (err != nil) != (want != "") || err != nil && llama.CodeOf(err) != want {
			t.Errorf("%s: %v, want code %v", text, err, want)
		}
		if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > most {
			t.Errorf("%s: %d MiB of memory more, want at most %d", text, grown>>20, most>>20)
		}
	}
}
