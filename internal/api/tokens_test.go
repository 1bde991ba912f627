package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newToken makes a token and returns its text.
func (s *site) newToken(body string) string {
	s.t.Helper()
	var made MadeToken
	if err := json.Unmarshal([]byte(s.want(201, "POST", "/tokens", body, s.as("admin"))), &made); err != nil || made.Token == "" {
		s.t.Fatalf("no token was made: %v", err)
	}
	return made.Token
}

// secretOf returns the secret of a token, llama_ID_SECRET, which may have _ in it.
func secretOf(token string) string { return strings.SplitN(token, "_", 3)[2] }

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestMachineTokenMayWhatItWasGranted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSiteIn(t, dir, false, authOptions())
	s.withTargets()
	token := s.newToken(`{"name":"reports","grants":[{"role":"analyst","target":"a"}],"expires":"+30d"}`)
	for _, header := range []string{"Authorization: Bearer " + token, basic("reports", token)} {
		if text := s.want(200, "GET", "/targets", "", header); !strings.Contains(text, `"a"`) || strings.Contains(text, `"b"`) {
			t.Errorf("it sees %s", text)
		}
		s.want(201, "POST", "/queries", `{"query":"x"}`, header)
		resp, text := s.ask("POST", "/queries", `{"query":"x","targets":["b"]}`, header)
		wantProblem(t, resp, text, 403, "forbidden", `"b"`)
		resp, text = s.ask("GET", "/users", "", header)
		wantProblem(t, resp, text, 403, "forbidden", "roles")
		resp, text = s.ask("DELETE", "/session", "", header)
		wantProblem(t, resp, text, 409, "conflict", "no session")
	}
	if got := s.asked[0].User; got != "token:reports" {
		t.Errorf("it asks as %q", got)
	}
	if text := s.want(200, "GET", "/tokens", "", s.as("admin")); strings.Contains(text, token) || !strings.Contains(text, `"name":"reports","owner":"admin"`) || !strings.Contains(text, "last_used") {
		t.Errorf("the list: %s", text)
	}
	secret := []byte(secretOf(token))
	for _, name := range []string{"central.db", "central.db-wal"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || bytes.Contains(content, secret) {
			t.Errorf("%s holds the secret, or cannot be read: %v", name, err)
		}
	}
	s.want(204, "DELETE", "/tokens/reports", "", s.as("admin"))
	resp, text := s.ask("GET", "/targets", "", basic("reports", token))
	wantProblem(t, resp, text, 401, "unauthorized", "over or not one of ours")
}

func TestScopesNarrowATokenDown(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	token := "Authorization: Bearer " + s.newToken(`{"name":"asker","grants":[{"role":"admin"}],"scopes":["submit-queries"]}`)
	s.want(201, "POST", "/queries", `{"query":"x","targets":["a"]}`, token)
	for _, path := range []string{"/users", "/query/" + knownID, "/targets"} {
		resp, text := s.ask("GET", path, "", token)
		wantProblem(t, resp, text, 403, "forbidden", "")
	}
}

func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.tailErr = errHang
	token := s.newToken(`{"name":"tailer","grants":[{"role":"analyst"}]}`)
	admin := s.as("admin")
	resp, err := s.http.Do(s.request("GET", "/tail", "", "Authorization: Bearer "+token))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s.want(204, "DELETE", "/tokens/tailer", "", admin)
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil || !strings.Contains(text.String(), `"error":"`) {
		t.Errorf("got %q, %v", text.String(), err)
	}
}

func TestStreamEndsWithWhatWasGranted(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.tailErr = errHang
	analyst, admin := s.as("analyst"), s.as("admin")
	resp, err := s.http.Do(s.request("GET", "/tail", "", analyst))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s.want(200, "PATCH", "/users/analyst", `{"grants":[{"role":"viewer"}]}`, admin)
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil || !strings.Contains(text.String(), `it takes analyst on target \"a\"`) {
		t.Errorf("got %q, %v", text.String(), err)
	}
}

func TestBadTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	good := s.newToken(`{"name":"good","grants":[{"role":"admin"}]}`)
	last := map[bool]string{true: "A", false: "B"}[!strings.HasSuffix(good, "A")]
	for name, header := range map[string]string{
		"another secret":        "Authorization: Bearer " + good[:len(good)-1] + last,
		"no secret":             "Authorization: Bearer " + strings.TrimSuffix(good, "_"+secretOf(good)),
		"no id":                 "Authorization: Bearer llama__" + secretOf(good),
		"SQL for an id":         "Authorization: Bearer llama_' OR '1'='1_x",
		"long":                  "Authorization: Bearer llama_" + strings.Repeat("x", 8000),
		"another name":          basic("other", good),
		"a person's password":   basic("admin", thePassword),
		"a session's for Basic": basic("admin", strings.TrimPrefix(s.as("admin"), "Authorization: Bearer ")),
		"nothing":               "Authorization: Bearer ",
		"another scheme":        "Authorization: Digest " + good,
	} {
		resp, text := s.ask("GET", "/targets", "", header)
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s %s", name, resp.Status, text)
		}
	}
	token := "Authorization: Bearer " + good
	for _, tt := range []struct{ body, detail string }{
		{`{"name":"x","grants":[{"role":"viewer"}],"expires":"-1d"}`, "over already"},
		{`{"name":"x","grants":[{"role":"viewer"}],"expires":"+3y"}`, "two years"},
		{`{"name":"x","grants":[{"role":"viewer"}],"scopes":["all"]}`, "no permission"},
		{`{"name":"x/y","grants":[{"role":"viewer"}]}`, "no name for a token"},
		{`{"name":"x","grants":[{"role":"viewer","target":"nowhere"}]}`, "no target"},
	} {
		resp, text := s.ask("POST", "/tokens", tt.body, s.as("admin"))
		wantProblem(t, resp, text, 400, "invalid", tt.detail)
	}
	resp, text := s.ask("POST", "/tokens", `{"name":"good","grants":[{"role":"viewer"}]}`, s.as("admin"))
	wantProblem(t, resp, text, 409, "conflict", "already")
	resp, text = s.ask("POST", "/tokens", `{"name":"child","grants":[{"role":"viewer"}]}`, token)
	wantProblem(t, resp, text, 403, "forbidden", "makes no tokens")
}

func TestTokenIsOver(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	token := s.newToken(fmt.Sprintf(`{"name":"short","grants":[{"role":"admin"}],"expires":%q}`, time.Now().Add(2*time.Second).Format(time.RFC3339Nano)))
	resp, _ := s.ask("GET", "/targets", "", "Authorization: Bearer "+token)
	for resp.StatusCode == http.StatusOK {
		resp, _ = s.ask("GET", "/targets", "", "Authorization: Bearer "+token)
	}
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %s", resp.Status)
	}
}
