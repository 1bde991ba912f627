package api

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/llama-logs/llama/internal/auth"
)

func authOptions() auth.Options { return auth.Options{} }

// A company has an identity provider of its own: keys, and a server that shows
// their public halves.
type company struct {
	t     *testing.T
	keys  map[string]crypto.Signer // by kid
	url   string
	asked atomic.Int64
}

func newCompany(t *testing.T) *company {
	t.Helper()
	c := &company{t: t, keys: map[string]crypto.Signer{}}
	var err error
	if c.keys["rsa"], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if c.keys["ec"], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if _, c.keys["ed"], err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.asked.Add(1)
		w.Write(c.jwks()) // the test fails elsewhere
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *company) jwks() []byte {
	var set jose.JSONWebKeySet
	for kid, key := range c.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"})
	}
	text, err := json.Marshal(set)
	if err != nil {
		c.t.Error(err)
	}
	return text
}

func (c *company) issuer() auth.Issuer {
	return auth.Issuer{
		Name: "corp", Issuer: "https://id.example.com/", Audience: "llama", JWKSURL: c.url, UserClaim: "preferred_username",
		Roles: []auth.ClaimRole{
			{Claim: "groups", Value: "soc", Role: "analyst", Target: "a"},
			{Claim: "realm_access.roles", Value: "llama-admin", Role: "admin"},
			{Claim: "https://example.com/site", Value: "b", Role: "viewer", Group: "branches"},
		},
	}
}

func good() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": "https://id.example.com/", "aud": []string{"other", "llama"}, "sub": "42", "preferred_username": "ana",
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "groups": []string{"staff", "soc"},
	}
}

// sign signs claims and returns the header that carries them.
func (c *company) sign(method jwt.SigningMethod, kid string, key any, claims jwt.MapClaims) string {
	c.t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		c.t.Fatal(err)
	}
	return "Authorization: Bearer " + text
}

func TestTokenOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	s := newSiteIn(t, t.TempDir(), false, auth.Options{Issuers: []auth.Issuer{c.issuer()}})
	s.withTargets()
	for kid, method := range map[string]jwt.SigningMethod{"rsa": jwt.SigningMethodPS256, "ec": jwt.SigningMethodES256, "ed": jwt.SigningMethodEdDSA} {
		header := c.sign(method, kid, c.keys[kid], good())
		if text := s.want(200, "GET", "/targets", "", header); !strings.Contains(text, `"a"`) || strings.Contains(text, `"b"`) {
			t.Errorf("%s: who is in soc sees %s", kid, text)
		}
		if text := s.want(200, "GET", "/session", "", header); !strings.Contains(text, `"user":"corp:ana"`) {
			t.Errorf("%s: session %s", kid, text)
		}
	}
	if n := c.asked.Load(); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
	ec := func(change func(jwt.MapClaims)) string {
		claims := good()
		change(claims)
		return c.sign(jwt.SigningMethodES256, "ec", c.keys["ec"], claims)
	}
	admin := ec(func(m jwt.MapClaims) { m["realm_access"] = map[string]any{"roles": []string{"llama-admin"}} })
	s.want(200, "PUT", "/target-groups/branches", `{"targets":["b"]}`, admin)
	s.want(200, "GET", "/users", "", admin)
	branch := ec(func(m jwt.MapClaims) { m["https://example.com/site"], m["groups"] = "b", nil })
	if text := s.want(200, "GET", "/targets", "", branch); strings.Contains(text, `"a"`) || !strings.Contains(text, `"b"`) {
		t.Errorf("who is of the branches sees %s", text)
	}
	resp, text := s.ask("GET", "/targets", "", ec(func(m jwt.MapClaims) { m["groups"] = "society" }))
	wantProblem(t, resp, text, 403, "forbidden", "roles")
}

func TestTokenOfAnotherIssuerIsRefused(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	s := newSiteIn(t, t.TempDir(), false, auth.Options{Issuers: []auth.Issuer{c.issuer()}})
	s.withTargets()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := c.jwks()
	ec := func(change func(jwt.MapClaims)) string {
		claims := good()
		change(claims)
		return c.sign(jwt.SigningMethodES256, "ec", c.keys["ec"], claims)
	}
	same := func(jwt.MapClaims) {}
	s.want(200, "GET", "/targets", "", ec(same))
	tampered := ec(same)
	for name, header := range map[string]string{
		"alg none":           c.sign(jwt.SigningMethodNone, "ec", jwt.UnsafeAllowNoneSignatureType, good()),
		"HMAC of public key": c.sign(jwt.SigningMethodHS256, "rsa", public, good()),
		"another's key":      c.sign(jwt.SigningMethodES256, "ec", stranger, good()),
		"key of another kid": c.sign(jwt.SigningMethodES256, "rsa", c.keys["ec"], good()),
		"unknown kid":        c.sign(jwt.SigningMethodES256, "new", c.keys["ec"], good()),
		"no kid":             c.sign(jwt.SigningMethodES256, "", c.keys["ec"], good()),
		"over":               ec(func(m jwt.MapClaims) { m["exp"] = time.Now().Add(-time.Hour).Unix() }),
		"without end":        ec(func(m jwt.MapClaims) { delete(m, "exp") }),
		"not yet":            ec(func(m jwt.MapClaims) { m["nbf"] = time.Now().Add(time.Hour).Unix() }),
		"another audience":   ec(func(m jwt.MapClaims) { m["aud"] = "other" }),
		"no audience":        ec(func(m jwt.MapClaims) { delete(m, "aud") }),
		"another issuer":     ec(func(m jwt.MapClaims) { m["iss"] = "https://evil.example.com/" }),
		"our own issuer":     ec(func(m jwt.MapClaims) { m["iss"] = "llama" }),
		"no name":            ec(func(m jwt.MapClaims) { delete(m, "preferred_username") }),
		"a name of lines":    ec(func(m jwt.MapClaims) { m["preferred_username"] = "a\nb" }),
		"tampered":           tampered[:len(tampered)-4] + "AAAA",
		"torn":               tampered[:len(tampered)/2],
	} {
		resp, text := s.ask("GET", "/targets", "", header)
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s %s", name, resp.Status, text)
		}
	}
	if n := c.asked.Load(); n > 2 {
		t.Errorf("tokens with unknown keys made us read the keys %d times", n)
	}
	if text := s.want(200, "GET", "/targets", "", ec(same)); text == "" {
		t.Error("the good one is refused")
	}
}

func TestIssuerWithAFileOfKeys(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	issuer := c.issuer()
	issuer.JWKSURL, issuer.JWKSFile = "", filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(issuer.JWKSFile, c.jwks(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSiteIn(t, t.TempDir(), false, auth.Options{Issuers: []auth.Issuer{issuer}})
	s.withTargets()
	s.want(200, "GET", "/targets", "", c.sign(jwt.SigningMethodRS256, "rsa", c.keys["rsa"], good()))
}

func TestIssuerThatIsAway(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	issuer := c.issuer()
	issuer.JWKSURL = "http://127.0.0.1:1/"
	s := newSiteIn(t, t.TempDir(), false, auth.Options{Issuers: []auth.Issuer{issuer}})
	resp, text := s.ask("GET", "/targets", "", c.sign(jwt.SigningMethodRS256, "rsa", c.keys["rsa"], good()))
	wantProblem(t, resp, text, 503, "unavailable", "cannot be read now")
}
