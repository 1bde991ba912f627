// Package auth knows users, sessions and roles, and who may do what.
//
// SignIn proves a password and opens a session, which is a row in the database;
// what the user carries is a short signed token that names it. Check proves the
// token on every request, and that its session still lives, so signing out and
// changing a password take effect at once. A session that is used is renewed
// until its greatest age. May says whether an identity's roles allow an act.
//
// The package also has the certificate authority central uses when nobody gave
// it a certificate. It serves no HTTP and writes no SQL.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/llama-logs/llama"
)

// Account is one user as the database keeps it; see Grant for why an alias.
type Account = struct {
	Name               string
	Password           string // its hash, as PHC text
	MustChangePassword bool
	Created            time.Time
	Grants             []Grant // those on groups are there for each of their targets, too
}

// Session is one sign-in as the database keeps it.
type Session = struct {
	ID      string
	User    string
	Address string // where the sign-in came from
	Created time.Time
	Expires time.Time
}

// Accounts is what the database keeps of users. Methods return a *llama.Error
// with code NotFound for what is not there.
type Accounts interface {
	Account(ctx context.Context, name string) (Account, error)
	// AddAccount adds an account; one of that name is a Conflict.
	AddAccount(ctx context.Context, a Account) error
	// HasAccounts reports whether there is any account at all.
	HasAccounts(ctx context.Context) (bool, error)
	// SetPassword changes a password that is still old, and ends all of the
	// user's sessions but the one called keep. When the password is another by
	// now it is a Conflict.
	SetPassword(ctx context.Context, name, old, new, keep string) error
	// ResetPassword gives a user a first password, which must be changed, and ends
	// all of their sessions.
	ResetPassword(ctx context.Context, name, hash string) error
	// SetGrants replaces what a user may do.
	SetGrants(ctx context.Context, name string, grants []Grant) error
	// RemoveAccount removes a user with their sessions. As SetGrants it is a
	// Conflict when nobody would be left who may manage users.
	RemoveAccount(ctx context.Context, name string) error
	// CheckGrants is Invalid when a grant names a target or group there is not.
	CheckGrants(ctx context.Context, grants []Grant) error
}

// Sessions is what the database keeps of sign-ins.
type Sessions interface {
	Session(ctx context.Context, id string) (Session, error)
	AddSession(ctx context.Context, s Session) error
	// MoveSession moves a session's end; it must not bring one back that was
	// ended meanwhile.
	MoveSession(ctx context.Context, id string, expires time.Time) error
	// EndSession removes a session; none of that id is not an error.
	EndSession(ctx context.Context, id string) error
}

// Store is the part of the database auth works on.
type Store interface {
	Accounts
	Sessions
	Tokens
}

// Options configure Auth.
type Options struct {
	Dir   string // holds session.key, and at first initial-admin-password
	Store Store
	Log   *slog.Logger

	PageIdle    time.Duration // a page's session ends when unused for this long: 1h
	ProgramIdle time.Duration // the same for a program: 12h
	MaxAge      time.Duration // no session gets older: 7 days
	// The fewest characters of a password: 12.
	MinPassword int
	Issuers     []Issuer // whose tokens are taken beside our own
}

func (o *Options) defaults() {
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	set(&o.PageIdle, time.Hour)
	set(&o.ProgramIdle, 12*time.Hour)
	set(&o.MaxAge, 7*24*time.Hour)
	if o.MinPassword == 0 {
		o.MinPassword = 12
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Auth signs users in and checks who they are. Its methods may be called by many
// at once.
type Auth struct {
	options  Options
	key      []byte
	throttle *throttle
	hasher   *hasher
	issuers  map[string]*issuing // by what their tokens say in iss
}

// Open reads the signing key from the data folder, or makes it. In a database
// without accounts it makes the user admin, with a random password in the file
// that InitialPasswordFile names.
func Open(ctx context.Context, o Options) (*Auth, error) {
	o.defaults()
	key, err := secretFile(filepath.Join(o.Dir, "session.key"), 32)
	if err != nil {
		return nil, fmt.Errorf("open session key: %w", err)
	}
	a := &Auth{options: o, key: key, throttle: newThrottle(), hasher: newHasher(defaultCost)}
	if a.issuers, err = openIssuers(o.Issuers, o.Log); err != nil {
		return nil, err
	}
	if err := a.firstStart(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// firstUser is the account made at the first start.
const firstUser = "admin"

// InitialPasswordFile is where the first password of admin lies until it is
// changed.
func InitialPasswordFile(dir string) string { return filepath.Join(dir, "initial-admin-password") }

func (a *Auth) firstStart(ctx context.Context) error {
	some, err := a.options.Store.HasAccounts(ctx)
	if err != nil {
		return fmt.Errorf("look for accounts: %w", err)
	}
	if some {
		return a.removeInitialPassword(ctx)
	}
	password := randomText(18)
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	// The file comes first: an account whose password nobody can read would
	// lock everybody out, a file without an account is replaced by the next start.
	file := InitialPasswordFile(a.options.Dir)
	if err := writeSecret(file, []byte(password+"\n")); err != nil {
		return fmt.Errorf("write first password: %w", err)
	}
	first := Account{
		Name: firstUser, Password: hash, MustChangePassword: true,
		Created: time.Now(), Grants: []Grant{{Role: string(Admin)}},
	}
	if err := a.options.Store.AddAccount(ctx, first); err != nil {
		return fmt.Errorf("add user %s: %w", firstUser, err)
	}
	a.options.Log.Info("made the first user", "user", firstUser, "file", file)
	return nil
}

// removeInitialPassword removes the file once its password is not in force any
// more. It also runs at a start, after one that ended between the two steps.
func (a *Auth) removeInitialPassword(ctx context.Context) error {
	account, err := a.options.Store.Account(ctx, firstUser)
	if err != nil && llama.CodeOf(err) != llama.NotFound {
		return fmt.Errorf("look up user %s: %w", firstUser, err)
	}
	if err == nil && account.MustChangePassword {
		return nil
	}
	if err := os.Remove(InitialPasswordFile(a.options.Dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove first password: %w", err)
	}
	return nil
}
