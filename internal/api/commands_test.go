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
	want := "operator a collection {Name:switch New:true Age:30d Size:1GiB}\noperator a collection {Name:switch New:false Age:7d Size:0}\noperator a rotate {}"
	if got := strings.Join(s.commands, "\n"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.withTargets()
	s.want(200, "PATCH", "/users/nobody", `{"grants":[{"role":"operator","target":"a"}]}`, s.as("admin"))
	some := s.as("nobody")
	for _, path := range []string{"/collections/b/x", "/targets/b/rotate"} {
		resp, text := s.ask(map[bool]string{true: "POST", false: "PUT"}[strings.HasSuffix(path, "rotate")], path, map[bool]string{false: "{}"}[strings.HasSuffix(path, "rotate")], some)
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
