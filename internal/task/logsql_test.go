package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

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
