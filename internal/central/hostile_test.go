package central_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/llama-logs/llama/internal/client"
)

// hostileTexts are what strangers put where names and questions go.
var hostileTexts = map[string]string{
	"SQL":               "' OR '1'='1",
	"more SQL":          `x"; DROP TABLE users; --`,
	"all subjects":      ">",
	"a node's subjects": "down.*.>",
	"the system's":      "$SYS.REQ.SERVER.PING",
	"a way out":         "../../../etc/passwd",
	"a zero byte":       "a\x00b",
	"lines":             "a\r\nSet-Cookie: x=y\n",
	"no UTF-8":          "\xff\xfe",
	"letters turned":    "\u202enimda",
	"a format":          "%s%n%!d(MISSING)${jndi:ldap://127.0.0.1/}",
	"nothing":           "",
	"blanks":            " \t ",
	"a number":          "99999999999999999999999999",
	"a long text":       strings.Repeat("A", 20_000),
}

// hostileBodies are what they send instead of what is wanted.
var hostileBodies = map[string]string{
	"half an object":  `{"name":`,
	"a list":          `[]`,
	"null":            `null`,
	"a number":        `1e999`,
	"unknown members": `{"__proto__":{},"admin":true}`,
	"other types":     `{"name":1,"query":[],"targets":"a","grants":{},"limit":"x","user":null,"password":{}}`,
	"deep":            strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
	"too much":        `{"name":"` + strings.Repeat("x", 300<<10) + `"}`, // 256 KiB are read, and as much passed over
	"zero bytes":      "{\"name\":\"a\\u0000b\",\"query\":\"a\\u0000b\",\"user\":\"a\\u0000\",\"password\":\"x\",\"every\":\"1h\"}",
	"negative":        `{"name":"x","query":"x","limit":-1,"every":"-1h","uses":-5}`,
}

// TestEveryRouteRefusesHostileInput gives each place of each route that takes a text
// what does not belong there, and each body what is none, many at once, as somebody
// who may do everything. What is refused says why; nothing is an internal error, and
// nothing of what central has is gone or changed after it.
func TestEveryRouteRefusesHostileInput(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.send("app", numbered(3)...)
	h.signIn()
	token := h.token("admin", password)
	work := make(chan attempt)
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			for a := range work {
				if problem := h.try(a, token); problem != "" {
					t.Errorf("%v: %s", a, problem)
				}
			}
		})
	}
	for _, r := range h.routes() {
		switch r.ID {
		case "sign-out", "rotate-keys", "reload-nodes": // with nothing wrong in it, it is done
			continue
		}
		for what, text := range hostileTexts {
			for _, a := range r.with(t, text) {
				if strings.HasSuffix(a.what, "password.") && what != "a zero byte" && what != "no UTF-8" {
					continue // it may be any text, and each is hashed at some cost
				}
				a.what = what + ", " + a.what
				work <- a
			}
		}
		if r.body() != nil {
			for what, body := range hostileBodies {
				work <- attempt{r.method, r.at(t, ""), body, what}
			}
		}
	}
	for _, path := range []string{"/carrier/poll/%00", "/carrier/ws", "/carrier/", "/healthz?x=%ff", "/%00", "/..%2f..%2fetc%2fpasswd", "/api/v1/nothing", "/api/v2/queries"} {
		work <- attempt{"GET", path, "", "what is outside"}
		work <- attempt{"POST", path, "{}", "what is outside"}
	}
	close(work)
	working.Wait()
	for _, said := range []string{"request failed", "panic"} {
		if log := h.log.String(); strings.Contains(log, said) {
			t.Errorf("the log has %q: %.2000s", said, log[strings.Index(log, said):])
		}
	}
	_, rows := ask(t, h.signIn(), client.Question{Query: "_collection:app | stats count() n", Targets: []string{"local"}}) // the password is what it was
	if len(rows) != 1 || rows[0] != `{"n":3}` {
		t.Errorf("the events are %q", rows)
	}
}

// TestRoutesTakeWhatTheirDescriptionSays sends each route the example that its
// description gives, so that what the test above changes in one is all that is wrong.
func TestRoutesTakeWhatTheirDescriptionSays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signIn()
	token := h.token("admin", password)
	for _, r := range h.routes() {
		if r.body() == nil {
			continue
		}
		body, err := json.Marshal(r.example(*r.body()))
		if err != nil {
			t.Fatal(err)
		}
		resp, text := h.ask(attempt{r.method, r.at(t, ""), string(body), ""}, token)
		if resp.StatusCode == http.StatusUnprocessableEntity {
			t.Errorf("%s %s does not take %s: %s", r.method, r.path, body, text)
		}
	}
}

