package api

import (
	"context"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
)

// MachineToken is a token of a machine, without its text.
type MachineToken struct {
	Name     string    `json:"name" example:"reports" doc:"The token's name."`
	Owner    string    `json:"owner" example:"admin" doc:"Who made it."`
	Grants   []Grant   `json:"grants" nullable:"false" doc:"What it may do."`
	Scopes   []string  `json:"scopes,omitempty" nullable:"false" doc:"The permissions it is narrowed down to; absent when its roles alone say what it may."`
	Created  time.Time `json:"created" doc:"When it was made."`
	Expires  time.Time `json:"expires" doc:"When it is over."`
	LastUsed time.Time `json:"last_used,omitzero" doc:"When it was last used, to the minute; absent when never."`
}

// NewMachineToken makes a token.
type NewMachineToken struct {
	Name    string   `json:"name" minLength:"1" maxLength:"64" example:"reports" doc:"1 to 64 letters, digits and . _ - @; unique."`
	Grants  []Grant  `json:"grants" nullable:"false" minItems:"1" maxItems:"1000" doc:"What it may do."`
	Scopes  []string `json:"scopes,omitempty" nullable:"false" maxItems:"32" example:"[\"submit-queries\",\"read-queries\"]" doc:"Permissions to narrow it down to: of what its roles allow, it may do only these."`
	Expires string   `json:"expires,omitempty" maxLength:"64" example:"+90d" doc:"When it is over: RFC 3339, a date, or from now, as +90d. Two years at most; 90 days when absent."`
}

// MadeToken is a token that was made.
type MadeToken struct {
	Name    string    `json:"name" example:"reports" doc:"Its name, which is also the user's name for HTTP Basic."`
	Token   string    `json:"token" format:"password" doc:"The token, for Authorization: Bearer, or as the password of HTTP Basic. It is not shown again."`
	Expires time.Time `json:"expires" doc:"When it is over."`
}

func (s *Server) tokenRoutes() {
	handle(s, auth.ManageUsers, get("/tokens", "tokens", "Tokens of machines", "users"), s.tokens)
	handle(s, auth.ManageUsers, created(post("/tokens", "add-token", "Make a token for a machine", "users")), s.addToken)
	handle(s, auth.ManageUsers, remove("/tokens/{name}", "remove-token", "End a token", "users"), s.removeToken)
}

type tokenList struct {
	Tokens []MachineToken `json:"tokens" nullable:"false" doc:"The tokens, by name."`
	Next   string         `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

type tokensResponse struct{ Body tokenList }

func (s *Server) tokens(ctx context.Context, in *listing) (*tokensResponse, error) {
	all, err := s.Directory.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	name := func(t auth.MachineToken) string { return t.Name }
	some, next := pageOf(*in, all, name, name)
	out := &tokensResponse{Body: tokenList{Tokens: []MachineToken{}, Next: next}}
	for _, t := range some {
		out.Body.Tokens = append(out.Body.Tokens, MachineToken{
			Name: t.Name, Owner: t.Owner, Grants: wireGrants(auth.Given(t.Grants)), Scopes: t.Scopes,
			Created: t.Created, Expires: t.Expires, LastUsed: t.LastUsed,
		})
	}
	return out, nil
}

type newTokenRequest struct{ Body NewMachineToken }

type madeTokenResponse struct{ Body MadeToken }

// tokenAge is how long a token lives that nobody said more about.
const tokenAge = 90 * 24 * time.Hour

// addToken answers POST /tokens. Machines make no tokens: one that leaked could
// outlive itself.
func (s *Server) addToken(ctx context.Context, in *newTokenRequest) (*madeTokenResponse, error) {
	who := identityOf(ctx)
	if who.Token != "" {
		return nil, llama.Errorf(llama.Forbidden, "a machine's token makes no tokens; sign in")
	}
	now := time.Now()
	expires, err := readTime("expires", in.Body.Expires, now)
	if err != nil {
		return nil, err
	}
	if expires.IsZero() {
		expires = now.Add(tokenAge)
	}
	text, err := s.Users.AddToken(ctx, auth.MachineToken{
		Name: in.Body.Name, Owner: who.User, Grants: grantsOf(in.Body.Grants), Scopes: in.Body.Scopes, Expires: expires,
	})
	if err != nil {
		return nil, err
	}
	return &madeTokenResponse{Body: MadeToken{Name: in.Body.Name, Token: text, Expires: expires.UTC()}}, nil
}

type tokenRef struct {
	Name string `path:"name" maxLength:"128" doc:"The token's name."`
}

func (s *Server) removeToken(ctx context.Context, in *tokenRef) (*struct{}, error) {
	return nil, s.Users.RemoveToken(ctx, in.Name)
}
