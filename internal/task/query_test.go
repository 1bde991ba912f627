package task

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/store"
)

func TestResultIsMergedAndKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.site("a", emits(0, 25, 10))
	w.site("a", emits(25, 5000, 100))
	w.site("b", emits(5000, 9000, 100))
	id := w.submit(Request{Query: "planted question", Name: "planted name", From: 3, To: 4})
	q := w.in(id, store.Done)
	if d := cmp.Diff(wantRows(0, 9000), w.rows(id)); d != "" {
		t.Errorf("rows: -want +got\n%s", d)
	}
	if q.Rows != 9000 || !slices.Equal(q.Columns, []string{"n", "_msg"}) || !slices.Equal(q.Targets, []string{"a", "b"}) ||
		q.Started == 0 || q.Ended == 0 || q.Text != "planted question" || q.From != 3 || q.To != 4 {
		t.Errorf("got %+v", q)
	}
	for _, task := range q.Tasks {
		if task.State != store.Done || task.Progress != 1 || task.Attempt != 1 || task.Delivered == 0 || task.Started == 0 || task.Ended == 0 {
			t.Errorf("got %+v", task)
		}
	}
	for _, p := range []struct{ offset, limit, want int64 }{{0, 0, 9000}, {0, 5, 5}, {4094, 5, 5}, {8999, 5, 1}, {9000, 5, 0}, {0, 1 << 40, 9000}} {
		rows, err := w.part(id, p.offset, p.limit)
		if err != nil || int64(len(rows)) != p.want {
			t.Fatalf("page %+v: got %d rows, %v", p, len(rows), err)
		}
		if p.want > 0 && text(rows[0]) != text(numbered(int(p.offset))) {
			t.Errorf("page %+v begins with %s", p, text(rows[0]))
		}
	}
	w.halt()
	names, err := filepath.Glob(filepath.Join(filepath.Dir(w.file), "*"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if data := must(os.ReadFile(name))(t); bytes.Contains(data, []byte("planted")) {
			t.Errorf("%s holds a query or an event in clear", name)
		}
	}
}

func TestTargetsAndLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{MaxRows: 40})
	w.site("a", emits(0, 50, 10))
	w.site("b", emits(100, 120, 10))
	tests := []struct {
		name    string
		request Request
		state   store.State
		want    []string
	}{
		{"one target", Request{Targets: []string{"b", "b"}}, store.Done, wantRows(100, 120)},
		{"limit", Request{Targets: []string{"a"}, Limit: 7}, store.Done, wantRows(0, 7)},
		{"more than is kept", Request{Targets: []string{"a"}}, store.Partial, wantRows(0, 40)},
		{"limit above what is kept", Request{Targets: []string{"a"}, Limit: 45}, store.Partial, wantRows(0, 40)},
	}
	for _, tt := range tests {
		id := w.submit(tt.request)
		q := w.in(id, tt.state)
		if d := cmp.Diff(tt.want, w.rows(id)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
		if (q.Error != "") != (tt.state == store.Partial) {
			t.Errorf("%s: the error is %q", tt.name, q.Error)
		}
	}
}

func TestSubmitRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{PerUser: 2})
	if _, err := w.central.Submit(t.Context(), Request{Query: "*"}); llama.CodeOf(err) != llama.Conflict {
		t.Errorf("no target at all: got %v", err)
	}
	w.away("a", nil)
	tests := []struct {
		name    string
		request Request
		code    llama.Code
		want    string
	}{
		{"a bad query", Request{Query: "| count"}, llama.Invalid, "column 1: "},
		{"a long query", Request{Query: strings.Repeat("a", query.MaxText+1)}, llama.TooLarge, "64 KiB"},
		{"an unknown target", Request{Query: "*", Targets: []string{"a", "x"}}, llama.NotFound, `there is no target "x"; there is "a"`},
		{"an unknown language", Request{Query: "*", Language: "sql"}, llama.Invalid, "logsql"},
		{"a range that ends first", Request{Query: "*", From: 2, To: 1}, llama.Invalid, "time range"},
		{"a negative limit", Request{Query: "*", Limit: -1}, llama.Invalid, "limit"},
	}
	for _, tt := range tests {
		_, err := w.central.Submit(t.Context(), tt.request)
		if llama.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s: %s", tt.name, err, tt.code, tt.want)
		}
	}
	w.site("b", newWaits())
	work := Request{Query: "*", User: "eva", Targets: []string{"b"}}
	asked := []string{w.submit(work), w.submit(work)}
	if _, err := w.central.Submit(t.Context(), work); llama.CodeOf(err) != llama.Throttled {
		t.Errorf("a third: got %v, want throttled", err)
	}
	w.submit(Request{User: "udo"})
	if err := w.central.Cancel(t.Context(), asked[0]); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{w.submit(work), asked[1]} {
		if err := w.central.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	// Those that only wait for a node that is away are no work, but not without bound.
	waiting := 0
	w.until("no more may wait", func() bool {
		_, err := w.central.Submit(t.Context(), Request{Query: "*", User: "eva", Targets: []string{"a"}})
		if err == nil {
			waiting++
		}
		return llama.CodeOf(err) == llama.Throttled && strings.Contains(err.Error(), "wait for nodes that are away")
	})
	if waiting < 2*awayTimes || waiting > 2*awayTimes+1 { // one was not yet known to wait
		t.Errorf("%d wait, want %d", waiting, 2*awayTimes)
	}
	for _, id := range []string{"", "nope", "018f0000-0000-7000-8000-000000000000"} {
		_, err := w.central.Get(t.Context(), id)
		if rows, err2 := w.part(id, 0, 1); llama.CodeOf(err) != llama.NotFound || llama.CodeOf(err2) != llama.NotFound {
			t.Errorf("get %q: %v; rows: %v, %v", id, err, rows, err2)
		}
		if err := w.central.Cancel(t.Context(), id); llama.CodeOf(err) != llama.NotFound {
			t.Errorf("cancel %q: %v", id, err)
		}
	}
}

func TestStatesProgressAndFirstRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	x := newWaits()
	w.site("a", x)
	w.away("b", nil)
	id := w.submit(Request{})
	await(t, "the task began", x.began)
	w.until("progress and rows come", func() bool {
		q := w.get(id)
		i := slices.IndexFunc(q.Tasks, func(t store.Task) bool { return t.Target == "a" })
		task := q.Tasks[i]
		return q.State == store.Running && task.State == store.Running && task.Progress == 0.25 && task.EventsRead == 10 && task.BytesRead == 100 && task.Rows == 10 && task.Frames == 1
	})
	rows, err := w.part(id, 2, 3)
	if err != nil || len(rows) != 3 || text(rows[0]) != text(numbered(2)) {
		t.Errorf("got %+v, %v", rows, err)
	}
	close(x.until)
	w.until("a is done", func() bool { return w.get(id).Tasks[0].State == store.Done || w.get(id).Tasks[1].State == store.Done })
	if q := w.get(id); q.State != store.Running {
		t.Errorf("the query is %s while b is offline, want running", q.State)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	x := newWaits()
	w.site("a", x)
	w.away("b", nil)
	running, queued := w.submit(Request{}), w.submit(Request{Targets: []string{"b"}})
	await(t, "the task began", x.began)
	w.until("rows come", func() bool { return len(w.rows(running)) == 10 })
	for _, id := range []string{running, queued} {
		start := time.Now()
		gone, leave := context.WithCancel(t.Context())
		leave() // who asks does not wait for it
		if err := w.central.Cancel(gone, id); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("cancel took %v", took)
		}
		if q := w.get(id); q.State != store.Cancelled || q.Tasks[0].State != store.Cancelled || q.Ended == 0 {
			t.Errorf("got %+v", q)
		}
		if err := w.central.Cancel(t.Context(), id); err != nil {
			t.Errorf("again: %v", err)
		}
	}
	start := time.Now()
	await(t, "the node stops", x.ended)
	if took := time.Since(start); took > time.Second {
		t.Errorf("the node took %v to stop", took)
	}
	if d := cmp.Diff(wantRows(0, 10), w.rows(running)); d != "" {
		t.Errorf("rows that came: -want +got\n%s", d)
	}
	if got := w.rows(queued); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Deadline: 3 * time.Second}) // in which a node that is there sends some rows, whatever else runs
	x := newWaits()
	w.site("a", x)
	w.away("b", nil)
	offline := w.submit(Request{Targets: []string{"b"}})
	running := w.submit(Request{Targets: []string{"a"}})
	for _, id := range []string{offline, running} {
		if q := w.in(id, store.Expired); q.Tasks[0].State != store.Expired || q.Tasks[0].Error == "" {
			t.Errorf("got %+v", q)
		}
	}
	await(t, "the node stops", x.ended)
	if d := cmp.Diff(wantRows(0, 10), w.rows(running)); d != "" {
		t.Errorf("rows that came: -want +got\n%s", d)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	fails := func(err error) fake {
		return fake{partial: func(_ context.Context, _ Task, emit func(Frame) error, _ func(Progress)) error {
			return errors.Join(emit(frameOf(0, 1)), err)
		}}
	}
	tests := []struct {
		name  string
		does  fake
		state store.State
		want  string // in the task's error
		rows  int
	}{
		{"a bad query", fails(llama.Errorf(llama.Invalid, `column 7: there is no collection "sshdd"; "sshd"?`)), store.Failed, `column 7: there is no collection "sshdd"; "sshd"?`, 1},
		{"an error of ours", fails(errors.New("secret path")), store.Failed, "internal error", 1},
		{"a damaged frame", fake{partial: func(_ context.Context, _ Task, emit func(Frame) error, _ func(Progress)) error {
			emit(frameOf(0, 5))
			return emit(Frame{Kind: 1, Body: []byte("no rows")})
		}}, store.Failed, "damaged frame", 5},
		{"too much", fake{partial: func(_ context.Context, _ Task, emit func(Frame) error, _ func(Progress)) error {
			for n := 0; ; n += 10 {
				if err := emit(frameOf(n, n+10)); err != nil {
					return err
				}
			}
		}}, store.Partial, "larger than allowed", -1},
		{"a frame that is too large", fake{partial: func(_ context.Context, _ Task, emit func(Frame) error, _ func(Progress)) error {
			return emit(Frame{Kind: 1, Body: make([]byte, maxFrame+1)})
		}}, store.Failed, "larger than the 16 MiB", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{MaxBytes: 10 << 10})
			w.site("a", tt.does)
			id := w.submit(Request{})
			q := w.in(id, tt.state)
			if got := q.Tasks[0].Error; !strings.Contains(got, tt.want) || strings.Contains(got, "secret") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := w.rows(id); tt.rows >= 0 && len(got) != tt.rows || tt.rows < 0 && len(got) == 0 {
				t.Errorf("got %d rows, want %d", len(got), tt.rows)
			}
		})
	}
}

