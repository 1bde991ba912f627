package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/store"
)

// withTargets makes the targets a and b known to the database.
func (s *site) withTargets() {
	s.t.Helper()
	for _, name := range []string{"a", "b"} {
		if err := s.db.PutNode(s.t.Context(), store.Node{ID: name + "-1", Target: name, Keys: []byte{1}}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// want does a request and fails unless its status is what it should be.
func (s *site) want(status int, method, path, body string, headers ...string) string {
	s.t.Helper()
	resp, text := s.ask(method, path, body, headers...)
	if resp.StatusCode != status {
		s.t.Fatalf("%s %s %s: %s %s; want %d", method, path, body, resp.Status, text, status)
	}
	return text
}

// signIn signs in with a password, and returns the header of that session.
func (s *site) signIn(user, password string) string {
	s.t.Helper()
	var got SignedInSession
	text := s.want(200, "POST", "/session", fmt.Sprintf(`{"user":%q,"password":%q}`, user, password))
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		s.t.Fatal(err)
	}
	return "Authorization: Bearer " + got.Token
}

func TestUserIsAddedChangedAndRemoved(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.withTargets()
	admin := s.as("admin")
	var first FirstPassword
	text := s.want(201, "POST", "/users", `{"name":"ana","grants":[{"role":"viewer","target":"a"}]}`, admin)
	if err := json.Unmarshal([]byte(text), &first); err != nil || len(first.Password) < 20 {
		t.Fatalf("got %s", text)
	}
	ana := s.signIn("ana", first.Password)
	resp, text := s.ask("GET", "/targets", "", ana)
	wantProblem(t, resp, text, 403, "forbidden", "change your password first")
	s.want(204, "POST", "/session/password", fmt.Sprintf(`{"old":%q,"new":"a better one of hers"}`, first.Password), ana)
	if text := s.want(200, "GET", "/targets", "", ana); strings.Contains(text, `"b"`) || !strings.Contains(text, `"a"`) {
		t.Errorf("ana sees %s", text)
	}
	resp, text = s.ask("POST", "/queries", `{"query":"x","targets":["a"]}`, ana)
	wantProblem(t, resp, text, 403, "forbidden", "roles")

	// What is granted holds in the session that is open.
	s.want(200, "PATCH", "/users/ana", `{"grants":[{"role":"analyst"}]}`, admin)
	s.want(201, "POST", "/queries", `{"query":"x","targets":["b"]}`, ana)
	if text := s.want(200, "GET", "/users?match=AN&limit=1", "", admin); !strings.Contains(text, `"name":"ana","grants":[{"role":"analyst"}]`) || strings.Contains(text, `"admin"`) {
		t.Errorf("users: %s", text)
	}
	if text := s.want(200, "GET", "/users/ana", "", admin); strings.Contains(text, "argon2") {
		t.Errorf("the password's hash is shown: %s", text)
	}

	// Another password ends what is open, and so does the user's end.
	s.want(200, "POST", "/users/ana/password", `{"password":"given by the admin"}`, admin)
	resp, text = s.ask("GET", "/session", "", ana)
	wantProblem(t, resp, text, 401, "unauthorized", "session has ended")
	ana = s.signIn("ana", "given by the admin")
	s.want(204, "DELETE", "/users/ana", "", admin)
	resp, text = s.ask("GET", "/session", "", ana)
	wantProblem(t, resp, text, 401, "unauthorized", "session has ended")
	resp, text = s.ask("POST", "/session", `{"user":"ana","password":"given by the admin"}`)
	wantProblem(t, resp, text, 401, "unauthorized", "wrong")
}

func TestUserIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.withTargets()
	admin := s.as("admin")
	tests := []struct {
		method, path, body string
		status             int
		code, detail       string
	}{
		{"POST", "/users", `{"name":"viewer"}`, 409, "conflict", "already"},
		{"POST", "/users", `{"name":"a:b"}`, 400, "invalid", "no name for a user"},
		{"POST", "/users", `{"name":"x'; DROP TABLE users; --"}`, 400, "invalid", "no name for a user"},
		{"POST", "/users", `{"name":"down.*.>"}`, 400, "invalid", "no name for a user"},
		{"POST", "/users", `{"name":"x","password":"short"}`, 400, "invalid", "fewer than 12"},
		{"POST", "/users", `{"name":"x","grants":[{"role":"king"}]}`, 422, "invalid", "validation"},
		{"POST", "/users", `{"name":"x","grants":[{"role":"viewer","target":"nowhere"}]}`, 400, "invalid", `no target "nowhere"`},
		{"POST", "/users", `{"name":"x","grants":[{"role":"viewer","group":"nowhere"}]}`, 400, "invalid", `no group "nowhere"`},
		{"POST", "/users", `{"name":"x","grants":[{"role":"viewer","group":"g","target":"a"}]}`, 400, "invalid", "not on both"},
		{"POST", "/users", `{"name":"x","admin":true}`, 422, "invalid", "validation"},
		{"PATCH", "/users/nobody-at-all", `{"grants":[]}`, 404, "not_found", "no user"},
		{"PATCH", "/users/admin", `{"grants":[{"role":"admin","target":"a"}]}`, 409, "conflict", "nobody would be left"},
		{"DELETE", "/users/admin", ``, 409, "conflict", "nobody would be left"},
		{"DELETE", "/users/%27%20OR%201=1", ``, 404, "not_found", "no user"},
		{"POST", "/users/nobody-at-all/password", `{}`, 404, "not_found", "no user"},
		{"GET", "/users?limit=0", ``, 422, "invalid", "validation"},
		{"PUT", "/target-groups/g", `{"targets":["nowhere"]}`, 400, "invalid", `no target "nowhere"`},
		{"PUT", "/target-groups/%3E", `{"targets":["a"]}`, 400, "invalid", "no name for a group"},
		{"DELETE", "/target-groups/g", ``, 404, "not_found", "no group"},
	}
	for _, tt := range tests {
		resp, text := s.ask(tt.method, tt.path, tt.body, admin)
		if resp.StatusCode != tt.status || !strings.Contains(text, tt.code) || !strings.Contains(text, strings.ReplaceAll(tt.detail, `"`, `\"`)) {
			t.Errorf("%s %s %s: got %d %s; want %d, %q, %q", tt.method, tt.path, tt.body, resp.StatusCode, text, tt.status, tt.code, tt.detail)
		}
	}
	if resp, _ := s.ask("GET", "/users/admin", "", admin); resp.StatusCode != http.StatusOK {
		t.Errorf("admin is gone: %s", resp.Status)
	}
}

func TestGrantOnGroup(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.withTargets()
	admin := s.as("admin")
	s.want(200, "PUT", "/target-groups/branches", `{"targets":["a"]}`, admin)
	s.want(200, "PATCH", "/users/nobody", `{"grants":[{"role":"analyst","group":"branches"}]}`, admin)
	who := s.as("nobody")
	seen := func() string { return s.want(200, "GET", "/targets", "", who) }
	if text := seen(); !strings.Contains(text, `"a"`) || strings.Contains(text, `"b"`) {
		t.Errorf("with a in the group: %s", text)
	}
	s.want(200, "PUT", "/target-groups/branches", `{"targets":["b"]}`, admin)
	if text := seen(); strings.Contains(text, `"a"`) || !strings.Contains(text, `"b"`) {
		t.Errorf("with b in the group: %s", text)
	}
	resp, text := s.ask("GET", "/statistics", "", who)
	wantProblem(t, resp, text, 403, "forbidden", "roles")
	if text := s.want(200, "GET", "/session", "", who); !strings.Contains(text, `"roles":[],"grants":[{"role":"analyst","group":"branches"},{"role":"analyst","target":"b","group":"branches"}]`) {
		t.Errorf("session: %s", text)
	}
	if text := s.want(200, "GET", "/target-groups", "", s.as("local")); text != `{"groups":[]}`+"\n" {
		t.Errorf("who may see a only sees the groups %s", text)
	}

	// A group with no targets gives nothing, and its end takes the grant with it.
	s.want(200, "PUT", "/target-groups/branches", `{"targets":[]}`, admin)
	resp, text = s.ask("POST", "/queries", `{"query":"x"}`, who)
	wantProblem(t, resp, text, 403, "forbidden", "roles")
	s.want(204, "DELETE", "/target-groups/branches", "", admin)
	s.want(200, "PUT", "/target-groups/branches", `{"targets":["a","b"]}`, admin)
	resp, text = s.ask("GET", "/targets", "", who)
	wantProblem(t, resp, text, 403, "forbidden", "roles")
}

func TestAdminOfOneTargetIsNoAdminOfUsers(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.withTargets()
	s.want(200, "PATCH", "/users/nobody", `{"grants":[{"role":"admin","target":"a"}]}`, s.as("admin"))
	who := s.as("nobody")
	for _, r := range [][2]string{{"GET", "/users"}, {"POST", "/users"}, {"PUT", "/target-groups/g"}, {"DELETE", "/users/admin"}} {
		resp, text := s.ask(r[0], r[1], "", who)
		wantProblem(t, resp, text, 403, "forbidden", "roles")
	}
}
