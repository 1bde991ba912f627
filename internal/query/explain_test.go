package query

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// unread offers the blocks of m, none of which may be read.
func unread(t *testing.T, m *Memory) *Memory {
	out := &Memory{}
	for i, ref := range m.refs {
		stat := *ref.Stat
		stat.Bytes = int64(1000 * (i + 1))
		ref.Stat = &stat
		ref.Of = made{read: func(context.Context) (*column.Block, error) {
			t.Errorf("block %d was read", i)
			return nil, context.Canceled
		}}
		out.refs = append(out.refs, ref)
	}
	return out
}

func TestExplainPricesAndReadsNothing(t *testing.T) {
	t.Parallel()
	var events []llama.Event
	for i := range 8 {
		events = append(events, event(i, []string{"web", "sshd"}[i/4], "x"))
	}
	s := &shelf{kept: map[string][][]byte{}}
	src := s.onShelf(unread(t, smallBlocks(events)), 1) // the block of sshd belongs to no segment
	tests := []struct {
		text string
		want []string
	}{
		{"x", []string{
			`{"target":"t","node":"n","collection":"sshd","segments":0,"segments_kept":0,"blocks":1,"blocks_in_memory":0,"events":4,"bytes":2000}`,
			`{"target":"t","node":"n","collection":"web","segments":1,"segments_kept":0,"blocks":1,"blocks_in_memory":0,"events":4,"bytes":1000}`,
		}},
		{"_collection:web | stats by (user.name) count() n | sort by (n) limit 1", []string{
			`{"target":"t","node":"n","collection":"web","segments":1,"segments_kept":0,"blocks":1,"blocks_in_memory":0,"events":4,"bytes":1000}`,
		}},
		{"_time:2020 x", []string{`{"target":"t","node":"n","collection":"","segments":0,"segments_kept":0,"blocks":0,"blocks_in_memory":0,"events":0,"bytes":0}`}},
		{"user.name:in(* | fields user.name) | join by (user.name) (*)", []string{
			`{"target":"t","node":"n","collection":"sshd","segments":0,"segments_kept":0,"blocks":1,"blocks_in_memory":0,"events":4,"bytes":2000}`,
			`{"target":"t","node":"n","collection":"web","segments":1,"segments_kept":0,"blocks":1,"blocks_in_memory":0,"events":4,"bytes":1000}`,
		}},
	}
	for _, tt := range tests {
		q := mustParse(t, mustParse(t, tt.text).Explained().String())
		o := RunOptions{NodeID: "n", Target: "t"}
		var lines strings.Builder
		err := q.Lines(t.Context(), src, o, func(more []byte, _ int) error { lines.Write(more); return nil })
		want := strings.Join(tt.want, "\n") + "\n"
		if diff := cmp.Diff(want, lines.String()); diff != "" || err != nil {
			t.Errorf("%s: error %v\n%s", q, err, diff)
		}
		m := q.NewMerge(RunOptions{})
		if err := q.Partial(t.Context(), src, o, func(f Frame) error { return m.Add("n", f) }); err != nil {
			t.Fatal(err)
		}
		var merged strings.Builder
		err = m.Rows(t.Context(), func(r Row) error { merged.WriteString(string(llama.AppendFlat(nil, r)) + "\n"); return nil })
		if diff := cmp.Diff(want, merged.String()); diff != "" || err != nil {
			t.Errorf("%s: merged: error %v\n%s", q, err, diff)
		}
	}
}

// TestExplainSeesWhatIsKept asks first and then for the price.
func TestExplainSeesWhatIsKept(t *testing.T) {
	t.Parallel()
	s := &shelf{kept: map[string][][]byte{}}
	src := s.onShelf(smallBlocks([]llama.Event{event(1, "c", "x"), event(2, "d", "x")}), 1)
	q := mustParse(t, "x | stats count() n")
	for _, want := range []string{`"segments_kept":0,"blocks":1`, `"segments_kept":1,"blocks":0`} {
		var lines strings.Builder
		err := q.Explained().Lines(t.Context(), src, RunOptions{NodeID: "n"}, func(more []byte, _ int) error { lines.Write(more); return nil })
		if !strings.Contains(lines.String(), want) || err != nil {
			t.Errorf("error %v, price\n%swant %s", err, lines.String(), want)
		}
		if err := q.Execute(t.Context(), src, RunOptions{NodeID: "n"}, func(Row) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHalves(t *testing.T) {
	t.Parallel()
	for _, tt := range [][3]string{
		{"error", "error", ""},
		{"error | stats by (a) count() n | sort by (n) | limit 3", "error | stats by (a) count(*) as n", "sort by (n) limit 3"},
		{"error | fields a | offset 2 | limit 3 | uniq by (a)", "error | offset 2 | limit 3", "fields a | uniq by (a)"},
		{"options(concurrency=1) a:b | math x + 1 as y | union (c)", "options(concurrency=1) a:b | math (x + 1) as y", "union (options(concurrency=1) c)"},
	} {
		if node, merger := mustParse(t, tt[0]).Halves(); node != tt[1] || merger != tt[2] {
			t.Errorf("%s\ngot  %q, %q\nwant %q, %q", tt[0], node, merger, tt[1], tt[2])
		}
	}
}
