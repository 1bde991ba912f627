package api

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
)

// asEverybody serves r without asking who sent it.
func (s *Server) asEverybody(r *http.Request) *httptest.ResponseRecorder {
	for _, item := range s.api.OpenAPI().Paths {
		if item.Get != nil {
			item.Get.Metadata[permissionKey] = auth.Anyone
		}
	}
	rec := httptest.NewRecorder()
	who := &auth.Identity{User: "fuzz", Grants: []auth.Grant{{Role: string(auth.Admin)}}}
	s.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), identityKey, who)))
	return rec
}

// readEvents reads server-sent events, without comments, until the stream ends.
func readEvents(t *testing.T, body io.Reader) []string {
	t.Helper()
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	events := slices.DeleteFunc(strings.Split(strings.TrimSuffix(string(text), "\n\n"), "\n\n"), func(e string) bool {
		return strings.HasPrefix(e, ":")
	})
	return events
}

func (s *site) stream(path string, headers ...string) *http.Response {
	s.t.Helper()
	resp, err := s.http.Do(s.request("GET", path, "", headers...))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestQueryEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	viewer := s.as("viewer")
	running := *s.queries[knownID]
	running.State = Running
	s.changes = []Change{
		{Query: &running},
		{Progress: &Progress{Progress: 0.5, EventsRead: 10}},
		{Rows: s.world.rows[:1]},
		{Rows: s.world.rows[1:], Offset: 1, Final: true},
		{Query: s.queries[knownID]},
	}
	resp := s.stream("/query/"+knownID+"/events", viewer)
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", resp.Header)
	}
	got := readEvents(t, resp.Body)
	if len(got) != 6 || !strings.HasPrefix(got[0], "event: state\ndata: {\"id\":\""+knownID) || !strings.HasPrefix(got[4], "event: state\n") {
		t.Fatalf("got %q", got)
	}
	want := []string{
		"event: progress\ndata: {\"progress\":0.5,\"events_read\":10,\"bytes_read\":0,\"rows\":0}",
		"event: rows\ndata: {\"offset\":0,\"rows\":[{\"_time\":\"2026-01-02T03:04:05Z\",\"_msg\":\"say \\\"hi\\\", twice\",\"n\":-1.0}]}",
		"event: rows\nid: 2\ndata: {\"offset\":1,\"rows\":[{\"_time\":\"2026-01-02T03:04:06Z\",\"_msg\":\"=cmd()\",\"other\":true}]}",
	}
	if d := cmp.Diff(want, got[1:4]); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if got[5] != "event: end\ndata: {\"state\":\"done\"}" {
		t.Errorf("last is %q", got[5])
	}
	got = readEvents(t, s.stream("/query/"+knownID+"/events", viewer, "Last-Event-ID: 1").Body)
	if d := cmp.Diff(want[2], got[2]); d != "" || len(got) != 5 {
		t.Errorf("resumed: -want +got\n%s", d)
	}
}