// TestEveryRouteRefusesForgedTokens shows every route what looks like a token: only
// those that are for anybody look further.
func TestEveryRouteRefusesForgedTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signIn()
	good := h.token("admin", password)
	key, err := os.ReadFile(filepath.Join(h.data, "session.key"))
	if err != nil {
		t.Fatal(err)
	}
	said := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(good, said); err != nil {
		t.Fatal(err)
	}
	forge := func(method jwt.SigningMethod, with any, change map[string]any) string {
		claims := jwt.MapClaims{}
		for name, value := range said {
			claims[name] = value
		}
		for name, value := range change {
			claims[name] = value
		}
		text, err := jwt.NewWithClaims(method, claims).SignedString(with)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + text
	}
	if resp, text := h.ask(attempt{"GET", "/api/v1/users", "", ""}, strings.TrimPrefix(forge(jwt.SigningMethodHS256, key, nil), "Bearer ")); resp.StatusCode != http.StatusOK {
		t.Fatalf("what is signed as central signs is refused: %s %s", resp.Status, text)
	}
	forged := map[string]string{
		"no token":             "",
		"alg none":             forge(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"another algorithm":    forge(jwt.SigningMethodHS512, key, nil),
		"another key":          forge(jwt.SigningMethodHS256, []byte("another key of the same length.."), nil),
		"a token that is over": forge(jwt.SigningMethodHS256, key, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"another issuer":       forge(jwt.SigningMethodHS256, key, map[string]any{"iss": "https://id.example.com/"}),
		"another audience":     forge(jwt.SigningMethodHS256, key, map[string]any{"aud": "node"}),
		"a session of nobody":  forge(jwt.SigningMethodHS256, key, map[string]any{"sid": "guess"}),
		"a person's password":  "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+password)),
		"noise":                "Bearer llama_' OR '1'='1_x",
	}
	for _, r := range h.routes() {
		for what, header := range forged {
			request := h.request(attempt{r.method, r.at(t, ""), "{}", what})
			if header != "" {
				request.Header.Set("Authorization", header)
			}
			resp, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if len(r.Security) > 0 && resp.StatusCode != http.StatusUnauthorized || len(r.Security) == 0 && r.ID != "sign-in" && r.ID != "join" {
				t.Errorf("%s %s with %s: %s, for whom: %v", r.method, r.path, what, resp.Status, r.Security)
			}
		}
	}
}

// TestManyMakeOneName has eight make the same thing at once: one does, and the others
// hear that it is there.
func TestManyMakeOneName(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signIn()
	token := h.token("admin", password)
	for path, body := range map[string]string{
		"/users":           `{"name":"ana","grants":[{"role":"viewer"}]}`,
		"/tokens":          `{"name":"reports","grants":[{"role":"viewer"}]}`,
		"/saved-queries":   `{"name":"errors","query":"error"}`,
		"/scheduled-tasks": `{"name":"hourly","query":"error","every":"1h"}`,
	} {
		statuses := make([]int, 8)
		var making sync.WaitGroup
		for i := range statuses {
			making.Go(func() {
				resp, _ := h.ask(attempt{"POST", "/api/v1" + path, body, ""}, token)
				statuses[i] = resp.StatusCode
			})
		}
		making.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		if count[http.StatusCreated] != 1 || count[http.StatusConflict] != 7 {
			t.Errorf("%s: %v", path, statuses)
		}
	}
}

// token signs in as a program does.
func (h *house) token(user, password string) string {
	h.t.Helper()
	body, err := json.Marshal(map[string]string{"user": user, "password": password})
	if err != nil {
		h.t.Fatal(err)
	}
	_, text := h.ask(attempt{"POST", "/api/v1/session", string(body), ""}, "")
	var session struct{ Token string }
	if err := json.Unmarshal([]byte(text), &session); err != nil || session.Token == "" {
		h.t.Fatalf("sign in: %s", text)
	}
	return session.Token
}

func (h *house) request(a attempt) *http.Request {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), a.method, h.url+a.path, strings.NewReader(a.body))
	if err != nil {
		h.t.Fatal(err)
	}
	if a.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// ask does a request and reads its answer; of one that goes on, what comes first.
func (h *house) ask(a attempt, token string) (*http.Response, string) {
	r := h.request(a)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Errorf("%v: %v", a, err)
		return &http.Response{}, ""
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		return resp, ""
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		h.t.Errorf("%v: the answer broke off: %v", a, err)
	}
	return resp, string(text)
}

// try says what is wrong with how a request was answered.
func (h *house) try(a attempt, token string) string {
	resp, text := h.ask(a, token)
	if resp.StatusCode < 400 || !strings.HasPrefix(a.path, "/api/") && resp.StatusCode < 500 {
		return ""
	}
	var p struct {
		Status       int
		Detail, Code string
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Status != resp.StatusCode || p.Detail == "" || p.Code == "" {
		return fmt.Sprintf("%s is no problem in words: %.300s", resp.Status, text)
	}
	if p.Code == "internal" {
		return text
	}
	for _, inner := range []string{"SQL", "sqlite", "constraint", "goroutine", ".go:"} {
		if strings.Contains(p.Detail, inner) && !strings.Contains(a.path+a.body, inner) {
			return fmt.Sprintf("it tells of what is inside: %s", text)
		}
	}
	return ""
}
