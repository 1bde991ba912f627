package auth

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// A Kind is what a session is for; it decides how long one may be left unused.
type Kind string

// The kinds of sessions.
const (
	Page    Kind = "page"
	Program Kind = "program"
)

// maxName bounds names of users before they are looked up or remembered.
const maxName = 128

// badCredentials says the same for a wrong name and a wrong password.
func badCredentials() error {
	return llama.Errorf(llama.Unauthorized, "the user or the password is wrong")
}

// SignIn opens a session and returns its token. A wrong name or password is
// Unauthorized; too many of them are a *ThrottledError. The address is the
// peer's, without port.
func (a *Auth) SignIn(ctx context.Context, user, password, address string, kind Kind) (*Identity, string, error) {
	if len(user) > maxName {
		return nil, "", badCredentials()
	}
	account, err := a.prove(ctx, user, password, address)
	if err != nil {
		return nil, "", err
	}
	now := time.Now()
	s := Session{ID: randomText(16), User: account.Name, Address: address, Created: now}
	s.Expires = a.end(s, kind, now)
	if err := a.options.Store.AddSession(ctx, s); err != nil {
		return nil, "", fmt.Errorf("open session of %s: %w", user, err)
	}
	token, err := a.sign(s, kind, now)
	return identity(account, s), token, err
}

// prove returns the account whose password it is.
func (a *Auth) prove(ctx context.Context, user, password, address string) (Account, error) {
	if err := a.throttle.begin(user, address); err != nil {
		return Account{}, err
	}
	account, err := a.options.Store.Account(ctx, user)
	if err != nil && llama.CodeOf(err) != llama.NotFound {
		return Account{}, fmt.Errorf("look up user: %w", err)
	}
	ok, err := a.hasher.matches(ctx, account.Password, password) // an unknown user has an empty hash
	if err != nil {
		return Account{}, fmt.Errorf("check password of %s: %w", user, err)
	}
	if !ok {
		return Account{}, badCredentials()
	}
	a.throttle.succeed(user, address)
	return account, nil
}

// Check returns who carries token, which may be a session's, a machine's, or one
// of another issuer that we know. When a session has been used up by half, it is
// renewed and Check returns a new token as well, which the carrier should keep
// instead. A token that is not ours, is over, or whose session was ended
// is Unauthorized.
func (a *Auth) Check(ctx context.Context, token string) (who *Identity, renewed string, err error) {
	if strings.HasPrefix(token, tokenPrefix) {
		who, err = a.checkMachine(ctx, token)
		return who, "", err
	}
	if i := a.issuedBy(token); i != nil {
		who, err = a.checkOutside(ctx, i, token)
		return who, "", err
	}
	claims, err := a.parse(token)
	if err != nil {
		return nil, "", err
	}
	s, err := a.options.Store.Session(ctx, claims.Session)
	if err != nil {
		return nil, "", orSignedOut(err)
	}
	now := time.Now()
	if s.User != claims.Subject || !now.Before(s.Expires) {
		return nil, "", errSignedOut()
	}
	account, err := a.options.Store.Account(ctx, s.User)
	if err != nil {
		return nil, "", orSignedOut(err)
	}
	renewed, err = a.renew(ctx, &s, claims, now)
	return identity(account, s), renewed, err
}

// renew moves the session's end, unless it was moved lately or cannot be moved.
func (a *Auth) renew(ctx context.Context, s *Session, c *claims, now time.Time) (string, error) {
	end := a.end(*s, c.Kind, now)
	if left := c.ExpiresAt.Sub(now); left > a.idle(c.Kind)/2 || end.Sub(c.ExpiresAt.Time) < time.Second {
		return "", nil
	}
	if err := a.options.Store.MoveSession(ctx, s.ID, end); err != nil {
		return "", orSignedOut(err)
	}
	s.Expires = end
	return a.sign(*s, c.Kind, now)
}

// StillSignedIn returns who with what they may do now, or an Unauthorized error once
// their session or token has ended. It is for connections that outlast the check at
// their beginning; they do not renew the session.
func (a *Auth) StillSignedIn(ctx context.Context, who *Identity) (*Identity, error) {
	switch {
	case who.Token != "":
		t, err := a.options.Store.Token(ctx, who.Token)
		if llama.CodeOf(err) == llama.NotFound || err == nil && !time.Now().Before(t.Expires) {
			return nil, badToken()
		} else if err != nil {
			return nil, fmt.Errorf("look up token: %w", err)
		}
		return machine(t), nil
	case who.Session == "": // of another issuer, who knows of no change before its end
		if !who.Expires.IsZero() && !time.Now().Before(who.Expires) {
			return nil, badToken()
		}
		return who, nil
	}
	s, err := a.options.Store.Session(ctx, who.Session)
	if err != nil {
		return nil, orSignedOut(err)
	}
	if !time.Now().Before(s.Expires) {
		return nil, errSignedOut()
	}
	account, err := a.options.Store.Account(ctx, s.User)
	if err != nil {
		return nil, orSignedOut(err)
	}
	return identity(account, s), nil
}

// SignOut ends who's session.
func (a *Auth) SignOut(ctx context.Context, who *Identity) error {
	if who.Session == "" {
		return errNoSession()
	}
	if err := a.options.Store.EndSession(ctx, who.Session); err != nil {
		return fmt.Errorf("end session of %s: %w", who.User, err)
	}
	return nil
}

// ChangePassword gives who a new password and ends their other sessions. A wrong
// old one counts as a failed sign-in.
func (a *Auth) ChangePassword(ctx context.Context, who *Identity, old, new, address string) error {
	if who.Session == "" {
		return errNoSession()
	}
	account, err := a.prove(ctx, who.User, old, address)
	if llama.CodeOf(err) == llama.Unauthorized {
		return llama.Errorf(llama.Invalid, "the old password is wrong")
	} else if err != nil {
		return err
	}
	if err := rules(who.User, old, new, a.options.MinPassword); err != nil {
		return err
	}
	hash, err := a.hasher.hash(ctx, new)
	if err != nil {
		return err
	}
	if err := a.options.Store.SetPassword(ctx, who.User, account.Password, hash, who.Session); err != nil {
		return fmt.Errorf("change password of %s: %w", who.User, err)
	}
	if who.User == firstUser {
		return a.removeInitialPassword(ctx)
	}
	return nil
}

func (a *Auth) idle(k Kind) time.Duration {
	if k == Page {
		return a.options.PageIdle
	}
	return a.options.ProgramIdle
}

// end is when s ends if it is used now for the last time.
func (a *Auth) end(s Session, k Kind, now time.Time) time.Time {
	end := now.Add(a.idle(k))
	if oldest := s.Created.Add(a.options.MaxAge); end.After(oldest) {
		return oldest
	}
	return end
}

func identity(a Account, s Session) *Identity {
	return &Identity{User: a.Name, Session: s.ID, Grants: a.Grants, MustChangePassword: a.MustChangePassword, Expires: s.Expires}
}

// errNoSession refuses what is about sign-ins to those who have none.
func errNoSession() error {
	return llama.Errorf(llama.Conflict, "there is no session: a token was sent that is not of a sign-in here")
}

func errSignedOut() error {
	return llama.Errorf(llama.Unauthorized, "the session has ended; sign in again")
}

func orSignedOut(err error) error {
	if llama.CodeOf(err) == llama.NotFound {
		return errSignedOut()
	}
	return fmt.Errorf("look up session: %w", err)
}
