package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// MachineToken is what the database keeps of a machine's token; see Grant for why
// an alias.
type MachineToken = struct {
	ID       string
	Name     string
	Hash     []byte // of its secret
	Owner    string // who made it
	Grants   []Grant
	Scopes   []string // permissions; none for those of the roles
	Created  time.Time
	Expires  time.Time
	LastUsed time.Time // zero for never
}

// Tokens is what the database keeps of machines' tokens. Methods return a
// *llama.Error with code NotFound for what is not there.
type Tokens interface {
	Token(ctx context.Context, id string) (MachineToken, error)
	TokenNamed(ctx context.Context, name string) (MachineToken, error)
	AddToken(ctx context.Context, t MachineToken) error
	UseToken(ctx context.Context, id string, at time.Time) error
	RemoveToken(ctx context.Context, name string) error
	// Resolve adds to grants on groups those on each of their targets.
	Resolve(ctx context.Context, grants []Grant) ([]Grant, error)
}

// A machine's token is tokenPrefix, its id, _ and its secret. The prefix tells it
// from a session's, and lets those who look for secrets in the wrong places find it.
const tokenPrefix = "llama_"

// machinePrefix stands before a token's name where a user's would stand; no
// user's name has a colon.
const machinePrefix = "token:"

// MaxTokenAge is the longest that a machine's token can live.
const MaxTokenAge = 2 * 366 * 24 * time.Hour

// usedEvery is how often the database learns that a token is used.
const usedEvery = time.Minute

// AddToken makes a token for a machine and returns its text, which is kept
// nowhere: the database has a hash. Of t it reads name, owner, grants, scopes and
// when it expires.
func (a *Auth) AddToken(ctx context.Context, t MachineToken) (text string, err error) {
	if err := CheckName("token", t.Name); err != nil {
		return "", err
	}
	if err := a.checkGrants(ctx, t.Grants); err != nil {
		return "", err
	}
	for _, scope := range t.Scopes {
		if !Permission(scope).Valid() {
			return "", llama.Errorf(llama.Invalid, "%.40q is no permission a token can have; e.g. %s, %s", scope, SubmitQueries, ReadQueries)
		}
	}
	now := time.Now()
	switch left := t.Expires.Sub(now); {
	case left <= 0:
		return "", llama.Errorf(llama.Invalid, "the token would be over already, at %s", t.Expires.UTC().Format(time.RFC3339))
	case left > MaxTokenAge:
		return "", llama.Errorf(llama.Invalid, "a token lives for two years at most; %s is later", t.Expires.UTC().Format(time.RFC3339))
	}
	secret := randomText(32)
	sum := sha256.Sum256([]byte(secret))
	// The id must hold no _, which ends it.
	t.ID, t.Hash, t.Created = strings.NewReplacer("_", "x", "-", "y").Replace(randomText(12)), sum[:], now
	if err := a.options.Store.AddToken(ctx, t); err != nil {
		return "", fmt.Errorf("add token %s: %w", t.Name, err)
	}
	return tokenPrefix + t.ID + "_" + secret, nil
}

// RemoveToken ends a machine's token.
func (a *Auth) RemoveToken(ctx context.Context, name string) error {
	if err := a.options.Store.RemoveToken(ctx, name); err != nil {
		return fmt.Errorf("remove token %s: %w", name, err)
	}
	return nil
}

func badToken() error {
	return llama.Errorf(llama.Unauthorized, "the token is over or not one of ours")
}

// CheckBasic returns the machine that carries a token as the password of HTTP
// Basic, under the token's name. The passwords of people are refused there: it
// would be asked for them at every request.
func (a *Auth) CheckBasic(ctx context.Context, name, token string) (*Identity, error) {
	if !strings.HasPrefix(token, tokenPrefix) {
		return nil, llama.Errorf(llama.Unauthorized, "HTTP Basic is for machines: the name of a token, and the token as the password")
	}
	who, err := a.checkMachine(ctx, token)
	if err == nil && subtle.ConstantTimeCompare([]byte(who.User), []byte(machinePrefix+name)) != 1 {
		return nil, badToken()
	}
	return who, err
}

// checkMachine returns the machine that carries token.
func (a *Auth) checkMachine(ctx context.Context, token string) (*Identity, error) {
	id, secret, ok := strings.Cut(strings.TrimPrefix(token, tokenPrefix), "_")
	if !ok || len(token) > maxToken {
		return nil, badToken()
	}
	t, err := a.options.Store.Token(ctx, id)
	if err != nil && llama.CodeOf(err) != llama.NotFound {
		return nil, fmt.Errorf("look up token: %w", err)
	}
	sum := sha256.Sum256([]byte(secret)) // one that is not there has an empty hash, which equals none
	now := time.Now()
	if subtle.ConstantTimeCompare(sum[:], t.Hash) != 1 || !now.Before(t.Expires) {
		return nil, badToken()
	}
	if now.Sub(t.LastUsed) > usedEvery {
		if err := a.options.Store.UseToken(ctx, id, now); err != nil {
			return nil, err
		}
	}
	return machine(t), nil
}

func machine(t MachineToken) *Identity {
	who := &Identity{User: machinePrefix + t.Name, Token: t.ID, Grants: t.Grants, Expires: t.Expires}
	for _, scope := range t.Scopes {
		who.Scopes = append(who.Scopes, Permission(scope))
	}
	return who
}

// Known returns what a user or a machine may do now, by the name that they have as
// an Identity, for what is done in their name while they are not there. It is
// Forbidden for those that only another issuer knows, or nobody any more.
func (a *Auth) Known(ctx context.Context, user string) (*Identity, error) {
	unknown := llama.Errorf(llama.Forbidden, "%q is not known here any more", user)
	if name, ok := strings.CutPrefix(user, machinePrefix); ok {
		t, err := a.options.Store.TokenNamed(ctx, name)
		if llama.CodeOf(err) == llama.NotFound || err == nil && !time.Now().Before(t.Expires) {
			return nil, unknown
		}
		return machine(t), err
	}
	if issuer, _, ok := strings.Cut(user, ":"); ok {
		return nil, llama.Errorf(llama.Forbidden, "central cannot ask in the name of %q: only %s knows what they may do; a user of central's own or a machine's token can", user, issuer)
	}
	account, err := a.options.Store.Account(ctx, user)
	if llama.CodeOf(err) == llama.NotFound {
		return nil, unknown
	} else if err != nil {
		return nil, err
	}
	return identity(account, Session{}), nil
}
