package api

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSavedQuery(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	analyst := s.as("analyst")
	const body = `{"name":"Failed","query":"error","targets":["b"],"from":"now-1d"}`
	var made SavedQuery
	if err := json.Unmarshal([]byte(s.want(201, "POST", "/saved-queries", body, analyst)), &made); err != nil {
		t.Fatal(err)
	}
	if text := s.want(200, "GET", "/saved-queries/"+made.ID, "", s.as("viewer")); !strings.Contains(text, `"query":"error"`) || !strings.Contains(text, `"owner":"analyst"`) {
		t.Errorf("got %s", text)
	}
	if text := s.want(200, "GET", "/saved-queries", "", s.as("local")); strings.Contains(text, made.ID) {
		t.Errorf("who may see a only sees %s", text)
	}
	resp, text := s.ask("PUT", "/saved-queries/"+made.ID, body, s.as("local"))
	wantProblem(t, resp, text, 404, "not_found", "no saved query")
	resp, text = s.ask("POST", "/saved-queries", body, analyst)
	wantProblem(t, resp, text, 409, "conflict", "taken")
	for body, detail := range map[string]string{
		`{"name":"x","query":"error |"}`:                     "column",
		`{"name":"x","query":"error","from":"soon"}`:         "from",
		`{"name":"x","query":"error","targets":["nowhere"]}`: `no target "nowhere"`,
		`{"name":"\t","query":"error"}`:                      "no name",
	} {
		resp, text := s.ask("POST", "/saved-queries", body, analyst)
		wantProblem(t, resp, text, 400, "invalid", detail)
	}
	if text := s.want(200, "PUT", "/saved-queries/"+made.ID, `{"name":"Failed","query":"failure","targets":["b"]}`, s.as("operator")); !strings.Contains(text, `"query":"failure"`) || strings.Contains(text, "from") {
		t.Errorf("changed: %s", text)
	}
	s.want(204, "DELETE", "/saved-queries/"+made.ID, "", analyst)
	resp, text = s.ask("GET", "/saved-queries/"+made.ID, "", analyst)
	wantProblem(t, resp, text, 404, "not_found", "no saved query")
}
