package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/llama-logs/llama"
)

// A diary is an audit log in memory.
type diary struct {
	mu      sync.Mutex
	entries []AuditEntry
	err     error // of Record
}

func (d *diary) Record(_ context.Context, e AuditEntry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.entries = append(d.entries, e)
	}
	return d.err
}

func (d *diary) Rows(_ context.Context, _ string, _, _ llama.Time, _ int, emit func([]llama.Field) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entries {
		if err := emit([]llama.Field{{Name: "event.action", Value: e.Action}}); err != nil {
			return err
		}
	}
	return nil
}

func (d *diary) Metrics(_ context.Context, _ string, _, _ llama.Time, _ int, emit func([]llama.Field) error) error {
	return emit([]llama.Field{{Name: "metric.name", Value: "one"}})
}

// told returns the entries as lines, and forgets them.
func (d *diary) told() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var lines []string
	for _, e := range d.entries {
		line := fmt.Sprintf("%s %s %s", e.User, e.Action, e.Outcome)
		for _, s := range []string{e.Code, e.Object} {
			if s != "" {
				line += " " + s
			}
		}
		for _, f := range e.Fields {
			line += " " + f.Name + "=" + f.Value
		}
		lines = append(lines, line)
	}
	d.entries = nil
	return strings.Join(lines, "\n")
}

// withDiary has the site record from now on.
func (s *site) withDiary() *diary {
	d := &diary{}
	s.server.Audit = d
	return d
}

func TestWhatIsDoneIsRecorded(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.withTargets()
	analyst, admin, viewer := s.as("analyst"), s.as("admin"), s.as("viewer")
	d := s.withDiary()
	tests := []struct {
		method, path, body, as string
		want                   string
	}{
		{"POST", "/session", `{"user":"viewer","password":"wrong horse"}`, "", "viewer sign-in failure unauthorized request.user=viewer"},
		{"POST", "/session", `{"user":"viewer","password":"` + thePassword + `"}`, "", "viewer sign-in success request.user=viewer"},
		{"POST", "/queries", `{"query":"error","targets":["a"]}`, analyst, `analyst submit-query success request.query=error request.language=logsql request.targets=["a"] llama.targets=["a"] llama.query=` + knownID},
		{"POST", "/queries", `{"query":"|"}`, analyst, `analyst submit-query failure invalid request.query=| request.language=logsql llama.targets=["a","b"]`},
		{"POST", "/queries", `{"query":"x"}`, viewer, "viewer submit-query failure forbidden"},
		{"GET", "/query/" + knownID + "/rows", "", viewer, `viewer rows success ` + knownID + ` llama.targets=["a","b"] llama.rows=2`},
		{"GET", "/query/" + knownID + "/rows?format=ndjson&limit=1", "", viewer, `viewer rows success ` + knownID + ` llama.targets=["a","b"] llama.rows=1`},
		{"GET", "/query/" + knownID + "/rows?format=csv", "", viewer, `viewer rows success ` + knownID + ` llama.targets=["a","b"] llama.rows=2`},
		{"GET", "/query/" + knownID + "/events", "", viewer, `viewer query-events success ` + knownID + ` llama.targets=["a","b"] llama.rows=0`},
		{"GET", "/tail?query=error", "", analyst, `analyst tail success request.query=error llama.targets=["a","b"] llama.rows=0`},
		{"DELETE", "/query/" + knownID, "", admin, "admin cancel-query success " + knownID},
		{"POST", "/users", `{"name":"eve","password":"a secret of hers","grants":[{"role":"viewer","target":"a"}]}`, admin, `admin add-user success request.name=eve request.grants=[{"role":"viewer","target":"a"}]`},
		{"POST", "/session/password", `{"old":"` + thePassword + `","new":"a secret of mine"}`, viewer, "viewer change-password success"},
		{"DELETE", "/users/eve", "", admin, "admin remove-user success eve"},
		{"DELETE", "/users/eve", "", viewer, "viewer remove-user failure forbidden eve"},
		{"GET", "/users", "", viewer, "viewer users failure forbidden"},
		{"GET", "/audit", "", admin, "admin audit success request.query=* llama.rows=0"},
		{"GET", "/metrics", "", admin, "admin metrics success request.query=* llama.rows=1"},
		{"GET", "/targets", "", "Authorization: Bearer nonsense", " targets failure unauthorized"},
		{"GET", "/session", "", "", ""},
		{"GET", "/session", "", "Authorization: Bearer nonsense", " session failure unauthorized"},
		{"GET", "/targets", "", "", " targets failure unauthorized"},
		{"GET", "/targets", "", viewer, ""},
		{"GET", "/query/" + knownID, "", viewer, ""},
		{"POST", "/format-query", `{"query":"x"}`, viewer, ""},
	}
	for _, tt := range tests {
		var headers []string
		if tt.as != "" {
			headers = []string{tt.as}
		}
		s.ask(tt.method, tt.path, tt.body, headers...)
		if got := d.told(); got != tt.want {
			t.Errorf("%s %s %s:\ngot  %s\nwant %s", tt.method, tt.path, tt.body, got, tt.want)
		}
	}
}

func TestNothingGoesOutThatIsNotRecorded(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	viewer := s.as("viewer")
	d := s.withDiary()
	d.err = errors.New("the disk is full")
	resp, text := s.ask("GET", "/query/"+knownID+"/rows", "", viewer)
	wantProblem(t, resp, text, 503, "unavailable", "audit log")
	if strings.Contains(text, "say") {
		t.Errorf("rows went out: %s", text)
	}
	s.want(200, "GET", "/targets", "", viewer)
}

func TestStrangersFillNoDisk(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	d := s.withDiary()
	for range 3 * strangersAtOnce {
		s.ask("GET", "/targets", "", "Authorization: Bearer nonsense")
	}
	if n := strings.Count(d.told(), "\n") + 1; n < strangersAtOnce || n > 2*strangersAtOnce {
		t.Errorf("%d refusals were recorded", n)
	}
}
