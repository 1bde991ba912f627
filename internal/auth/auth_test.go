package auth

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/llama-logs/llama"
)

// memory is a Store without a database.
type memory struct {
	Store    // for the methods that no test here calls
	mu       sync.Mutex
	accounts map[string]Account
	sessions map[string]Session
}

func (m *memory) Account(_ context.Context, name string) (Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.accounts[name]; ok {
		return a, nil
	}
	return Account{}, llama.Errorf(llama.NotFound, "no user %q", name)
}

func (m *memory) AddAccount(_ context.Context, a Account) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts[a.Name] = a
	return nil
}

func (m *memory) HasAccounts(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.accounts) > 0, nil
}

func (m *memory) SetPassword(_ context.Context, name, old, new, keep string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[name]
	if a.Password != old {
		return llama.Errorf(llama.Conflict, "changed meanwhile")
	}
	a.Password, a.MustChangePassword = new, false
	m.accounts[name] = a
	for id, s := range m.sessions {
		if s.User == name && id != keep {
			delete(m.sessions, id)
		}
	}
	return nil
}

func (m *memory) Session(_ context.Context, id string) (Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.sessions[id]; ok {
		return s, nil
	}
	return Session{}, llama.Errorf(llama.NotFound, "no session")
}

func (m *memory) AddSession(_ context.Context, s Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s.ID] = s
	return nil
}

func (m *memory) MoveSession(_ context.Context, id string, expires time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok {
		return llama.Errorf(llama.NotFound, "no session")
	}
	s.Expires = expires
	m.sessions[id] = s
	return nil
}

func (m *memory) EndSession(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, id)
	return nil
}

// cheap is what tests pay for a hash.
var cheap = cost{memory: 64, passes: 1, threads: 1}

const (
	evas = "correct horse battery"
	here = "192.0.2.7"
)

// open returns Auth with the users admin, who has the first password, and eva.
func open(t *testing.T) (*Auth, string) {
	t.Helper()
	dir := t.TempDir()
	a, err := Open(t.Context(), Options{Dir: dir, Store: &memory{accounts: map[string]Account{}, sessions: map[string]Session{}}})
	if err != nil {
		t.Fatal(err)
	}
	a.hasher = newHasher(cheap)
	hash, err := a.hasher.hash(t.Context(), evas)
	if err != nil {
		t.Fatal(err)
	}
	eva := Account{Name: "eva", Password: hash, Grants: []Grant{{Role: "analyst"}}}
	if err := a.options.Store.AddAccount(t.Context(), eva); err != nil {
		t.Fatal(err)
	}
	return a, dir
}

func signIn(t *testing.T, a *Auth, kind Kind) (*Identity, string) {
	t.Helper()
	who, token, err := a.SignIn(t.Context(), "eva", evas, here, kind)
	if err != nil {
		t.Fatal(err)
	}
	return who, token
}

func TestFirstStartMakesAdmin(t *testing.T) {
	t.Parallel()
	a, dir := open(t)
	file := InitialPasswordFile(dir)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("first password: %v, %v; want mode 0600", info, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.TrimSpace(string(text))
	who, token, err := a.SignIn(t.Context(), "admin", first, here, Page)
	if err != nil {
		t.Fatal(err)
	}
	if who.May(ReadTargets, "") || !who.May(SignedIn, "") {
		t.Error("admin may work before the first password is changed")
	}
	if err := a.ChangePassword(t.Context(), who, first, "a better password", here); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the first password's file is still there: %v", err)
	}
	if who, _, err := a.Check(t.Context(), token); err != nil || !who.May(CancelQueries, "") {
		t.Errorf("after the change: %+v, %v", who, err)
	}
	if _, _, err := a.SignIn(t.Context(), "admin", first, here, Page); llama.CodeOf(err) != llama.Unauthorized {
		t.Errorf("the first password still works: %v", err)
	}
}