func TestStreamErrors(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	analyst := s.as("analyst")
	s.tailErr = llama.Errorf(llama.Invalid, "only filters can be followed")
	resp, text := s.ask("GET", "/tail?query=x", "", analyst)
	wantProblem(t, resp, text, 400, "invalid", "only filters")
	s.arrivals, s.tailErr = []Arrival{{}}, errors.New("planted secret")
	got := readEvents(t, s.stream("/tail", analyst).Body)
	if len(got) != 1 || !strings.HasPrefix(got[0], "event: end\ndata: {\"error\":\"internal error") {
		t.Errorf("an error after the beginning: %q", got)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.arrivals = []Arrival{{}, {Rows: s.world.rows[1:]}, {Lost: 3}, {Stopped: &Stopped{Target: "b", Node: "b-1", Error: "gone"}}}
	got := readEvents(t, s.stream("/tail?query=error&targets=b,a&after=b-1-7,a-1-8", s.as("analyst")).Body)
	want := []string{
		"event: rows\ndata: {\"rows\":[{\"_time\":\"2026-01-02T03:04:06Z\",\"_msg\":\"=cmd()\",\"other\":true}]}",
		"event: lost\ndata: {\"count\":3}",
		"event: stopped\ndata: {\"target\":\"b\",\"node\":\"b-1\",\"error\":\"gone\"}",
		"event: end\ndata: {}",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if f := s.followed[0]; f.Query != "error" || !slices.Equal(f.Targets, []string{"b", "a"}) || !slices.Equal(f.After, []string{"b-1-7", "a-1-8"}) || f.User != "analyst" {
		t.Errorf("followed %+v", f)
	}
}

func TestQuietStreamIsKeptAliveAndEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.tailErr, s.arrivals = errHang, []Arrival{{}}
	resp := s.stream("/tail", s.as("analyst"))
	lines := bufio.NewReader(resp.Body)
	for _, want := range []string{": begun\n", ": alive\n", ": alive\n"} {
		if line, err := lines.ReadString('\n'); line != want || err != nil {
			t.Fatalf("got %q, %v", line, err)
		}
		lines.ReadString('\n')
	}
	s.stop()
	// Without the event end a peer knows that it has to ask again.
	if rest, err := io.ReadAll(lines); err != nil || strings.Contains(string(rest), "event: ") || s.log.Len() > 0 {
		t.Errorf("at the end: %q, %v; log: %s", rest, err, s.log)
	}
}

func TestSigningOutEndsStreams(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.tailErr, s.arrivals = errHang, []Arrival{{}}
	analyst := s.as("analyst")
	resp := s.stream("/tail", analyst)
	if out, _ := s.ask("DELETE", "/session", "", analyst); out.StatusCode != http.StatusNoContent {
		t.Fatal(out.Status)
	}
	got := readEvents(t, resp.Body)
	if last := got[len(got)-1]; last != "event: end\ndata: {\"error\":\"the session has ended; sign in again\"}" {
		t.Errorf("got %q", got)
	}
}

func TestTokensAreRenewedOnTheWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSiteIn(t, dir, false, auth.Options{PageIdle: time.Minute, ProgramIdle: time.Minute})
	program, page := s.as("viewer"), s.page("viewer", thePassword)
	if resp, _ := s.ask("GET", "/session", "", program); resp.Header.Get(tokenHeader) != "" {
		t.Error("a new token is renewed")
	}
	s.stop()
	s = newSiteIn(t, dir, false, auth.Options{}) // sessions live longer now: that minute is less than half
	resp, _ := s.ask("GET", "/session", "", program)
	if renewed := resp.Header.Get(tokenHeader); renewed == "" {
		t.Error("a program's token is not renewed")
	} else if resp, _ := s.ask("GET", "/session", "", "Authorization: Bearer "+renewed); resp.StatusCode != http.StatusOK {
		t.Errorf("with the renewed token: %s", resp.Status)
	}
	resp, _ = s.ask("GET", "/session", "", page)
	if len(resp.Cookies()) != 1 || resp.Cookies()[0].Value == "" || resp.Header.Get(tokenHeader) != "" {
		t.Errorf("a page's cookie is not renewed: %v", resp.Header)
	}
}

