package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// hostileNames are what strangers put into paths and names.
var hostileNames = []string{
	"'%20OR%20'1'='1", "x';DROP%20TABLE%20users;--", "%3E", "down.*.%3E", "$SYS.REQ.%3E", "..%2F..%2Fetc%2Fpasswd",
	"%00", "%FF%FE", "%0A", strings.Repeat("A", 5000), "%E2%80%AE",
}

// hostileBodies are what they send.
var hostileBodies = map[string]string{
	"nothing":         "",
	"half an object":  `{"name":`,
	"a list":          `[]`,
	"null":            `null`,
	"a number":        `1e999`,
	"unknown members": `{"__proto__":{},"admin":true}`,
	"other types":     `{"name":1,"query":[],"targets":"a","grants":{},"limit":"x","user":null,"password":{}}`,
	"deep":            strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
	"large":           `{"name":"` + strings.Repeat("x", maxBody) + `"}`,
	"no UTF-8":        "{\"name\":\"\xff\xfe\",\"query\":\"\xff\",\"user\":\"\xff\",\"password\":\"\xff\"}",
	"zero bytes":      "{\"name\":\"a\\u0000b\",\"query\":\"a\\u0000b\",\"user\":\"a\\u0000\",\"password\":\"x\",\"every\":\"1h\"}",
	"negative":        `{"name":"x","query":"x","limit":-1,"every":"-1h","uses":-5}`,
}

// TestEveryRouteRefusesHostileInput sends all of it to all routes, from several at
// once, as somebody who may do everything: what comes back is a problem in its
// form, and never an internal error.
func TestEveryRouteRefusesHostileInput(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	s.withTargets()
	s.http.Transport = &http.Transport{MaxIdleConnsPerHost: 8}
	admin := s.as("admin")
	type attempt struct{ method, path, what, body string }
	var attempts []attempt
	for path, item := range s.server.api.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{
			"GET": item.Get, "POST": item.Post, "DELETE": item.Delete, "PUT": item.Put, "PATCH": item.Patch,
		} {
			if op == nil || op.OperationID == "sign-out" || strings.HasPrefix(path, "/join") {
				continue
			}
			for _, name := range hostileNames {
				if at := placeholders.Replace(path); at != path {
					attempts = append(attempts, attempt{method, strings.ReplaceAll(at, "HERE", name), "path", "{}"})
				} else if method == "GET" && len(name) < 1000 {
					attempts = append(attempts, attempt{method, path + "?query=" + name + "&after=" + name + "&match=" + name + "&target=" + name + "&from=" + name, "query", ""})
				}
			}
			if method == "GET" || method == "DELETE" {
				continue
			}
			for what, body := range hostileBodies {
				attempts = append(attempts, attempt{method, strings.ReplaceAll(placeholders.Replace(path), "HERE", knownID), what, body})
			}
		}
	}
	work := make(chan attempt)
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			for a := range work {
				if problem := s.try(a.method, a.path, a.body, admin); problem != "" {
					t.Errorf("%s %.100s with %s: %s", a.method, a.path, a.what, problem)
				}
			}
		})
	}
	for _, a := range attempts {
		work <- a
	}
	close(work)
	working.Wait()
	s.want(200, "GET", "/users", "", admin) // it is all there
	if logged := s.log.String(); strings.Contains(logged, "request failed") {
		t.Errorf("the log has internal errors: %.2000s", logged)
	}
}

var placeholders = strings.NewReplacer("{uuid}", "HERE", "{id}", "HERE", "{name}", "HERE", "{target}", "HERE")

// try says what is wrong with how a request was answered.
func (s *site) try(method, path, body, header string) string {
	resp, err := s.http.Do(s.request(method, path, body, header))
	if err != nil {
		return "" // refused before it was read: the headers are too large, or the body
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return fmt.Sprint("the answer broke off: ", err)
	case resp.StatusCode >= 500 && resp.StatusCode != http.StatusServiceUnavailable:
		return fmt.Sprintf("%s %s", resp.Status, text)
	case resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" && !bytes.Contains(text, []byte("Bad Request")):
		return fmt.Sprintf("%s is no problem: %.300s", resp.Status, text)
	}
	return ""
}
