package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/store"
)

// holds answers LogsQL over a few events.
func holds(node string, events ...llama.Event) fake {
	src := query.Events(events)
	return fake{partial: func(ctx context.Context, t Task, emit func(Frame) error, progress func(Progress)) error {
		o := query.RunOptions{NodeID: node, Progress: func(p query.Progress) { progress(Progress(p)) }}
		return t.Partial(ctx, src, []string{"sshd"}, o, emit)
	}}
}

// logins are n events of a host.
func logins(host string, n int) []llama.Event {
	var all []llama.Event
	for i := range n {
		all = append(all, llama.Event{
			Time: llama.Time(i + 1), Collection: "sshd", Message: fmt.Sprint("login ", i),
			Fields: []llama.Field{{Name: "host.name", Value: host}},
		})
	}
	return all
}

func TestLogsQLOverNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.halt()
	w.planner = LogsQL{}
	w.start()
	w.site("a", holds("n1", logins("x", 3)...))
	w.site("b", holds("n2", append(logins("x", 4), logins("y", 5)...)...))
	tests := []struct {
		request Request
		want    []string
		state   store.State
		problem string
	}{
		{Request{Query: "* | stats by (host.name) count() n | sort by (n desc)"}, []string{`{"host.name":"x","n":7}`, `{"host.name":"y","n":5}`}, store.Done, ""},
		{Request{Query: "* | stats by (host.name) count() n | sort by (n desc)", Limit: 1}, []string{`{"host.name":"x","n":7}`}, store.Done, ""},
		{Request{Query: "* | stats count() n", From: 2, To: 3}, []string{`{"n":6}`}, store.Done, ""},
		{Request{Query: "_collection:sshd host.name:y | fields _msg", Limit: 2}, []string{`{"_msg":"login 4"}`, `{"_msg":"login 3"}`}, store.Done, ""},
		{Request{Query: "_collection:shd"}, nil, store.Failed, `there is no collection "shd"; there is "sshd"`},
	}
	for _, tt := range tests {
		id := w.submit(tt.request)
		q := w.in(id, tt.state)
		if d := gocmp.Diff(tt.want, w.rows(id)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.request.Query, d)
		}
		if got := cmp.Or(q.Error, q.Tasks[0].Error); got != tt.problem {
			t.Errorf("%s: got problem %q, want %q", tt.request.Query, got, tt.problem)
		}
		if strings.Contains(q.Normal, "limit") {
			t.Errorf("the normal form %q has a limit that was not in the text", q.Normal)
		}
	}
	q := w.in(w.submit(Request{Query: "* | stats by (host.name) count() n"}), store.Done)
	sent := map[string]int64{}
	for _, one := range q.Tasks {
		sent[one.Target] = one.Rows
	}
	if d := gocmp.Diff(map[string]int64{"a": 1, "b": 2}, sent); d != "" {
		t.Errorf("groups each target has sent: -want +got\n%s", d)
	}
	_, err := w.central.Submit(t.Context(), Request{Query: "* | limit x"})
	if e, ok := errors.AsType[*query.Error](err); !ok || e.Column != 11 {
		t.Errorf("got %v, want an error at column 11", err)
	}
}