func BenchmarkExport(b *testing.B) {
	w := newWorld()
	w.rows = slices.Repeat(w.rows, 10_000)
	s, err := New(Options{Queries: w, Results: w, Tail: w, Nodes: w})
	if err != nil {
		b.Fatal(err)
	}
	for _, format := range []string{"ndjson", "csv"} {
		b.Run(format, func(b *testing.B) {
			var written int64
			for b.Loop() {
				r := httptest.NewRequest("GET", "http://localhost"+prefix+"/query/"+knownID+"/rows?format="+format, nil)
				written = int64(s.asEverybody(r).Body.Len())
			}
			b.SetBytes(written)
			b.ReportMetric(float64(len(w.rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	viewer := s.as("viewer")
	path := "/query/" + knownID + "/rows"
	line1 := `{"_time":"2026-01-02T03:04:05Z","_msg":"say \"hi\", twice","n":-1.0}`
	line2 := `{"_time":"2026-01-02T03:04:06Z","_msg":"=cmd()","other":true}`
	head, csv1 := "_time,_msg,n\r\n", "2026-01-02T03:04:05Z,\"say \"\"hi\"\", twice\",-1.0\r\n"
	tests := []struct{ parameters, contentType, want string }{
		{"", "application/json", `{"rows":[` + line1 + `,` + line2 + `],"total":2,"complete":true}`},
		{"?offset=1&limit=1", "application/json", `{"rows":[` + line2 + `],"total":2,"complete":true}`},
		{"?offset=9", "application/json", `{"rows":[],"total":2,"complete":true}`},
		{"?format=ndjson", "application/x-ndjson", line1 + "\n" + line2 + "\n"},
		{"?format=ndjson&offset=2", "application/x-ndjson", ""},
		{"?format=csv", "text/csv; charset=utf-8; header=present", head + csv1 + "2026-01-02T03:04:06Z,=cmd(),\r\n"},
		{"?format=csv&spreadsheet=true", "text/csv; charset=utf-8; header=present", head + csv1 + "2026-01-02T03:04:06Z,'=cmd(),\r\n"},
	}
	for _, tt := range tests {
		resp, text := s.ask("GET", path+tt.parameters, "", viewer)
		if text != tt.want || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != tt.contentType {
			t.Errorf("%s: %s %s %q; want %q", tt.parameters, resp.Status, resp.Header.Get("Content-Type"), text, tt.want)
		}
		_, isFile := resp.Header["Content-Disposition"]
		if isFile != strings.Contains(tt.parameters, "format") {
			t.Errorf("%s: %v", tt.parameters, resp.Header)
		}
	}
	s.queries[knownID].State = Running // its columns may grow
	if _, text := s.ask("GET", path+"?format=csv", "", viewer); !strings.HasPrefix(text, "_time,_msg,n,other\r\n") {
		t.Errorf("while running: %q", text)
	}
}

func TestRowsErrors(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	viewer := s.as("viewer")
	path := "/query/" + knownID + "/rows?format="
	s.rowsErr = llama.Errorf(llama.Unavailable, "the rows cannot be read now")
	for _, format := range []string{"json", "ndjson", "csv"} {
		resp, text := s.ask("GET", path+format, "", viewer)
		wantProblem(t, resp, text, 503, "unavailable", "cannot be read")
	}
	long := llama.Field{Name: "_msg", Value: strings.Repeat("x", 1000)}
	s.world.rows = slices.Repeat([][]llama.Field{{long}}, 1000)
	for _, format := range []string{"ndjson", "csv"} {
		resp, err := s.http.Do(s.request("GET", path+format, "", viewer))
		if err == nil { // the connection may break before the first bytes or after
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s that breaks off looks whole: %s", format, resp.Status)
		}
	}
}

func TestRowPageEndsEarlyWhenRowsAreLarge(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.world.rows = slices.Repeat([][]llama.Field{{{Name: "_msg", Value: strings.Repeat("x", 1<<20)}}}, 40)
	_, text := s.ask("GET", "/query/"+knownID+"/rows", "", s.as("viewer"))
	if n := strings.Count(text, "_msg"); n != maxPageBytes>>20 || !strings.HasSuffix(text, `],"total":2,"complete":true}`) {
		t.Errorf("%d rows in %d bytes", n, len(text))
	}
}

func TestAnswersAreCompressed(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	viewer := s.as("viewer")
	s.world.rows = slices.Repeat(s.world.rows, 100)
	resp := s.stream("/query/"+knownID+"/rows?format=ndjson", viewer, "Accept-Encoding: gzip")
	if resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("headers: %v", resp.Header)
	}
	plain, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil || strings.Count(string(text), "\n") != 200 {
		t.Errorf("%d lines, %v", strings.Count(string(text), "\n"), err)
	}
	for accepts, want := range map[string]string{"zstd": "zstd", "zstd;q=0": "", "identity": ""} {
		resp := s.stream("/query/"+knownID+"/rows?format=ndjson", viewer, "Accept-Encoding: "+accepts)
		var lines io.Reader = resp.Body
		if got := resp.Header.Get("Content-Encoding"); got != want {
			t.Errorf("who takes %s gets %q", accepts, got)
		} else if want == "zstd" { // a frame of each chunk
			if lines, err = zstd.NewReader(resp.Body); err != nil {
				t.Fatal(err)
			}
		}
		if vary := resp.Header.Values("Vary"); !slices.Equal(vary, []string{"Accept-Encoding"}) {
			t.Errorf("who takes %s gets an answer that varies by %q", accepts, vary)
		}
		if got, err := io.ReadAll(lines); err != nil || string(got) != string(text) {
			t.Errorf("who takes %s gets %d bytes, want %d, %v", accepts, len(got), len(text), err)
		}
	}
	s.changes = []Change{{Rows: s.world.rows}}
	if resp := s.stream("/query/"+knownID+"/events", viewer, "Accept-Encoding: gzip, zstd"); resp.Header.Get("Content-Encoding") != "" {
		t.Errorf("events are %s", resp.Header.Get("Content-Encoding"))
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	tests := []struct{ path, contentType, cache, want string }{
		{"//", "text/html; charset=utf-8", "no-cache", "<!doctype html>"},
		{"//query?q=error", "text/html; charset=utf-8", "no-cache", "<!doctype html>"},
		{"//../../etc/passwd", "text/html; charset=utf-8", "no-cache", "<!doctype html>"},
		{"//assets/app-1a2b.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "export"},
		{"//favicon.svg", "image/svg+xml", "no-cache", "<svg"},
	}
	for _, tt := range tests {
		resp, text := s.ask("GET", tt.path, "")
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != tt.contentType || resp.Header.Get("Cache-Control") != tt.cache || !strings.HasPrefix(text, tt.want) {
			t.Errorf("%s: %s %v %q", tt.path, resp.Status, resp.Header, text[:min(20, len(text))])
		}
		if again, _ := s.ask("GET", tt.path, "", "If-None-Match: "+resp.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %s", tt.path, again.Status)
		}
	}
	if resp, _ := s.ask("GET", "//assets/old-0000.js", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an old asset: %s", resp.Status)
	}
	if resp, _ := s.ask("POST", "//", "", "Origin: "+s.url); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a POST to the page: %s", resp.Status)
	}
	if _, err := New(Options{Page: os.DirFS(t.TempDir())}); err == nil {
		t.Error("a page without index.html is served")
	}
}

func TestMetricsAreForThisMachineAndForWhoMaySeeAll(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	proxied := "X-Forwarded-For: 192.0.2.1"
	tests := []struct {
		headers []string
		want    int
	}{
		{nil, http.StatusOK},
		{[]string{proxied}, http.StatusUnauthorized},
		{[]string{proxied, s.as("viewer")}, http.StatusOK},
		{[]string{proxied, s.as("local")}, http.StatusForbidden},
		{[]string{"Host: attacker.example.com"}, http.StatusMisdirectedRequest},
	}
	for _, tt := range tests {
		resp, text := s.ask("GET", "//metrics", "", tt.headers...)
		if resp.StatusCode != tt.want || (tt.want == http.StatusOK) != strings.Contains(text, "llama_up 1") {
			t.Errorf("%v: %s %q; want %d", tt.headers, resp.Status, text, tt.want)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.sick = errors.New("planted secret")
	if resp, text := s.ask("GET", "//healthz", ""); resp.StatusCode != http.StatusServiceUnavailable || strings.Contains(text, "secret") {
		t.Errorf("sick: %s %q", resp.Status, text)
	}
	s.sick = nil
	if resp, text := s.ask("GET", "//healthz", ""); resp.StatusCode != http.StatusOK || text != "ok\n" {
		t.Errorf("%s %q", resp.Status, text)
	}
	if resp, text := s.ask("GET", "/openapi.json", ""); resp.StatusCode != http.StatusOK || !strings.HasPrefix(text, "{\n") {
		t.Errorf("%s %q", resp.Status, text)
	}
}
