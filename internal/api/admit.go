package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
)

type contextKey int

const (
	identityKey contextKey = iota
	peerKey
	endingKey
	recordKey
)

// peer is what a handler may know of the connection.
type peer struct {
	address string // without port
	secure  bool   // TLS
}

func peerOf(ctx context.Context) peer {
	p, _ := ctx.Value(peerKey).(peer)
	return p
}

// identityOf returns who asks. Invariant: it is never nil behind a route that
// needs more than Anyone.
func identityOf(ctx context.Context) *auth.Identity {
	who, _ := ctx.Value(identityKey).(*auth.Identity)
	return who
}

// admit is the middleware of every route: it lets through who may call it and
// renews their token.
func (s *Server) admit(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	ctx = huma.WithValue(ctx, peerKey, peer{address: address, secure: r.TLS != nil})
	w.Header().Set("Cache-Control", "no-store")
	entry := s.newRecord(ctx, address)
	ctx = huma.WithValue(ctx, recordKey, entry)
	permission, _ := ctx.Operation().Metadata[permissionKey].(auth.Permission)
	if permission == auth.Anyone {
		if err := plain(r); err != nil {
			writeProblem(w, s.problem(r.Context(), err))
			return
		}
		next(ctx)
		return
	}
	who, err := s.identify(ctx.Context(), w, r)
	if err == nil && !who.MayAnywhere(permission) {
		err = refusal(who, permission, "")
	}
	if err == nil {
		err = plain(r)
	}
	if err != nil {
		known := ctx.Context()
		if who != nil {
			known = context.WithValue(known, identityKey, who)
		}
		if asksWho := errors.Is(err, errNobody) && ctx.Operation().OperationID == sessionID; !asksWho {
			if unrecorded := entry.finish(known, err); unrecorded != nil {
				err = unrecorded
			}
		}
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	next(huma.WithValue(ctx, identityKey, who))
}

// plain refuses zero bytes and what is no UTF-8 in the address, and zero bytes in
// JSON: no name has them, and not every database can be asked for them.
func plain(r *http.Request) error {
	query, err := url.QueryUnescape(r.URL.RawQuery)
	if at := r.URL.Path + query; err != nil || !utf8.ValidString(at) || strings.ContainsRune(at, 0) {
		return llama.Errorf(llama.Invalid, "the address has bytes that are no text")
	}
	if r.Body == nil || safe(r.Method) {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return llama.Errorf(llama.Invalid, "the body cannot be read: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body)) // the server closes the other
	if hasZero(body) {
		return llama.Errorf(llama.Invalid, "the body has the character \\u0000, which is no text")
	}
	return nil
}

// hasZero reports whether a string of JSON has a zero byte, which is written \u0000; behind
// an odd number of backslashes that is text.
func hasZero(json []byte) bool {
	const zero = `\u0000`
	for {
		at := bytes.Index(json, []byte(zero))
		if at < 0 {
			return false
		}
		if before := len(json[:at]) - len(bytes.TrimRight(json[:at], `\`)); before%2 == 0 {
			return true
		}
		json = json[at+len(zero):]
	}
}

// errNobody is that a request has nothing that says who asks. A page does so to learn
// whether somebody is signed in, and nothing was tried then that a record would tell of.
var errNobody error = llama.Errorf(llama.Unauthorized, "sign in first")

// identify finds out who asks: a program by its header, a page by its cookie.
// Browsers are never asked for Basic, so none sends it by itself.
func (s *Server) identify(ctx context.Context, w http.ResponseWriter, r *http.Request) (*auth.Identity, error) {
	if name, password, ok := r.BasicAuth(); ok {
		return s.Users.CheckBasic(ctx, name, password)
	}
	token, byHeader := bearer(r)
	if !byHeader {
		c, err := r.Cookie(cookieName)
		if err != nil {
			return nil, errNobody
		}
		if !safe(r.Method) && !fromPage(r) {
			return nil, llama.Errorf(llama.Forbidden, "a request with a cookie must come from the page: its Origin is missing")
		}
		token = c.Value
	}
	who, renewed, err := s.Users.Check(ctx, token)
	if err != nil || renewed == "" {
		return who, err
	}
	if byHeader {
		w.Header().Set(tokenHeader, renewed)
	} else {
		c := cookie(ctx, renewed, who.Expires)
		http.SetCookie(w, &c)
	}
	return who, nil
}

// program reports whether a request brings what only programs send, so that no
// other site's page can have made a browser send it.
func program(r *http.Request) bool {
	_, _, basic := r.BasicAuth()
	_, byHeader := bearer(r)
	return basic || byHeader
}

func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// everywhere is where a refusal holds that a grant on single targets does not help against.
const everywhere = " on all targets"

// refusal says why who may not do p, and what it takes; where is "", or begins with " on".
func refusal(who *auth.Identity, p auth.Permission, where string) error {
	switch {
	case who.MustChangePassword:
		return llama.Errorf(llama.Forbidden, "change your password first")
	case len(who.Scopes) > 0 && !slices.Contains(who.Scopes, p):
		return llama.Errorf(llama.Forbidden, "the token is narrowed down to less: this takes the scope %s", p)
	case p.Global():
		where = everywhere
	}
	return llama.Errorf(llama.Forbidden, "your roles do not allow this: it takes %s%s", auth.Least(p), where)
}

// may asks for a permission on each of targets.
func may(ctx context.Context, p auth.Permission, targets []string) error {
	who := identityOf(ctx)
	for _, t := range targets {
		if !who.May(p, t) {
			return refusal(who, p, fmt.Sprintf(" on target %q", t))
		}
	}
	return nil
}

// mayAll is may as a question, for lists that leave out what one may not see.
func mayAll(ctx context.Context, p auth.Permission, targets []string) bool {
	who := identityOf(ctx)
	return !slices.ContainsFunc(targets, func(t string) bool { return !who.May(p, t) })
}