func TestLargeFramesTravelInPieces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	big := numbered(1)
	noise := make([]byte, 3<<20)
	for i, x := 0, uint32(1); i < len(noise); i++ { // does not compress
		x = x*1664525 + 1013904223
		noise[i] = ' ' + byte(x>>24)%95
	}
	big[1].Value = string(noise)
	w.site("a", fake{partial: func(_ context.Context, _ Task, emit func(Frame) error, _ func(Progress)) error {
		return errors.Join(emit(frameOf(0, 1)), emit(Frame{Kind: 1, Body: encodeRows([]Row{big})}), emit(frameOf(2, 3)))
	}})
	id := w.submit(Request{})
	w.in(id, store.Done)
	rows, err := w.part(id, 0, 10)
	if err != nil || len(rows) != 3 || rows[1][1].Value != big[1].Value {
		t.Errorf("got %d rows, %v", len(rows), err)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	x := newWaits()
	w.site("a", x)
	id := w.submit(Request{})
	var states []store.State
	var rows []int
	for u, err := range w.central.Watch(t.Context(), id, true) {
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, u.Query.State)
		if u.Rows != nil {
			rows = append(rows, len(u.Rows))
		}
		if len(u.Rows) == 10 {
			close(x.until)
		}
		if u.End != (u.Query.State == store.Done) {
			t.Errorf("state %s, end %v", u.Query.State, u.End)
		}
	}
	if states[len(states)-1] != store.Done || rows[len(rows)-1] != 20 || !slices.Contains(rows, 10) {
		t.Errorf("got states %v and numbers of rows %v", states, rows)
	}
	late := 0
	for u, err := range w.central.Watch(t.Context(), id, true) {
		if late++; err != nil || !u.End || len(u.Rows) != 20 {
			t.Errorf("late: got %+v, %v", u, err)
		}
	}
	if late != 1 {
		t.Errorf("who comes late got %d updates, want 1", late)
	}
	id = w.submit(Request{})
	for u, err := range w.central.Watch(t.Context(), id, false) {
		if err != nil || u.Rows != nil || u.End && u.Query.Rows != 20 {
			t.Errorf("without preview: got %+v, %v", u, err)
		}
	}
	for _, err := range w.central.Watch(t.Context(), "nope", true) {
		if llama.CodeOf(err) != llama.NotFound {
			t.Errorf("got %v, want not found", err)
		}
	}
}

func TestListAndStatistics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	does := emits(0, 1, 10)
	does.status = Status{EventsPerSecond: 2, Collections: []Collection{{Name: "sshd", Events: 5, Bytes: 7, First: 1, Last: 2}, {Name: "x", Events: 1}}}
	w.site("a", does)
	w.site("b", does)
	w.away("c", nil)
	done := w.submit(Request{Targets: []string{"a"}})
	w.in(done, store.Done)
	open := w.submit(Request{Targets: []string{"c"}, User: "udo"})
	all := must(w.central.List(t.Context(), store.Filter{}))(t)
	if len(all) != 2 || all[0].ID != open || all[1].ID != done {
		t.Errorf("got %+v", all)
	}
	if own := must(w.central.List(t.Context(), store.Filter{User: "udo"}))(t); len(own) != 1 || own[0].ID != open {
		t.Errorf("got %+v", own)
	}
	got := must(w.central.Statistics(t.Context(), 1))(t)
	want := Statistics{Queries: store.Counts{Total: 2, Running: 1, Today: 2}, Online: 2, Offline: 1, Collections: 2, Events: 12, Bytes: 14, EventsPerSecond: 4}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	reports := must(w.central.Status(t.Context(), []string{"a", "c"}))(t)
	if len(reports) != 2 || !cmp.Equal(reports[0].Status, does.status) || reports[0].Error != "" || reports[1].Error != "the node is offline" {
		t.Errorf("got %+v", reports)
	}
}
