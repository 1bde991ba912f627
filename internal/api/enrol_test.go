package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestTargetsWithoutNodes(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	_, text := s.ask("GET", "/targets?match=empty", "", s.as("viewer"))
	if want := `{"targets":[{"name":"empty","state":"offline","nodes":[]}]}`; strings.TrimSpace(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if _, text := s.ask("GET", "/targets", "", s.as("local")); strings.Contains(text, "empty") {
		t.Errorf("who may see one target sees %s", text)
	}
}

func TestNamesOfTargetsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	for _, name := range []string{"", "a b", "up.*", ">", "a\\u0000b", "x'; DROP TABLE nodes; --", "../x", "a\\nb", strings.Repeat("a", 65), "$SYS", "-x", "*"} {
		resp, text := s.ask("POST", "/enrolments", `{"target":"`+name+`"}`, s.as("admin"))
		if resp.StatusCode != http.StatusUnprocessableEntity && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %s %s", name, resp.Status, text)
		}
	}
	for _, body := range []string{`{"target":"x","uses":0}`, `{"target":"x","uses":-1}`, `{"target":"x","uses":1e9}`, `{"target":"x","seconds":-5}`, `{"target":"x","seconds":99999999999}`, `{"target":"x","more":1}`, `[]`, `{`} {
		resp, text := s.ask("POST", "/enrolments", body, s.as("admin"))
		if resp.StatusCode < 400 || resp.StatusCode >= 500 {
			t.Errorf("%s: %s %s", body, resp.Status, text)
		}
	}
	resp, text := s.ask("POST", "/enrolments", `{"target":"plant-7"}`, s.as("admin"))
	if resp.StatusCode != http.StatusCreated || !strings.Contains(text, `"uses":1`) {
		t.Errorf("%s %s", resp.Status, text)
	}
}
