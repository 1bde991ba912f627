package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
)

func TestBadInputIsAProblem(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	analyst := s.as("analyst")
	tests := []struct {
		name, method, path, body string
		status                   int
		code                     llama.Code
		detail                   string
	}{
		{"no JSON", "POST", "/queries", `{"query":`, 400, "invalid", ""},
		{"no body", "POST", "/queries", ``, 400, "invalid", "body is required"},
		{"a list", "POST", "/queries", `[]`, 422, "invalid", ""},
		{"no query", "POST", "/queries", `{}`, 422, "invalid", ""},
		{"empty query", "POST", "/queries", `{"query":""}`, 422, "invalid", ""},
		{"unknown key", "POST", "/queries", `{"query":"x","colour":"red"}`, 422, "invalid", ""},
		{"other language", "POST", "/queries", `{"query":"x","language":"sql"}`, 422, "invalid", ""},
		{"deadline that is over", "POST", "/queries", `{"query":"x","deadline":"-1h"}`, 400, "invalid", "which is over"},
		{"deadline that is no time", "POST", "/queries", `{"query":"x","deadline":"soon"}`, 400, "invalid", `deadline is "soon"`},
		{"negative limit", "POST", "/queries", `{"query":"x","limit":-1}`, 422, "invalid", ""},
		{"targets twice", "POST", "/queries", `{"query":"x","targets":["a","a"]}`, 422, "invalid", ""},
		{"bad time", "POST", "/queries", `{"query":"x","from":"yesterday"}`, 400, "invalid", `from is "yesterday"`},
		{"empty range", "POST", "/queries", `{"query":"x","from":"now","to":"-1h"}`, 400, "invalid", "not before"},
		{"bad query", "POST", "/queries", `{"query":"| x"}`, 400, "invalid", "expected a filter"},
		{"deep", "POST", "/queries", strings.Repeat("[", 100_000), 400, "invalid", ""},
		{"too large", "POST", "/queries", `{"query":"` + strings.Repeat("x", maxBody) + `"}`, 413, "too_large", "too large"},
		{"no uuid", "GET", "/query/1", ``, 422, "invalid", ""},
		{"unknown uuid", "GET", "/query/00000000-0000-4000-8000-000000000000", ``, 404, "not_found", "there is no query"},
		{"unknown rows", "GET", "/query/00000000-0000-4000-8000-000000000000/rows", ``, 404, "not_found", "there is no query"},
		{"unknown events", "GET", "/query/00000000-0000-4000-8000-000000000000/events", ``, 404, "not_found", "there is no query"},
		{"unknown parameter", "GET", "/queries?states=done", ``, 422, "invalid", ""},
		{"unknown state", "GET", "/queries?state=lost", ``, 422, "invalid", ""},
		{"limit no number", "GET", "/queries?limit=many", ``, 422, "invalid", ""},
		{"page too long", "GET", "/query/" + knownID + "/rows?limit=10001", ``, 413, "too_large", "at most 10000 rows"},
		{"unknown format", "GET", "/query/" + knownID + "/rows?format=xml", ``, 422, "invalid", ""},
		{"unknown path", "GET", "/nothing", ``, 404, "not_found", "/api/v1/nothing"},
		{"unknown method", "PUT", "/queries", `{}`, 404, "not_found", "PUT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, text := s.ask(tt.method, tt.path, tt.body, analyst)
			wantProblem(t, resp, text, tt.status, tt.code, tt.detail)
		})
	}
}

func TestQueryErrorHasItsColumn(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	analyst := s.as("analyst")
	resp, text := s.ask("POST", "/queries", `{"query":"| limit"}`, analyst)
	if p := wantProblem(t, resp, text, 400, "invalid", "column 1"); p.Column != 1 {
		t.Errorf("column is %d", p.Column)
	}
	if resp, text := s.ask("GET", "/query/nothere", "", analyst); resp.StatusCode != 422 || !strings.Contains(text, `"message":"this is no id; one is expected as `) {
		t.Errorf("%s %s", resp.Status, text)
	}
	if resp, text := s.ask("POST", "/queries", `{"query":"error"}`, analyst, "Content-Type: application/x-www-form-urlencoded"); resp.StatusCode != 415 || !strings.Contains(text, "Content-Type: application/json") {
		t.Errorf("%s %s", resp.Status, text)
	}
	resp, text = s.ask("POST", "/format-query", `{"query":"\""}`, analyst)
	if p := wantProblem(t, resp, text, 400, "invalid", ""); p.Column != 1 {
		t.Errorf("column is %d", p.Column)
	}
	if resp, text := s.ask("POST", "/format-query", `{"query":"error"}`, analyst); resp.StatusCode != http.StatusOK || strings.TrimSpace(text) != `{"query":"error"}` {
		t.Errorf("%s %s", resp.Status, text)
	}
}

func TestInternalErrorsKeepTheirText(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	viewer := s.as("viewer")
	s.err = errors.New("planted secret")
	resp, text := s.ask("GET", "/targets", "", viewer)
	p := wantProblem(t, resp, text, 500, codeInternal, "internal error")
	s.stop() // so that the log is ours to read
	if strings.Contains(text, "planted") || p.Request == "" {
		t.Errorf("shown: %s", text)
	}
	if log := s.log.String(); !strings.Contains(log, "planted secret") || !strings.Contains(log, p.Request) {
		t.Errorf("log: %s", log)
	}
}

func TestCodesBecomeStatuses(t *testing.T) {
	t.Parallel()
	codes := []llama.Code{
		llama.Invalid, llama.Unauthorized, llama.Forbidden, llama.NotFound, llama.Conflict, llama.TooLarge, llama.Throttled, llama.Unavailable,
	}
	for _, c := range codes {
		if got := code(status(c)); got != string(c) {
			t.Errorf("%s becomes %d and that %s", c, status(c), got)
		}
	}
}

func TestProblemsDoNotRepeatPasswords(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	long := "planted" + strings.Repeat("x", 2000)
	for _, body := range []string{signInBody("viewer", long), `{"user":"viewer","password":["planted"]}`, `{"user":"viewer","password":"planted`} {
		if resp, text := s.ask("POST", "/session", body); strings.Contains(text, "planted") || resp.StatusCode < 400 {
			t.Errorf("%s %s", resp.Status, text)
		}
	}
}

func FuzzQueryParameters(f *testing.F) {
	for _, seed := range []string{"", "format=csv", "limit=-1&offset=1", "limit=99999999999999999999", "format=json&format=csv", "a=%zz", "spreadsheet=yes", "offset=\x00"} {
		f.Add(seed, "9")
	}
	w := newWorld()
	s, err := New(Options{Queries: w, Results: w, Tail: w, Nodes: w})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, rawQuery, lastEventID string) {
		for _, path := range []string{"rows", "events"} {
			r := &http.Request{
				Method: "GET", Host: "localhost", Header: http.Header{"Last-Event-Id": {lastEventID}}, Body: http.NoBody,
				URL: &url.URL{Path: fmt.Sprintf("%s/query/%s/%s", prefix, knownID, path), RawQuery: rawQuery},
			}
			rec := s.asEverybody(r)
			if rec.Code >= 500 {
				t.Errorf("%s?%q: %d %s", path, rawQuery, rec.Code, rec.Body)
			}
		}
	})
}
