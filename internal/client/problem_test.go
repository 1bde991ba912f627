package client

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProblemInWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		p    Problem
		want string
	}{
		{"a sentence", Problem{Detail: "there is no user \"ana\""}, `there is no user "ana"`},
		{"places", Problem{Detail: "validation failed", Errors: []Place{
			{"body.grants[0].role", "is none"}, {"path.uuid", "is too short"}, {"body", "is empty"},
		}}, "grants[0].role: is none; uuid: is too short; body: is empty"},
		{"ours", Problem{Detail: "internal error", Request: "x1"}, "internal error (request x1)"},
	}
	for _, tt := range tests {
		if got := tt.p.Error(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestTheOtherSchemeIsNamed(t *testing.T) {
	t.Parallel()
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	plain, secure := httptest.NewServer(nothing), httptest.NewTLSServer(nothing)
	defer plain.Close()
	defer secure.Close()
	for wrong, right := range map[string]string{"https" + strings.TrimPrefix(plain.URL, "http"): plain.URL, "http" + strings.TrimPrefix(secure.URL, "https"): secure.URL} {
		c, err := New(Options{URL: wrong})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Targets(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "its URL is "+right) {
			t.Errorf("%s: got %v, want %s named", wrong, err, right)
		}
		c.Close()
	}
}
