package api

import (
	"strings"
	"testing"
)

func TestCommandsGoToTargetsOneMayManage(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	operator := s.as("operator")
	s.want(201, "POST", "/collections", `{"target":"a","name":"switch","age":"30d","size":"1GiB"}`, operator)
	s.want(204, "PUT", "/collections/a/switch", `{"age":"7d"}`, operator)
	s.want(204, "POST", "/targets/a/rotate", "", operator)
	s.want(204, "PUT", "/targets/a/log-level", `{"level":"debug"}`, operator)
	s.answers = []CommandAnswer{{Node: "n1", Text: []byte(`{"changed":["log.level"],"restart":null}`)}}
	if _, text := s.ask("POST", "/targets/a/reload", "", operator); strings.TrimSpace(text) != `{"nodes":[{"node":"n1","changed":["log.level"],"restart":[]}]}` {
		t.Errorf("reload is answered with %s", text)
	}
	s.answers = []CommandAnswer{{Node: "n1", Text: []byte(`{"version":"v1","events":7,"receivers":[{"name":"syslog_udp","kind":"syslog_udp","address":"127.0.0.1:5514"}]}`)}}
	if _, text := s.ask("GET", "/targets/a/status", "", operator); !strings.Contains(text, `{"nodes":[{"node":"n1","version":"v1",`) || !strings.Contains(text, `"address":"127.0.0.1:5514"`) {
		t.Errorf("status is answered with %s", text)
	}
	s.answers[0].Text = nil
	resp, text := s.ask("GET", "/targets/a/status", "", operator)
	wantProblem(t, resp, text, 503, "unavailable", "node n1 gave an answer that central does not understand")
	want := "operator a collection {Name:switch New:true Age:30d Size:1GiB}\noperator a collection {Name:switch New:false Age:7d Size:0}\noperator a rotate {}\noperator a log-level {Level:debug}\noperator a reload {}\noperator a status {}\noperator a status {}"
	if got := strings.Join(s.commands, "\n"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.withTargets()
	s.want(200, "PATCH", "/users/nobody", `{"grants":[{"role":"operator","target":"a"}]}`, s.as("admin"))
	some := s.as("nobody")
	for _, path := range []string{"PUT /collections/b/x {}", "POST /targets/b/rotate ", "PUT /targets/b/log-level {\"level\":\"debug\"}", "POST /targets/b/reload ", "GET /targets/b/status "} {
		part := strings.SplitN(path, " ", 3)
		resp, text := s.ask(part[0], part[1], part[2], some)
		wantProblem(t, resp, text, 403, "forbidden", `"b"`)
	}
	for body, status := range map[string]int{
		`{"target":"a","name":"../x"}`:               422,
		`{"target":"a","name":"down.>"}`:             422,
		`{"target":"a","name":"x","age":"soon"}`:     400,
		`{"target":"a","name":"x","size":"1"}`:       400,
		`{"target":"a"}`:                             422,
		`{"target":"a","name":"x"} trailing`:         400,
		`{"target":"a","name":"x","name":"x","z":1}`: 422,
	} {
		s.want(status, "POST", "/collections", body, operator)
	}
}
