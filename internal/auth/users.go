package auth

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// names are what users, groups and tokens may be called: what goes into a path, a
// log and HTTP Basic as it is. The colon is left out for Basic, and because it
// stands in the names of those whom another issuer vouches for.
var names = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,63}$`)

// CheckName refuses what is no name for a user, a group or a token; kind says which.
func CheckName(kind, name string) error {
	if !names.MatchString(name) {
		return llama.Errorf(llama.Invalid, "%.70q is no name for a %s; 1 to 64 letters, digits and . _ - @, a letter or digit first", name, kind)
	}
	return nil
}

// AddUser makes a user. Without a password it draws one, and returns it; in both
// cases it must be changed at the first sign-in.
func (a *Auth) AddUser(ctx context.Context, name, password string, grants []Grant) (first string, err error) {
	if err := CheckName("user", name); err != nil {
		return "", err
	}
	if err := a.checkGrants(ctx, grants); err != nil {
		return "", err
	}
	password, hash, err := a.firstPassword(ctx, name, password)
	if err != nil {
		return "", err
	}
	account := Account{Name: name, Password: hash, MustChangePassword: true, Created: time.Now(), Grants: grants}
	if err := a.options.Store.AddAccount(ctx, account); err != nil {
		return "", fmt.Errorf("add user %s: %w", name, err)
	}
	return password, nil
}

// ResetPassword gives a user another first password and ends their sessions.
func (a *Auth) ResetPassword(ctx context.Context, name, password string) (first string, err error) {
	password, hash, err := a.firstPassword(ctx, name, password)
	if err != nil {
		return "", err
	}
	if err := a.options.Store.ResetPassword(ctx, name, hash); err != nil {
		return "", fmt.Errorf("reset password of %s: %w", name, err)
	}
	return password, nil
}

// SetGrants replaces what a user may do; it holds from their next request on.
func (a *Auth) SetGrants(ctx context.Context, name string, grants []Grant) error {
	if err := a.checkGrants(ctx, grants); err != nil {
		return err
	}
	if err := a.options.Store.SetGrants(ctx, name, grants); err != nil {
		return fmt.Errorf("change what %s may do: %w", name, err)
	}
	return nil
}

// RemoveUser removes a user and ends their sessions.
func (a *Auth) RemoveUser(ctx context.Context, name string) error {
	if err := a.options.Store.RemoveAccount(ctx, name); err != nil {
		return fmt.Errorf("remove user %s: %w", name, err)
	}
	return nil
}

func (a *Auth) firstPassword(ctx context.Context, name, password string) (text, hash string, err error) {
	if password == "" {
		password = randomText(18)
	}
	if err := rules(name, "", password, a.options.MinPassword); err != nil {
		return "", "", err
	}
	hash, err = a.hasher.hash(ctx, password)
	return password, hash, err
}

// maxGrants bounds what one holder is granted.
const maxGrants = 1000

func (a *Auth) checkGrants(ctx context.Context, grants []Grant) error {
	if len(grants) > maxGrants {
		return llama.Errorf(llama.TooLarge, "%d grants are too many; at most %d, and a group stands for many targets", len(grants), maxGrants)
	}
	for _, g := range grants {
		if !slices.Contains(Roles(), Role(g.Role)) {
			return llama.Errorf(llama.Invalid, "%.40q is no role; one of %s", g.Role, roleNames())
		}
		if g.Target != "" && g.Group != "" {
			return llama.Errorf(llama.Invalid, "a grant is on a target or on a group, not on both")
		}
	}
	return a.options.Store.CheckGrants(ctx, grants)
}

func roleNames() string {
	var all []string
	for _, r := range Roles() {
		all = append(all, string(r))
	}
	return strings.Join(all, ", ")
}

// Given leaves out of grants what others of them come to.
func Given(grants []Grant) []Grant {
	return slices.DeleteFunc(slices.Clone(grants), func(g Grant) bool { return g.Target != "" && g.Group != "" })
}
