package api

import (
	"strings"
	"testing"
)

func TestOpenTasksAndTheirPlaces(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.open = []Query{
		{ID: knownID, User: "ana", Targets: []string{"b"}, Tasks: []Task{{Target: "b", Node: "b1", State: Running}}},
		{ID: "8f14e45f-ceea-467f-9575-1b5d3d1f0c2b", User: "bob", Targets: []string{"a", "b"}, Tasks: []Task{{Target: "a", Node: "a1", State: Done}, {Target: "b", Node: "b1", State: Queued}}},
		{ID: "8f14e45f-ceea-467f-9575-1b5d3d1f0c2c", User: "bob", Targets: []string{"a"}, Tasks: []Task{{Target: "a", Node: "a1", State: Queued}}},
	}
	viewer := s.as("viewer")
	text := s.want(200, "GET", "/tasks?target=b", "", viewer)
	if !strings.Contains(text, `"total":2`) || !strings.Contains(text, `"user":"ana","position":1`) || !strings.Contains(text, `"user":"bob","position":2`) {
		t.Errorf("of b: %s", text)
	}
	if text := s.want(200, "GET", "/tasks", "", s.as("local")); !strings.Contains(text, `"total":1`) || strings.Contains(text, `"b"`) {
		t.Errorf("who may see a sees %s", text)
	}
	if text := s.want(200, "GET", "/tasks?state=running&limit=1", "", viewer); !strings.Contains(text, `"total":1`) {
		t.Errorf("running: %s", text)
	}
}

func TestUsageIsForThoseWhoMaySeeIt(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	for _, by := range []string{"target", "user", "hour", "day"} {
		if text := s.want(200, "GET", "/statistics/usage?from=-7d&by="+by, "", s.as("viewer")); strings.TrimSpace(text) != `{"usage":[]}` {
			t.Errorf("by %s: %s", by, text)
		}
	}
	s.want(200, "GET", "/statistics/usage", "", s.as("local"))
	s.want(200, "GET", "/statistics/usage?by=user&target=a&user=eva", "", s.as("local"))
	resp, text := s.ask("GET", "/statistics/usage?by=hour&target=b", "", s.as("local"))
	wantProblem(t, resp, text, 403, "forbidden", `on target "b"`)
	resp, text = s.ask("GET", "/statistics/usage?by=user", "", s.as("local"))
	wantProblem(t, resp, text, 403, "forbidden", "roles")
	resp, text = s.ask("GET", "/statistics/usage?by=password", "", s.as("admin"))
	wantProblem(t, resp, text, 422, "invalid", "validation")
}
