package api

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/store"
)

// signInBody signs a user in.
func signInBody(user, password string) string {
	return fmt.Sprintf(`{"user":%q,"password":%q}`, user, password)
}

// page signs in as a browser does and returns the header with its cookie.
func (s *site) page(user, password string) string {
	s.t.Helper()
	resp, text := s.ask("POST", "/session", signInBody(user, password), "Origin: "+s.url)
	if resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 1 {
		s.t.Fatalf("sign in as %s: %s %s", user, resp.Status, text)
	}
	return "Cookie: " + cookieName + "=" + resp.Cookies()[0].Value
}

func TestBrowserGetsItsTokenInACookieOnly(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		s := newSite(t, secure)
		resp, text := s.ask("POST", "/session", signInBody("admin", thePassword), "Sec-Fetch-Site: same-origin")
		if resp.StatusCode != http.StatusOK || strings.Contains(text, "token") || !strings.Contains(text, `"roles":["admin"]`) {
			t.Fatalf("%s %s", resp.Status, text)
		}
		c := resp.Cookies()[0]
		if c.Name != cookieName || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != secure || c.Path != "/" {
			t.Errorf("cookie is %+v", c)
		}
		cookie := "Cookie: " + cookieName + "=" + c.Value
		if resp, text := s.ask("GET", "/session", "", cookie); resp.StatusCode != http.StatusOK || !strings.Contains(text, `"user":"admin"`) {
			t.Errorf("%s %s", resp.Status, text)
		}
		resp, _ = s.ask("DELETE", "/session", "", cookie, "Origin: "+s.url)
		if resp.StatusCode != http.StatusNoContent || resp.Cookies()[0].Value != "" {
			t.Errorf("sign out: %s, %v", resp.Status, resp.Cookies())
		}
		resp, text = s.ask("GET", "/session", "", cookie)
		wantProblem(t, resp, text, 401, "unauthorized", "sign in again")
	}
}

func TestCookieNeedsTheSameOrigin(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	cookie := s.page("analyst", thePassword)
	tests := []struct {
		name    string
		headers []string
		want    int
	}{
		{"own origin", []string{"Origin: " + s.url}, 204},
		{"own page", []string{"Sec-Fetch-Site: same-origin"}, 204},
		{"nothing said", nil, 403},
		{"typed in", []string{"Sec-Fetch-Site: none"}, 403},
		{"other origin", []string{"Origin: http://evil.example"}, 403},
		{"no origin", []string{"Origin: null"}, 403},
		{"other port", []string{"Origin: http://127.0.0.1:1"}, 403},
		{"other site", []string{"Sec-Fetch-Site: cross-site", "Origin: " + s.url}, 403},
		{"sibling", []string{"Sec-Fetch-Site: same-site"}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, text := s.ask("DELETE", "/query/"+knownID, "", append(tt.headers, cookie)...)
			if resp.StatusCode != tt.want {
				t.Errorf("got %s %s, want %d", resp.Status, text, tt.want)
			}
		})
	}
	resp, text := s.ask("POST", "/session", signInBody("analyst", thePassword), "Origin: http://evil.example")
	wantProblem(t, resp, text, 403, "forbidden", "another site") // else a victim could be signed in as the attacker
}

func TestHeaderNeedsNoOrigin(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	if resp, text := s.ask("DELETE", "/query/"+knownID, "", s.as("analyst"), "Origin: http://elsewhere.example"); resp.StatusCode != http.StatusNoContent {
		t.Errorf("%s %s", resp.Status, text)
	}
}

func TestHostMustBeOurs(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	tests := map[string]int{
		"localhost": 200, "localhost:8080": 200, "LOGS.example.com": 200, "logs.example.com.:443": 200, "192.0.2.7": 200, "[::1]:80": 200, "[2001:db8::1]": 200,
		"evil.example": 421, "logs.example.com.evil.example": 421, "127.0.0.1.evil.example:8080": 421, "xlocalhost": 421,
	}
	for host, want := range tests {
		if resp, text := s.ask("GET", "//healthz", "", "Host: "+host); resp.StatusCode != want {
			t.Errorf("%s: got %s %s, want %d", host, resp.Status, text, want)
		}
	}
}

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	for _, path := range []string{"//", "//assets/app-1a2b.js", "//assets/none.js", "/session", "/none", "//healthz"} {
		resp, _ := s.ask("GET", path, "", "Host: logs.example.com")
		for _, h := range headers {
			if resp.Header.Get(h[0]) != h[1] {
				t.Errorf("%s: %s is %q", path, h[0], resp.Header.Get(h[0]))
			}
		}
		if resp.Header.Get("Strict-Transport-Security") == "" || resp.ProtoMajor != 2 {
			t.Errorf("%s: %s without HSTS", path, resp.Proto)
		}
	}
	if resp, _ := s.ask("GET", "//", ""); resp.Header.Get("Strict-Transport-Security") != "" {
		t.Error("an address has HSTS, which would hold for plain servers on it too")
	}
	if csp := headers[0][1]; strings.Contains(csp, "unsafe") || strings.Contains(csp, "data:") {
		t.Errorf("scripts or styles may be inline: %s", csp)
	}
}

func TestFirstPasswordMustBeChanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), dir+"/central.db", keyring(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	users, err := auth.Open(t.Context(), auth.Options{Dir: dir, Store: db})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, users, db, dir, false)
	text, err := os.ReadFile(auth.InitialPasswordFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	first := strings.TrimSpace(string(text))
	cookie := s.page("admin", first)
	if _, text := s.ask("GET", "/session", "", cookie); !strings.Contains(text, `"must_change_password":true`) {
		t.Errorf("session: %s", text)
	}
	resp, body := s.ask("GET", "/targets", "", cookie)
	wantProblem(t, resp, body, 403, "forbidden", "change your password first")
	change := func(old, new string) (*http.Response, string) {
		return s.ask("POST", "/session/password", fmt.Sprintf(`{"old":%q,"new":%q}`, old, new), cookie, "Origin: "+s.url)
	}
	resp, body = change(first, "short")
	wantProblem(t, resp, body, 400, "invalid", "fewer than 12")
	resp, body = change("not the old one", "long enough, certainly")
	wantProblem(t, resp, body, 400, "invalid", "old password is wrong")
	if resp, body = change(first, "long enough, certainly"); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s", resp.Status, body)
	}
	if resp, body := s.ask("GET", "/targets", "", cookie); resp.StatusCode != http.StatusOK {
		t.Errorf("after the change: %s %s", resp.Status, body)
	}
	if _, err := os.Stat(auth.InitialPasswordFile(dir)); !os.IsNotExist(err) {
		t.Errorf("the first password's file: %v", err)
	}
}

func TestSignInThrottles(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	var resp *http.Response
	var text string
	for range 6 {
		resp, text = s.ask("POST", "/session", signInBody("viewer", "guess"))
	}
	wantProblem(t, resp, text, 429, "throttled", "try again in")
	if resp.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", resp.Header.Get("Retry-After"))
	}
}

func TestZeroBytesInJSON(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"query":"a"}`: false, `{"query":"a\u0000b"}`: true, `{"query":"a\\u0000b"}`: false, `{"query":"a\\\u0000b"}`: true,
		`"\\u0000\u0000"`: true, `"\\u0000\\u0000"`: false, `\u0000`: true,
	} {
		if got := hasZero([]byte(body)); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}
