package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/llama-logs/llama/internal/auth"
)

// Who may call what; a route that is not here fails the test.
var allowed = map[string][]string{
	"sign-in":         {"", "nobody", "viewer", "analyst", "operator", "admin"},
	"openapi":         {"", "nobody", "viewer", "analyst", "operator", "admin"},
	"session":         {"nobody", "viewer", "analyst", "operator", "admin"},
	"sign-out":        {"nobody", "viewer", "analyst", "operator", "admin"},
	"change-password": {"nobody", "viewer", "analyst", "operator", "admin"},
	"targets":         {"viewer", "analyst", "operator", "admin"},
	"collections":     {"viewer", "analyst", "operator", "admin"},
	"statistics":      {"viewer", "analyst", "operator", "admin"},
	"queries":         {"viewer", "analyst", "operator", "admin"},
	"query":           {"viewer", "analyst", "operator", "admin"},
	"rows":            {"viewer", "analyst", "operator", "admin"},
	"query-events":    {"viewer", "analyst", "operator", "admin"},
	"format-query":    {"viewer", "analyst", "operator", "admin"},
	"submit-query":    {"analyst", "operator", "admin"},
	"cancel-query":    {"analyst", "operator", "admin"},
	"tail":            {"analyst", "operator", "admin"},
	"ask":             {"analyst", "operator", "admin"},
	"usage":           {"viewer", "analyst", "operator", "admin"},
	"tasks":           {"viewer", "analyst", "operator", "admin"},
	"add-collection":  {"operator", "admin"},
	"keep-collection": {"operator", "admin"},
	"rotate-keys":     {"operator", "admin"},
	"set-log-level":   {"operator", "admin"},
	"reload-nodes":    {"operator", "admin"},
	"node-status":     {"operator", "admin"},
	"audit":           {"admin"},
	"metrics":         {"admin"},
	"users":           {"admin"},
	"user":            {"admin"},
	"add-user":        {"admin"},
	"change-user":     {"admin"},
	"reset-password":  {"admin"},
	"remove-user":     {"admin"},
	"groups":          {"viewer", "analyst", "operator", "admin"},
	"put-group":       {"admin"},
	"remove-group":    {"admin"},
	"tokens":          {"admin"},
	"add-token":       {"admin"},
	"remove-token":    {"admin"},
	"codes":           {"admin"},
	"add-code":        {"admin"},
	"remove-code":     {"admin"},
	"broker-config":   {"admin"},
	"revoke-node":     {"admin"},
	"nodes":           {"viewer", "analyst", "operator", "admin"},
	"join":            {"", "nobody", "viewer", "analyst", "operator", "admin"},

	"schedules":          {"viewer", "analyst", "operator", "admin"},
	"schedule":           {"viewer", "analyst", "operator", "admin"},
	"schedule-runs":      {"viewer", "analyst", "operator", "admin"},
	"add-schedule":       {"analyst", "operator", "admin"},
	"change-schedule":    {"analyst", "operator", "admin"},
	"remove-schedule":    {"analyst", "operator", "admin"},
	"run-schedule":       {"analyst", "operator", "admin"},
	"saved-queries":      {"viewer", "analyst", "operator", "admin"},
	"saved-query":        {"viewer", "analyst", "operator", "admin"},
	"save-query":         {"analyst", "operator", "admin"},
	"change-saved-query": {"analyst", "operator", "admin"},
	"remove-saved-query": {"analyst", "operator", "admin"},
}

func TestEveryRouteAsksForItsPermission(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	seen := map[string]bool{}
	for path, item := range s.server.api.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{
			"GET": item.Get, "POST": item.Post, "DELETE": item.Delete, "PUT": item.Put, "PATCH": item.Patch,
		} {
			if op == nil {
				continue
			}
			seen[op.OperationID] = true
			if p, _ := op.Metadata[permissionKey].(auth.Permission); p == "" {
				t.Errorf("%s %s has no permission", method, path)
			}
			who, ok := allowed[op.OperationID]
			if !ok {
				t.Errorf("%s %s (%s) is not in the test's table", method, path, op.OperationID)
				continue
			}
			for _, user := range []string{"", "nobody", "viewer", "analyst", "operator", "admin"} {
				s.probe(method, strings.NewReplacer("{uuid}", knownID, "{id}", knownID, "{name}", "x", "{target}", "x").Replace(path), user, slices.Contains(who, user))
			}
		}
	}
	seen["openapi"] = true // hidden from the document
	for id := range maps.Keys(allowed) {
		if !seen[id] {
			t.Errorf("%s is in the test's table and is no route", id)
		}
	}
}

