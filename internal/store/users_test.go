package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
)

func newAccount(name string) Account {
	return Account{
		Name: name, Password: "$argon2id$1", MustChangePassword: true, Created: time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC),
		Grants: []Grant{{Role: "admin"}, {Role: "viewer", Target: "a"}},
	}
}

func wantCode(t *testing.T, err error, want llama.Code) {
	t.Helper()
	if llama.CodeOf(err) != want {
		t.Errorf("got %v, want code %q", err, want)
	}
}

func TestAccountComesBackAsItWas(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	if some, err := s.HasAccounts(t.Context()); some || err != nil {
		t.Errorf("new database: has accounts %v, %v", some, err)
	}
	want := newAccount("eva")
	if err := s.AddAccount(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	got, err := s.Account(t.Context(), "eva")
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v -want +got\n%s", err, d)
	}
	if some, err := s.HasAccounts(t.Context()); !some || err != nil {
		t.Errorf("with one: has accounts %v, %v", some, err)
	}
	wantCode(t, s.AddAccount(t.Context(), newAccount("eva")), llama.Conflict)
	_, err = s.Account(t.Context(), "adam")
	wantCode(t, err, llama.NotFound)
}

func TestSetPasswordEndsOtherSessions(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx, soon := t.Context(), time.Now().Add(time.Hour).UTC()
	for _, name := range []string{"eva", "adam"} {
		if err := s.AddAccount(ctx, newAccount(name)); err != nil {
			t.Fatal(err)
		}
	}
	for id, user := range map[string]string{"one": "eva", "two": "eva", "three": "adam"} {
		if err := s.AddSession(ctx, Session{ID: id, User: user, Address: "::1", Created: soon, Expires: soon}); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, s.SetPassword(ctx, "eva", "not the old one", "new", "one"), llama.Conflict)
	if _, err := s.Session(ctx, "two"); err != nil {
		t.Errorf("a refused change ended a session: %v", err)
	}
	if err := s.SetPassword(ctx, "eva", "$argon2id$1", "new", "one"); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Account(ctx, "eva"); a.Password != "new" || a.MustChangePassword || err != nil {
		t.Errorf("after the change: %+v, %v", a, err)
	}
	_, err := s.Session(ctx, "two")
	wantCode(t, err, llama.NotFound)
	for _, id := range []string{"one", "three"} {
		if _, err := s.Session(ctx, id); err != nil {
			t.Errorf("session %s: %v", id, err)
		}
	}
}

func TestSessionLivesUntilItIsEnded(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx, at := t.Context(), time.Now().UTC()
	if err := s.AddAccount(ctx, newAccount("eva")); err != nil {
		t.Fatal(err)
	}
	want := Session{ID: "one", User: "eva", Address: "192.0.2.7", Created: at, Expires: at.Add(time.Hour)}
	old := Session{ID: "old", User: "eva", Created: at, Expires: at.Add(-time.Hour)}
	for _, v := range []Session{old, want} {
		if err := s.AddSession(ctx, v); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Session(ctx, "old")
	wantCode(t, err, llama.NotFound) // forgotten when the next one came
	want.Expires = at.Add(2 * time.Hour)
	if err := s.MoveSession(ctx, "one", want.Expires); err != nil {
		t.Fatal(err)
	}
	got, err := s.Session(ctx, "one")
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v -want +got\n%s", err, d)
	}
	for range 2 { // twice is harmless
		if err := s.EndSession(ctx, "one"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.Session(ctx, "one")
	wantCode(t, err, llama.NotFound)
	wantCode(t, s.MoveSession(ctx, "one", at), llama.NotFound)
}
