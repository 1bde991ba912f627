package client

import "testing"

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