// probe asks for path and checks only whether it was let through. Bodies are
// empty, so that nothing happens behind the door.
func (s *site) probe(method, path, user string, want bool) {
	s.t.Helper()
	var headers []string
	if user != "" {
		headers = []string{s.as(user)}
	}
	resp, text := s.ask(method, path, "", headers...)
	refused := resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized
	if refused == want || resp.StatusCode >= 500 {
		s.t.Errorf("%s %s as %q: %s %s; want let through: %v", method, path, user, resp.Status, text, want)
	}
	if user == "" && !want && resp.StatusCode != http.StatusUnauthorized {
		s.t.Errorf("%s %s without an account: %s", method, path, resp.Status)
	}
}

func TestRouteWithoutPermissionIsNotRegistered(t *testing.T) {
	t.Parallel()
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a route without permission was registered")
		}
	}()
	handle(s, auth.Permission(""), get("/x", "x", "x", "x"), s.session)
}

func TestGrantOnOneTarget(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	local := s.as("local")
	for path, want := range map[string]string{
		"/targets":     `{"targets":[{"name":"a","state":"online","nodes":[]}]}`,
		"/collections": `{"collections":[{"name":"sshd","target":"a","events":0,"bytes":0}]}`,
		"/queries":     `{"queries":[]}`,
	} {
		if _, text := s.ask("GET", path, "", local); strings.TrimSpace(text) != want {
			t.Errorf("%s: got %s, want %s", path, text, want)
		}
	}
	if _, text := s.ask("GET", "/collections", "", s.as("viewer")); !strings.Contains(text, `"incomplete":["b"]`) {
		t.Errorf("who may see all is not told that b is offline: %s", text)
	}
	resp, text := s.ask("GET", "/query/"+knownID, "", local) // it asks a and b
	wantProblem(t, resp, text, 404, "not_found", knownID)
	resp, text = s.ask("GET", "/statistics", "", local)
	wantProblem(t, resp, text, 403, "forbidden", "roles")
	resp, text = s.ask("GET", "/collections?target=b", "", local)
	wantProblem(t, resp, text, 403, "forbidden", `"b"`)
	resp, text = s.ask("POST", "/queries", `{"query":"x","targets":["a","b"]}`, local)
	wantProblem(t, resp, text, 403, "forbidden", `"b"`)
	if resp, text = s.ask("POST", "/queries", `{"query":"x"}`, local); resp.StatusCode != http.StatusCreated {
		t.Errorf("%s %s", resp.Status, text)
	}
	if got := s.asked[0].Targets; !slices.Equal(got, []string{"a"}) {
		t.Errorf("a query without targets asks %q", got)
	}
}

func TestCancelIsForOwnQueriesOrOperators(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.queries[knownID].User = "somebody"
	resp, text := s.ask("DELETE", "/query/"+knownID, "", s.as("analyst"))
	wantProblem(t, resp, text, 403, "forbidden", "roles")
	if resp, text := s.ask("DELETE", "/query/"+knownID, "", s.as("operator")); resp.StatusCode != http.StatusNoContent {
		t.Errorf("%s %s", resp.Status, text)
	}
	s.queries[knownID].User = "analyst"
	if resp, text := s.ask("DELETE", "/query/"+knownID, "", s.as("analyst")); resp.StatusCode != http.StatusNoContent {
		t.Errorf("%s %s", resp.Status, text)
	}
	if len(s.cancelled) != 2 {
		t.Errorf("cancelled: %v", s.cancelled)
	}
}