func TestSecondStartKeepsPasswordAndKey(t *testing.T) {
	t.Parallel()
	a, dir := open(t)
	_, token := signIn(t, a, Page)
	before, err := os.ReadFile(InitialPasswordFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(t.Context(), Options{Dir: dir, Store: a.options.Store})
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(InitialPasswordFile(dir)); string(after) != string(before) {
		t.Error("a second start changed the first password")
	}
	if _, _, err := b.Check(t.Context(), token); err != nil {
		t.Errorf("a token of before the start: %v", err)
	}
}

func TestOpenRefusesKeyOthersMayRead(t *testing.T) {
	t.Parallel()
	a, dir := open(t)
	if err := os.Chmod(dir+"/session.key", 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir, Store: a.options.Store}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestWrongUserAndWrongPasswordLookAlike(t *testing.T) {
	t.Parallel()
	a, _ := open(t)
	_, _, wrongPassword := a.SignIn(t.Context(), "eva", "not it", here, Page)
	_, _, wrongUser := a.SignIn(t.Context(), "adam", "not it", here, Page)
	if wrongUser == nil || wrongPassword == nil || wrongUser.Error() != wrongPassword.Error() {
		t.Errorf("user: %v; password: %v", wrongUser, wrongPassword)
	}
	if c, _, _, err := parseHash(newHasher(cheap).dummy); err != nil || c != cheap {
		t.Errorf("the hash of unknown users costs %+v, %v; want %+v", c, err, cheap)
	}
}

func TestSessionSlidesUntilItsGreatestAge(t *testing.T) {
	t.Parallel()
	a, _ := open(t)
	synctest.Test(t, func(t *testing.T) {
		a.hasher = newHasher(cheap)
		_, token := signIn(t, a, Page)
		began := time.Now()
		for {
			time.Sleep(40 * time.Minute)
			who, renewed, err := a.Check(t.Context(), token)
			if err != nil {
				break
			}
			if who.Expires.Sub(began) > a.options.MaxAge {
				t.Fatalf("the session ends %v after it began", who.Expires.Sub(began))
			}
			if renewed != "" {
				token = renewed
			}
		}
		if age := time.Since(began); age < a.options.MaxAge-time.Hour || age > a.options.MaxAge+time.Hour {
			t.Errorf("a session in use ended after %v", age)
		}
		_, token = signIn(t, a, Page)
		time.Sleep(a.options.PageIdle + time.Second)
		if _, _, err := a.Check(t.Context(), token); llama.CodeOf(err) != llama.Unauthorized {
			t.Errorf("an unused session: %v", err)
		}
	})
}

func TestRevocationIsImmediate(t *testing.T) {
	t.Parallel()
	a, _ := open(t)
	who, token := signIn(t, a, Page)
	other, otherToken := signIn(t, a, Program)
	if _, err := a.StillSignedIn(t.Context(), other); err != nil {
		t.Error(err)
	}
	if err := a.SignOut(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := a.StillSignedIn(t.Context(), other); llama.CodeOf(err) != llama.Unauthorized {
		t.Errorf("after signing out, still signed in: %v", err)
	}
	if _, _, err := a.Check(t.Context(), otherToken); llama.CodeOf(err) != llama.Unauthorized {
		t.Errorf("after signing out: %v", err)
	}
	_, otherToken = signIn(t, a, Program)
	if err := a.ChangePassword(t.Context(), who, evas, "another passphrase", here); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Check(t.Context(), otherToken); llama.CodeOf(err) != llama.Unauthorized {
		t.Errorf("another session after a change of password: %v", err)
	}
	if _, _, err := a.Check(t.Context(), token); err != nil {
		t.Errorf("the session that changed the password: %v", err)
	}
}

func TestChangePasswordRefuses(t *testing.T) {
	t.Parallel()
	a, _ := open(t)
	who, _ := signIn(t, a, Page)
	tests := []struct{ name, old, new, want string }{
		{"wrong old one", "not it", "another passphrase", "the old password is wrong"},
		{"short", evas, "elevenchars", "fewer than 12"},
		{"the same", evas, evas, "is the old one"},
		{"not text", evas, "another\xffpassphrase", "UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := a.ChangePassword(t.Context(), who, tt.old, tt.new, here)
			if llama.CodeOf(err) != llama.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if err := rules("a.very.long.name", "", "A.very.long.name", 12); err == nil {
		t.Error("the user's name is taken for a password")
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	a, _ := open(t)
	_, token := signIn(t, a, Page)
	now := time.Now()
	good := func() claims {
		c, err := a.parse(token)
		if err != nil {
			t.Fatal(err)
		}
		return *c
	}
	sign := func(m jwt.SigningMethod, key any, change func(*claims)) string {
		c := good()
		change(&c)
		text, err := jwt.NewWithClaims(m, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	same := func(*claims) {}
	parts := strings.Split(token, ".")
	tests := map[string]string{
		"empty":           "",
		"noise":           "a.b.c",
		"huge":            strings.Repeat("x", 1<<20),
		"alg none":        sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"other algorithm": sign(jwt.SigningMethodHS512, a.key, same),
		"other key":       sign(jwt.SigningMethodHS256, []byte("another key of the same length.."), same),
		"no signature":    parts[0] + "." + parts[1] + ".",
		"other signature": parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])),
		"expired":         sign(jwt.SigningMethodHS256, a.key, func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(now.Add(-time.Minute)) }),
		"no expiry":       sign(jwt.SigningMethodHS256, a.key, func(c *claims) { c.ExpiresAt = nil }),
		"of the future":   sign(jwt.SigningMethodHS256, a.key, func(c *claims) { c.IssuedAt = jwt.NewNumericDate(now.Add(time.Hour)) }),
		"other issuer":    sign(jwt.SigningMethodHS256, a.key, func(c *claims) { c.Issuer = "lama" }),
		"other audience":  sign(jwt.SigningMethodHS256, a.key, func(c *claims) { c.Audience = jwt.ClaimStrings{"node"} }),
		"other user":      sign(jwt.SigningMethodHS256, a.key, func(c *claims) { c.Subject = "admin" }),
		"other session":   sign(jwt.SigningMethodHS256, a.key, func(c *claims) { c.Session = "guess" }),
		"no session":      sign(jwt.SigningMethodHS256, a.key, func(c *claims) { c.Session = "" }),
	}
	for name, bad := range tests {
		t.Run(name, func(t *testing.T) {
			if _, _, err := a.Check(t.Context(), bad); llama.CodeOf(err) != llama.Unauthorized {
				t.Errorf("got %v, want unauthorized", err)
			}
		})
	}
	if _, _, err := a.Check(t.Context(), sign(jwt.SigningMethodHS256, a.key, same)); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestMay(t *testing.T) {
	t.Parallel()
	everywhere := &Identity{Grants: []Grant{{Role: "analyst"}}}
	onA := &Identity{Grants: []Grant{{Role: "operator", Target: "a"}, {Role: "viewer", Target: "b"}}}
	fresh := &Identity{Grants: []Grant{{Role: "admin"}}, MustChangePassword: true}
	tests := []struct {
		who    *Identity
		p      Permission
		target string
		want   bool
	}{
		{everywhere, SubmitQueries, "", true},
		{everywhere, SubmitQueries, "a", true},
		{everywhere, CancelQueries, "a", false},
		{onA, CancelQueries, "a", true},
		{onA, CancelQueries, "b", false},
		{onA, ReadQueries, "b", true},
		{onA, ReadQueries, "c", false},
		{onA, ReadQueries, "", false},
		{fresh, ReadTargets, "", false},
		{fresh, SignedIn, "", true},
		{&Identity{Grants: []Grant{{Role: "king"}}}, ReadTargets, "", false},
		{&Identity{}, ReadTargets, "", false},
	}
	for _, tt := range tests {
		if got := tt.who.May(tt.p, tt.target); got != tt.want {
			t.Errorf("%v on %q with %+v: got %v", tt.p, tt.target, tt.who.Grants, got)
		}
	}
	if !onA.MayAnywhere(CancelQueries) || everywhere.MayAnywhere(CancelQueries) || fresh.MayAnywhere(ReadTargets) {
		t.Error("MayAnywhere is wrong")
	}
}

func TestRolesGrow(t *testing.T) {
	t.Parallel()
	for i, r := range Roles()[1:] {
		weaker := Roles()[i]
		for _, p := range weaker.Permissions() {
			if !(&Identity{Grants: []Grant{{Role: string(r)}}}).May(p, "") {
				t.Errorf("%s may %s, %s may not", weaker, p, r)
			}
		}
	}
}

func FuzzCheck(f *testing.F) {
	a := &Auth{options: Options{Store: &memory{}}, key: []byte("0123456789abcdef0123456789abcdef")}
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if who, _, err := a.Check(t.Context(), token); err == nil {
			t.Errorf("%q is taken for a token of %+v", token, who)
		}
	})
}
