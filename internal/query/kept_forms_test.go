package query

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/llama-logs/llama"
)

// TestNumberRunsAsNumbers: numbers that were kept, in runs and beside others, have the same
// ranks as all of them one behind the other.
func TestNumberRunsAsNumbers(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.SampledFrom([]string{"1", "1.0", "1.00", "2", "-3", "0.25", "-0.5", "7", "100", "999999999999999", "-999999999999999", "0.12345678901234", "-9.99999999999999"}),
		rapid.StringMatching(`-?[1-9][0-9]{0,5}(\.[0-9]{1,3})?`))
	rapid.Check(t, func(t *rapid.T) {
		b := &budget{}
		whole := &quantileAgg{budget: b}
		whole.grow(1)
		kept := &quantileAgg{budget: b}
		kept.grow(1)
		for range rapid.IntRange(0, 20).Draw(t, "parts") {
			part := &quantileAgg{budget: b}
			part.grow(1)
			for _, text := range rapid.SliceOfN(texts, 0, 40).Draw(t, "numbers") {
				if _, ok := parsePlain(text); !ok {
					t.Fatalf("%q is no plain number", text)
				}
				if err := whole.count(0, text, 1); err != nil {
					t.Fatal(err)
				}
				if err := part.count(0, text, 1); err != nil {
					t.Fatal(err)
				}
			}
			if rapid.Bool().Draw(t, "live") {
				if err := kept.merge(part, []uint32{0}); err != nil {
					t.Fatal(err)
				}
				continue
			}
			w := wire{b: []byte{keptVersion}, kept: true}
			if part.write(&w, 0) {
				t.Fatal("something is left")
			}
			r := keptReader(w.b)
			if err := kept.read(r, 0, ""); err != nil || r.end() != nil {
				t.Fatalf("read: %v, %v", err, r.end())
			}
		}
		for phi := 0.0; phi <= 1; phi += 0.0625 {
			whole.phi, kept.phi = phi, phi
			want, _ := whole.result(0)
			if got, _ := kept.result(0); got != want {
				t.Fatalf("quantile %v: got %s, want %s", phi, got, want)
			}
		}
		if runs := len(kept.groups[0].numbers.runs); runs > maxRuns {
			t.Errorf("%d runs", runs)
		}
	})
}

// TestLargestOfKeptGroups: of many groups that were kept in several parts, and of some more,
// the first are the same as of all of them; and most were never made.
func TestLargestOfKeptGroups(t *testing.T) {
	t.Parallel()
	q, err := Parse("* | stats by (source.ip) count() n, count(x) m | sort by (n desc, source.ip) limit 10", testNow)
	if err != nil {
		t.Fatal(err)
	}
	p := q.plan(&RunOptions{})
	ip := func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i%7, i/256%256, i%256) }
	for _, other := range []string{"", "::1"} { // one that is no number of the kind
		add := func(g gatherer, from, to, step int) {
			var rows []Row
			for i := from; i < to; i += step {
				for range 1 + i%13/12*(i%31) {
					rows = append(rows, Row{{Name: "source.ip", Value: ip(i)}})
				}
			}
			for range 3 {
				rows = append(rows, Row{{Name: "source.ip", Value: other}, {Name: "x", Value: "y"}})
			}
			if err := g.add(rowChunk(rows, &scratch{})); err != nil {
				t.Fatal(err)
			}
		}
		make := func() *groupGatherer { return p.gather.gather(newEnv(0), p.rest).(*groupGatherer) }
		whole, kept := make(), make()
		for part := range 4 {
			live := make()
			for _, g := range []gatherer{whole, live} {
				add(g, 2000*part, 2000*part+5000, 1+part)
			}
			parts, err := live.keptParts()
			if err != nil {
				t.Fatal(err)
			}
			if err := addParts(kept, parts, nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range []gatherer{whole, kept} {
			add(g, 100, 9000, 11)
		}
		rowsOf := func(g *groupGatherer) (rows []string) {
			if err := g.rows(func(r Row) error { rows = append(rows, string(llama.AppendFlat(nil, r))); return nil }); err != nil {
				t.Fatal(err)
			}
			return rows
		}
		want, got := rowsOf(whole), rowsOf(kept)
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 10 {
			t.Errorf("with %q: groups that never were columns -, that were +\n%s", other, diff)
		}
		if n := kept.groups(); other == "" && n > 1000 {
			t.Errorf("%d groups were made", n)
		}
	}
}

// FuzzKept reads anything as what was kept.
func FuzzKept(f *testing.F) {
	queries := []string{"* | stats by (a) count() n, count(b) m", "* | stats by (a, b) quantile(0.5, c) q, count() n"}
	for _, text := range queries {
		q, err := Parse(text, testNow)
		if err != nil {
			f.Fatal(err)
		}
		g := q.plan(&RunOptions{}).gather.gather(newEnv(0), nil).(*groupGatherer)
		rows := []Row{{{Name: "a", Value: "1"}, {Name: "c", Value: "2.5"}}, {{Name: "a", Value: "22"}, {Name: "c", Value: "x"}}, {{Name: "a", Value: "22"}, {Name: "c", Value: "7"}}}
		if err := g.add(rowChunk(rows, &scratch{})); err != nil {
			f.Fatal(err)
		}
		parts, err := g.keptParts()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(parts[0])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		for _, text := range queries {
			q, err := Parse(text, testNow)
			if err != nil {
				t.Fatal(err)
			}
			first := recalledMade(nil)
			rows, err := keptRows(t, q, data, first)
			if err != nil {
				continue
			}
			again, err := keptRows(t, q, data, recalledMade(first.pieces))
			if diff := cmp.Diff(rows, again); diff != "" || err != nil {
				t.Errorf("%s: %v, with what was made of it +\n%s", text, err, diff)
			}
		}
	})
}

// keptRows returns the rows of a kept state, if it can be read; none where they take too much
// memory.
func keptRows(t *testing.T, q *Query, data []byte, made *madeParts) (rows []string, err error) {
	g := q.plan(&RunOptions{}).gather.gather(newEnv(64<<20), nil).(*groupGatherer)
	if err := addParts(g, [][]byte{bytes.Clone(data)}, made); err != nil {
		return nil, err
	}
	err = g.rows(func(r Row) error { rows = append(rows, string(llama.AppendFlat(nil, r))); return nil })
	if err != nil && llama.CodeOf(err) != llama.TooLarge {
		t.Errorf("%s: %v", q, err)
	}
	return rows, nil
}
