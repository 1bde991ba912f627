package api

import (
	"context"
	"net/http"
	"time"

	"github.com/llama-logs/llama/internal/auth"
)

// cookieName is the page's cookie, tokenHeader where a program finds a newer
// token.
const (
	cookieName  = "llama_session"
	tokenHeader = "Llama-Token"
)

type signInRequest struct {
	Site   string `header:"Sec-Fetch-Site" hidden:"true"`
	Origin string `header:"Origin" hidden:"true"`
	Body   Credentials
}

type signInResponse struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      SignedInSession
}

// signIn answers POST /session. A browser gets its token in a cookie only, so
// that no script can read it.
func (s *Server) signIn(ctx context.Context, in *signInRequest) (*signInResponse, error) {
	kind := auth.Program
	if in.Site != "" || in.Origin != "" { // browsers say where a request comes from
		kind = auth.Page
	}
	noteUser(ctx, in.Body.User)
	who, token, err := s.Users.SignIn(ctx, in.Body.User, in.Body.Password, peerOf(ctx).address, kind)
	s.metrics.signIn(err)
	if err != nil {
		return nil, err
	}
	out := &signInResponse{SetCookie: cookie(ctx, token, who.Expires), Body: SignedInSession{Session: sessionOf(who)}}
	if kind == auth.Program {
		out.Body.Token = token
	}
	return out, nil
}

type sessionResponse struct{ Body Session }

// session answers GET /session.
func (s *Server) session(ctx context.Context, _ *struct{}) (*sessionResponse, error) {
	return &sessionResponse{Body: sessionOf(identityOf(ctx))}, nil
}

type cookieResponse struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

// signOut answers DELETE /session.
func (s *Server) signOut(ctx context.Context, _ *struct{}) (*cookieResponse, error) {
	if err := s.Users.SignOut(ctx, identityOf(ctx)); err != nil {
		return nil, err
	}
	return &cookieResponse{SetCookie: cookie(ctx, "", time.Unix(0, 0))}, nil
}

type passwordRequest struct{ Body PasswordChange }

// changePassword answers POST /session/password. The session asking lives on,
// the user's others end.
func (s *Server) changePassword(ctx context.Context, in *passwordRequest) (*struct{}, error) {
	return nil, s.Users.ChangePassword(ctx, identityOf(ctx), in.Body.Old, in.Body.New, peerOf(ctx).address)
}

func sessionOf(who *auth.Identity) Session {
	return Session{User: who.User, Roles: who.Roles(), Grants: wireGrants(who.Grants), MustChangePassword: who.MustChangePassword, Expires: who.Expires.UTC()}
}

// cookie makes the page's cookie; one that has expired removes it.
func cookie(ctx context.Context, token string, expires time.Time) http.Cookie {
	return http.Cookie{
		Name: cookieName, Value: token, Path: "/", Expires: expires,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: peerOf(ctx).secure,
	}
}
