package store

import (
	"bytes"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

func TestJoinUsesACodeUp(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := t.Context()
	secret := []byte("hashed")
	hour := llama.At(time.Now().Add(time.Hour))
	for _, e := range []Enrolment{
		{ID: "two", Target: "madrid", Secret: secret, Uses: 2, Expires: hour, By: "admin"},
		{ID: "over", Target: "madrid", Secret: secret, Uses: 1, Expires: llama.At(time.Now().Add(-time.Second)), By: "admin"},
	} {
		if err := s.AddEnrolment(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	joins := []struct {
		name, code, secret, node string
		want                     llama.Code
	}{
		{"the first", "two", "hashed", "a", ""},
		{"the first again, whose answer was lost", "two", "hashed", "a", ""},
		{"a code that nobody made", "none", "hashed", "b", llama.Forbidden},
		{"a guessed secret", "two", "guessed", "b", llama.Forbidden},
		{"no secret", "two", "", "b", llama.Forbidden},
		{"a code that is over", "over", "hashed", "b", llama.Forbidden},
		{"the second", "two", "hashed", "b", ""},
		{"one too many", "two", "hashed", "c", llama.Forbidden},
		{"the first again, when it is used up", "two", "hashed", "a", ""},
	}
	for _, j := range joins {
		target, err := s.Join(ctx, j.code, []byte(j.secret), Node{ID: j.node, Keys: []byte(j.node), CarrierKey: []byte(j.node)})
		if llama.CodeOf(err) != j.want || err == nil && (j.want != "" || target != "madrid") {
			t.Errorf("%s: got %q, %v; want %q", j.name, target, err, j.want)
		}
	}
	nodes, err := s.Nodes(ctx)
	if err != nil || len(nodes) != 2 || nodes[0].ID != "a" || !bytes.Equal(nodes[1].CarrierKey, []byte("b")) {
		t.Errorf("got %+v, %v", nodes, err)
	}
	codes, err := s.Enrolments(ctx)
	if err != nil || len(codes) != 2 || codes[0].Used != 2 || codes[0].By != "admin" || codes[0].Secret != nil {
		t.Errorf("got %+v, %v", codes, err)
	}
	if err := s.DeleteEnrolment(ctx, "two"); err != nil {
		t.Error(err)
	}
	if err := s.DeleteEnrolment(ctx, "two"); llama.CodeOf(err) != llama.NotFound {
		t.Errorf("withdrawn twice: %v", err)
	}
	if err := s.SweepEnrolments(ctx, llama.At(time.Now().Add(keepOver+time.Hour))); err != nil {
		t.Error(err)
	}
	if codes, err = s.Enrolments(ctx); err != nil || len(codes) != 0 {
		t.Errorf("got %+v, %v", codes, err)
	}
}

func TestRevokedNodeDoesNotComeBack(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := t.Context()
	e := Enrolment{ID: "code", Target: "madrid", Secret: []byte("s"), Uses: 2, Expires: llama.At(time.Now().Add(time.Hour))}
	if err := s.AddEnrolment(ctx, e); err != nil {
		t.Fatal(err)
	}
	n := Node{ID: "a", Keys: []byte("old"), CarrierKey: []byte("door")}
	if _, err := s.Join(ctx, "code", []byte("s"), n); err != nil {
		t.Fatal(err)
	}
	if err := s.UseNextKeys(ctx, "a"); llama.CodeOf(err) != llama.NotFound {
		t.Errorf("keys were changed to none: %v", err)
	}
	if err := s.SetNextKeys(ctx, "a", Keys{[]byte("new"), []byte("new door")}); err != nil {
		t.Fatal(err)
	}
	if err := s.UseNextKeys(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	nodes, err := s.Nodes(ctx)
	if err != nil || len(nodes) != 1 || string(nodes[0].Keys) != "new" || string(nodes[0].CarrierKey) != "new door" || len(nodes[0].Next.Envelope) != 0 {
		t.Errorf("got %+v, %v", nodes, err)
	}
	if err := s.RevokeNode(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeNode(ctx, "a"); llama.CodeOf(err) != llama.NotFound {
		t.Errorf("revoked twice: %v", err)
	}
	if _, err := s.Join(ctx, "code", []byte("s"), n); llama.CodeOf(err) != llama.Forbidden {
		t.Errorf("it joined again: %v", err)
	}
	if err := s.SetNextKeys(ctx, "a", Keys{[]byte("x"), []byte("x")}); llama.CodeOf(err) != llama.NotFound {
		t.Errorf("it changed its keys: %v", err)
	}
	if nodes, err := s.Nodes(ctx); err != nil || len(nodes) != 0 {
		t.Errorf("got %+v, %v", nodes, err)
	}
}
