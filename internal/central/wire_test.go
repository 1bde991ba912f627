package central

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/store"
	"github.com/llama-logs/llama/internal/task"
)

func TestTogetherAddsUp(t *testing.T) {
	t.Parallel()
	q := store.Query{Tasks: []store.Task{
		{State: store.Running, Progress: 0.5, EventsRead: 10, BytesRead: 100, Rows: 3},
		{State: store.Failed, Progress: 0.1, EventsRead: 1, BytesRead: 10, Rows: 1},
	}}
	want := api.Progress{Progress: 0.75, EventsRead: 11, BytesRead: 110, Rows: 4}
	if d := cmp.Diff(want, together(&q)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	q.Rows, want.Rows = 2, 2 // groups that both have sent are one
	if d := cmp.Diff(want, together(&q)); d != "" {
		t.Errorf("merged: -want +got\n%s", d)
	}
}

// TestOnlyFinalRowsAreLeftOut says why a peer that comes back may say which rows
// it has: those that may still change are sent whole.
func TestOnlyFinalRowsAreLeftOut(t *testing.T) {
	t.Parallel()
	rows := []task.Row{{{Name: "n", Value: "0"}}, {{Name: "n", Value: "1"}}, {{Name: "n", Value: "2"}}}
	tests := []struct {
		end        bool
		from       int64
		wantOffset int64
		wantRows   int
	}{
		{false, 0, 0, 3}, {false, 2, 0, 3}, {true, 0, 0, 3}, {true, 2, 2, 1}, {true, 3, 3, 0}, {true, 9, 3, 0},
	}
	for _, tt := range tests {
		var got []api.Change
		u := task.Update{Query: &store.Query{State: store.Running}, Rows: rows, End: tt.end}
		if err := change(u, &api.Query{}, tt.from, func(c api.Change) error {
			got = append(got, c)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		first := got[0]
		if first.Offset != tt.wantOffset || len(first.Rows) != tt.wantRows || first.Final != tt.end || first.Rows == nil {
			t.Errorf("%+v: got %+v", tt, first)
		}
		if last := got[len(got)-1]; last.Query == nil {
			t.Errorf("%+v: the last is %+v, want the state", tt, last)
		}
	}
}

func TestCollectionsOfANodeEachAreOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		nodes []task.Collection
		age   string
		size  int64
	}{
		{[]task.Collection{{Age: "30d", Size: 10}, {Age: "30d", Size: 20}, {Age: "30d", Size: 20}}, "30d", 50},
		{[]task.Collection{{Age: "130d", Size: 10}, {Age: "30d"}, {Age: "130d", Size: 10}}, "130d, 30d", 0},
		{[]task.Collection{{Age: "7d"}, {Age: "7d", Size: 10}}, "7d", 0},
	} {
		all := api.Collection{Age: tt.nodes[0].Age, Size: tt.nodes[0].Size}
		for _, n := range tt.nodes[1:] {
			join(&all, n)
		}
		if all.Age != tt.age || all.Size != tt.size {
			t.Errorf("%+v are %q and %d bytes; want %q and %d", tt.nodes, all.Age, all.Size, tt.age, tt.size)
		}
	}
}
