package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/llama-logs/llama"
)

// An Issuer is somebody else, as a company's identity provider, whose tokens
// central takes: JWTs that are signed with one of its keys.
type Issuer struct {
	Name      string      `yaml:"name" doc:"Stands before the names of its users, as in corp:ana."`
	Issuer    string      `yaml:"issuer" doc:"What its tokens say in iss."`
	Audience  string      `yaml:"audience" doc:"What its tokens must say in aud: that they are for this central."`
	JWKSURL   string      `yaml:"jwks_url" doc:"Where its keys are (JWKS); https, or plain HTTP on this machine."`
	JWKSFile  string      `yaml:"jwks_file" doc:"File with its keys, instead of the URL; it is read again after ten minutes, and for a key that is not in it."`
	CA        string      `yaml:"ca" doc:"File with the authority of the URL's certificate, PEM; without it, the system's."`
	UserClaim string      `yaml:"user_claim" doc:"The claim with the user's name. Default: sub."`
	Roles     []ClaimRole `yaml:"roles" doc:"What its users may do. Without any that fits, nothing."`
}

// A ClaimRole grants a role to whose token says something.
type ClaimRole struct {
	Claim  string `yaml:"claim" doc:"The claim looked at; a dot leads into an object, as in realm_access.roles."`
	Value  string `yaml:"value" doc:"What it must be or, when it is a list, hold. Without it, every user has the role."`
	Role   string `yaml:"role" doc:"viewer, analyst, operator or admin."`
	Target string `yaml:"target" doc:"On this target only; on all without target and group."`
	Group  string `yaml:"group" doc:"On the targets of this group only."`
}

// Check says what is wrong with an issuer: which key, and what would be right.
func (i *Issuer) Check() (key, problem string) {
	switch {
	case !names.MatchString(i.Name):
		return "name", fmt.Sprintf("%q is no name; letters, digits and . _ - @", i.Name)
	case i.Issuer == "" || i.Issuer == issuer:
		return "issuer", fmt.Sprintf("%q cannot be; the URL that tokens say in iss", i.Issuer)
	case i.Audience == "":
		return "audience", "is missing; without it tokens for any other program would do"
	case (i.JWKSURL == "") == (i.JWKSFile == ""):
		return "jwks_url", "one of jwks_url and jwks_file is wanted"
	case i.JWKSURL != "" && !safeURL(i.JWKSURL):
		return "jwks_url", fmt.Sprintf("%q is not safe; an https URL, or plain HTTP on this machine", i.JWKSURL)
	}
	for _, r := range i.Roles {
		if !slices.Contains(Roles(), Role(r.Role)) {
			return "roles", fmt.Sprintf("%q is no role; one of %s", r.Role, roleNames())
		}
		if r.Target != "" && r.Group != "" {
			return "roles", "a role is on a target or on a group, not on both"
		}
		if r.Value != "" && r.Claim == "" {
			return "roles", "claim is missing; the claim that value is looked for in"
		}
	}
	return "", ""
}

func safeURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	here := u.Hostname() == "localhost" || err == nil && address.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && here
}

// issuing is an issuer with its keys.
type issuing struct {
	Issuer
	keys *keySet
}

func openIssuers(all []Issuer, log *slog.Logger) (map[string]*issuing, error) {
	byName := map[string]*issuing{}
	for _, i := range all {
		if key, problem := i.Check(); key != "" {
			return nil, llama.Errorf(llama.Invalid, "issuer %q: %s: %s", i.Name, key, problem)
		}
		if byName[i.Issuer] != nil {
			return nil, llama.Errorf(llama.Invalid, "issuer %q: there are two of %s", i.Name, i.Issuer)
		}
		keys, err := newKeySet(i, log)
		if err != nil {
			return nil, err
		}
		byName[i.Issuer] = &issuing{Issuer: i, keys: keys}
	}
	return byName, nil
}

// signatures are those that can be checked with a public key. HMAC is none: who
// knows the key to check with could sign.
var signatures = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// issuerSkew is how much an issuer's clock may differ from ours.
const issuerSkew = 30 * time.Second

// checkOutside returns who carries the token of another issuer.
func (a *Auth) checkOutside(ctx context.Context, i *issuing, token string) (*Identity, error) {
	said := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, said, func(t *jwt.Token) (any, error) { return i.keys.find(ctx, t) },
		jwt.WithValidMethods(signatures), jwt.WithIssuer(i.Issuer.Issuer), jwt.WithAudience(i.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(issuerSkew))
	if _, ok := errors.AsType[*llama.Error](err); ok && llama.CodeOf(err) == llama.Unavailable {
		return nil, err
	}
	if err != nil {
		return nil, &llama.Error{Code: llama.Unauthorized, Message: "the token of " + i.Name + " is refused: " + why(err), Err: err}
	}
	name, _ := said[cmp.Or(i.UserClaim, "sub")].(string)
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, llama.Errorf(llama.Unauthorized, "the token of %s has no name in %s", i.Name, cmp.Or(i.UserClaim, "sub"))
	}
	var granted []Grant
	for _, r := range i.Roles {
		if r.Value == "" || holds(said, r.Claim, r.Value) {
			granted = append(granted, Grant{Role: r.Role, Target: r.Target, Group: r.Group})
		}
	}
	if granted, err = a.options.Store.Resolve(ctx, granted); err != nil {
		return nil, err
	}
	who := &Identity{User: i.Name + ":" + name, Grants: granted}
	if end, err := said.GetExpirationTime(); err == nil && end != nil {
		who.Expires = end.Time
	}
	return who, nil
}

// why says in words what a token was refused for.
func why(err error) string {
	for _, w := range []struct {
		err  error
		text string
	}{
		{jwt.ErrTokenExpired, "it is over"}, {jwt.ErrTokenNotValidYet, "it is not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "it is issued in the future"}, {jwt.ErrTokenInvalidAudience, "it is for another audience"},
		{jwt.ErrTokenRequiredClaimMissing, "a claim is missing"}, {jwt.ErrTokenUnverifiable, "no key of the issuer is the one it names"},
	} {
		if errors.Is(err, w.err) {
			return w.text
		}
	}
	return "its signature is not the issuer's"
}

// holds reports whether a claim is value or a list with it.
func holds(said map[string]any, claim, value string) bool {
	var found any = said
	if whole, ok := said[claim]; ok { // names of claims may be URLs, dots and all
		found = whole
	} else {
		for part := range strings.SplitSeq(claim, ".") {
			object, ok := found.(map[string]any)
			if !ok {
				return false
			}
			found = object[part]
		}
	}
	switch v := found.(type) {
	case string:
		return v == value
	case bool:
		return fmt.Sprint(v) == value
	case []any:
		return slices.Contains(v, any(value))
	}
	return false
}

// issuedBy returns the issuer that token says it is of, nil when that is us or
// nobody we know. Nothing is proved by that.
func (a *Auth) issuedBy(token string) *issuing {
	if len(a.issuers) == 0 || len(token) > maxOutsideToken {
		return nil
	}
	var c jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &c); err != nil {
		return nil
	}
	return a.issuers[c.Issuer]
}

// maxOutsideToken bounds the tokens of others in bytes; they carry long lists of groups.
const maxOutsideToken = 32 << 10