// TestRowsPassAsTheyCame: frames of rows that follow each other are kept as nodes sent
// them, the others are merged, and all are read in order, while the query runs and after,
// whole and in part.
func TestRowsPassAsTheyCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{MaxRows: 11_000})
	w.halt()
	w.planner = LogsQL{}
	w.start()
	const each = 6000
	events := func(first, step int) (all []llama.Event, lines []string) {
		for i := range each {
			at := first + i*step
			e := llama.Event{Time: llama.Time(at), Seq: uint64(i + 1), Collection: "sshd", Message: fmt.Sprintf("event %d of many, with %d", at, at*at)}
			all, lines = append(all, e), append(lines, fmt.Sprintf(`{"_msg":%q}`, e.Message))
		}
		return all, lines
	}
	odd, oddLines := events(1, 2)
	even, evenLines := events(2, 2)
	late, lateLines := events(100_001, 1)
	slow := holds("n1", odd...)
	w.site("odd", fake{partial: func(ctx context.Context, t Task, emit func(Frame) error, progress func(Progress)) error {
		emitted := 0
		return slow.partial(ctx, t, func(f Frame) error {
			err := emit(f)
			if emitted++; emitted == 2 { // the second lets the first go
				w.until("a frame is kept", func() bool {
					for range w.store.Frames(ctx, &store.Query{ID: t.ID.String(), Expires: llama.At(time.Now().Add(7 * 24 * time.Hour))}) {
						return true
					}
					return false
				})
			}
			return err
		}, progress)
	}})
	w.site("even", holds("n2", even...))
	w.site("late", holds("n3", late...))
	var mixed []string
	for i := range each {
		mixed = append(mixed, oddLines[i], evenLines[i])
	}
	newest := func(lines []string) []string { lines = slices.Clone(lines); slices.Reverse(lines); return lines }
	tests := []struct {
		targets []string
		want    []string
		state   store.State
		frames  bool // some are kept
	}{
		{[]string{"odd"}, newest(oddLines), store.Done, true},
		{[]string{"odd", "late"}, newest(slices.Concat(oddLines, lateLines))[:11_000], store.Partial, true},
		{[]string{"odd", "even"}, newest(mixed)[:11_000], store.Partial, false},
	}
	for _, tt := range tests {
		id := w.submit(Request{Query: "* | fields _msg", Targets: tt.targets})
		q := w.in(id, tt.state)
		if d := gocmp.Diff(tt.want, w.rows(id)); d != "" {
			t.Fatalf("%v: -want +got\n%s", tt.targets, d)
		}
		if q.Rows != int64(len(tt.want)) || len(q.Columns) != 1 {
			t.Errorf("%v: %d rows of %v", tt.targets, q.Rows, q.Columns)
		}
		rows, err := w.part(id, 5000, 7)
		var got []string
		for _, row := range rows {
			got = append(got, text(row))
		}
		if d := gocmp.Diff(tt.want[5000:5007], got); d != "" || err != nil {
			t.Errorf("%v: a page: %v, -want +got\n%s", tt.targets, err, d)
		}
		kept := 0
		for _, err := range w.store.Frames(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			kept++
		}
		if (kept > 0) != tt.frames {
			t.Errorf("%v: %d frames are kept", tt.targets, kept)
		}
	}
}

// TestFramesThatWereRefusedAreHeld has the store take what one node sent, and refuse what
// another did: that is held until it comes again.
func TestFramesThatWereRefusedAreHeld(t *testing.T) {
	t.Parallel()
	of := Task{Query: "* | fields host.name", Language: "logsql", Lines: true}
	plan := must(LogsQL{}.Plan(of))(t)
	m := &merging{merge: plan.NewMerge(), next: map[string]uint64{}, parts: map[string][]byte{}}
	m.read = func(f store.Frame) ([]byte, error) {
		return nil, fmt.Errorf("frame %d of %s is not there", f.Number, f.Node)
	}
	var last []byte
	add := func(node string, number uint64) {
		t.Helper()
		err := holds(node, logins(node, 300)...).partial(t.Context(), of, func(f Frame) error {
			if f.Kind != linesFrame {
				return nil
			}
			last = packLines(f)
			return m.add(node, 1, number, piece{kind: f.Kind, body: last})
		}, func(Progress) {})
		if err != nil {
			t.Fatal(err)
		}
	}
	add("refused", 0)
	add("refused", 1)
	add("taken", 0)
	m.kept("taken", 1, 1)
	m.kept("refused", 2, 9) // another attempt
	m.kept("refused", 1, 0) // nothing of it
	asked, rows := 0, 0
	m.read = func(f store.Frame) ([]byte, error) {
		if asked++; f.Node != "taken" {
			return nil, fmt.Errorf("frame %d of %s is asked for", f.Number, f.Node)
		}
		return last, nil
	}
	err := m.merge.(LineMerge).Lines(t.Context(), func(l query.LinesOf) error {
		rows += l.Count
		_, err := l.All()
		return err
	})
	if rows != 900 || asked == 0 || err != nil {
		t.Errorf("%d rows, %d frames were asked for, %v", rows, asked, err)
	}
}

// TestResultsOfOlderProgramsAreRead: they kept rows otherwise.
func TestResultsOfOlderProgramsAreRead(t *testing.T) {
	t.Parallel()
	l, err := linesOf(&store.Query{}, store.Chunk{Count: 2, Form: formRows, Rows: encodeRows([]Row{numbered(1), numbered(2)})})
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Text()
	if want := text(numbered(1)) + "\n" + text(numbered(2)) + "\n"; err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	if _, err := linesOf(&store.Query{}, store.Chunk{Count: 1, Form: 9}); !errors.Is(err, errRows) {
		t.Errorf("rows of a form to come: %v", err)
	}
	if _, err := linesOf(&store.Query{}, store.Chunk{Count: 1, Form: formFrame, Rows: []byte{0, 0, 1}}); !errors.Is(err, errPiece) {
		t.Errorf("a damaged frame: %v", err)
	}
}
