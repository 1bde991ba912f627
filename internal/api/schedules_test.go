package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const hourly = `{"name":"hourly","query":"error | stats count() n","targets":["a"],"every":"1h","frame":"interval"}`

// plan makes a schedule and returns its id.
func (s *site) plan(body, header string) string {
	s.t.Helper()
	var made ScheduledTask
	if err := json.Unmarshal([]byte(s.want(201, "POST", "/scheduled-tasks", body, header)), &made); err != nil {
		s.t.Fatal(err)
	}
	return made.ID
}

func TestScheduleIsMadeChangedAndRemoved(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	analyst := s.as("analyst")
	id := s.plan(hourly, analyst)
	text := s.want(200, "GET", "/scheduled-tasks/"+id, "", analyst)
	for _, want := range []string{`"owner":"analyst"`, `"every":"1h"`, `"frame":"interval"`, `"next":"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	text = s.want(200, "PATCH", "/scheduled-tasks/"+id, `{"cron":"30 6 * * *","zone":"Europe/Berlin","frame":"range","from":"now-1d","to":"now"}`, analyst)
	if strings.Contains(text, `"every"`) || !strings.Contains(text, `"cron":"30 6 * * *","zone":"Europe/Berlin"`) {
		t.Errorf("changed: %s", text)
	}
	if text = s.want(200, "PATCH", "/scheduled-tasks/"+id, `{"paused":true}`, analyst); strings.Contains(text, `"next"`) || !strings.Contains(text, `"from":"now-1d"`) {
		t.Errorf("paused: %s", text)
	}
	if text = s.want(200, "GET", "/scheduled-tasks?match=HOUR", "", s.as("viewer")); !strings.Contains(text, id) {
		t.Errorf("list: %s", text)
	}
	if text = s.want(201, "POST", "/scheduled-tasks/"+id+"/run", "", s.as("operator")); !strings.Contains(text, `"by":"operator","state":"waiting"`) {
		t.Errorf("run: %s", text)
	}
	if text = s.want(200, "GET", "/scheduled-tasks/"+id+"/runs?limit=1", "", analyst); !strings.Contains(text, `"waiting"`) {
		t.Errorf("runs: %s", text)
	}
	s.want(204, "DELETE", "/scheduled-tasks/"+id, "", analyst)
	resp, text := s.ask("GET", "/scheduled-tasks/"+id, "", analyst)
	wantProblem(t, resp, text, 404, "not_found", "no schedule")
}

func TestScheduleIsItsOwners(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.withTargets()
	admin := s.as("admin")
	s.want(201, "POST", "/users", `{"name":"other","password":"a password given","grants":[{"role":"analyst"}]}`, admin)
	other := s.signIn("other", "a password given")
	s.want(204, "POST", "/session/password", `{"old":"a password given","new":"a password of mine"}`, other)
	id := s.plan(hourly, s.as("analyst"))
	for method, path := range map[string]string{"PATCH": "", "DELETE": "", "POST": "/run"} {
		resp, text := s.ask(method, "/scheduled-tasks/"+id+path, map[bool]string{true: `{"paused":true}`}[method == "PATCH"], other)
		wantProblem(t, resp, text, 403, "forbidden", "others'")
	}
	b := s.plan(strings.NewReplacer(`"hourly"`, `"of b"`, `["a"]`, `["b"]`).Replace(hourly), other)
	resp, text := s.ask("GET", "/scheduled-tasks/"+b, "", s.as("local")) // analyst on a only
	wantProblem(t, resp, text, 404, "not_found", "no schedule")
	if text := s.want(200, "GET", "/scheduled-tasks", "", s.as("local")); strings.Contains(text, b) || !strings.Contains(text, id) {
		t.Errorf("who may see a sees %s", text)
	}
	s.want(200, "PATCH", "/scheduled-tasks/"+b, `{"paused":true}`, s.as("operator"))
	resp, text = s.ask("PATCH", "/scheduled-tasks/"+b, `{"targets":["a","b"]}`, s.as("local"))
	wantProblem(t, resp, text, 404, "not_found", "no schedule")
}

func TestScheduleIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	analyst := s.as("analyst")
	s.plan(hourly, analyst)
	with := func(more string) string { return `{"name":"x","query":"error","targets":["a"],` + more + `}` }
	for _, tt := range []struct{ body, detail string }{
		{with(`"frame":"range"`), "one of an interval and a cron"},
		{with(`"every":"1h","cron":"* * * * *"`), "one of an interval and a cron"},
		{with(`"every":"1s"`), "out of range"},
		{with(`"every":"often"`), "15m, 1h or 7d is expected"},
		{with(`"cron":"* * * * * *"`), "five fields"},
		{with(`"cron":"0 0 31 2 *"`), "never be due"},
		{with(`"cron":"0 0 * * *","zone":"Mars/Olympus"`), "time zone"},
		{with(`"every":"1h","until":"2020-01-01"`), "ends"},
		{with(`"every":"1h","from":"soon"`), "from"},
		{with(`"every":"1h","from":"now","to":"now-1h"`), "not before to"},
		{with(`"every":"1h","frame":"interval","from":"now-1h"`), "no from and no to"},
		{`{"name":"x","query":"error |","targets":["a"],"every":"1h"}`, "column"},
		{`{"name":"x","query":"error","targets":["nowhere"],"every":"1h"}`, `no target "nowhere"`},
		{`{"name":" x","query":"error","every":"1h"}`, "no name"},
		{`{"name":"x\u0001y","query":"error","every":"1h"}`, "no name"},
		{`{"name":"x\u202ey","query":"error","every":"1h"}`, "no name"},
	} {
		resp, text := s.ask("POST", "/scheduled-tasks", tt.body, analyst)
		wantProblem(t, resp, text, 400, "invalid", tt.detail)
	}
	resp, text := s.ask("POST", "/scheduled-tasks", hourly, analyst)
	wantProblem(t, resp, text, 409, "conflict", `"hourly" is taken`)
	resp, text = s.ask("POST", "/scheduled-tasks", strings.Replace(hourly, `"a"`, `"b"`, 1), s.as("local"))
	wantProblem(t, resp, text, 403, "forbidden", `"b"`)
	resp, text = s.ask("POST", "/scheduled-tasks", with(`"every":"1h","missed":"sometimes"`), analyst)
	wantProblem(t, resp, text, 422, "invalid", "validation")
	resp, text = s.ask("GET", "/scheduled-tasks/'%20OR%201=1", "", analyst)
	wantProblem(t, resp, text, 422, "invalid", "validation")

	// Names are data, whatever they look like.
	for i, name := range []string{`'; DROP TABLE schedules; --`, `down.local-1.>`, `../../etc`, `名前`} {
		s.plan(fmt.Sprintf(`{"name":%q,"query":"error","targets":["a"],"every":"1h","description":"%d"}`, name, i), analyst)
		if text := s.want(200, "GET", "/scheduled-tasks", "", analyst); !strings.Contains(text, name) {
			t.Errorf("%q is not listed", name)
		}
	}
}
