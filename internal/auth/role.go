package auth

import (
	"slices"
	"time"
)

// A Permission is one kind of act. The API names one beside each of its paths.
type Permission string

// The permissions. The first two ask for no role.
const (
	Anyone   Permission = "anyone"    // no account is needed
	SignedIn Permission = "signed-in" // any account, even before its first password is changed

	ReadTargets   Permission = "read-targets"   // targets, nodes, collections, statistics
	ReadQueries   Permission = "read-queries"   // queries that were asked, and their rows
	SubmitQueries Permission = "submit-queries" // ask, and cancel what one asked
	TailEvents    Permission = "tail-events"    // follow events as they arrive
	CancelQueries Permission = "cancel-queries" // cancel what others asked
)

// A Role is a named set of permissions.
type Role string

// The roles, each holding all that those before it hold.
const (
	Viewer   Role = "viewer"
	Analyst  Role = "analyst"
	Operator Role = "operator"
	Admin    Role = "admin"
)

// Roles returns all roles, weakest first.
func Roles() []Role { return []Role{Viewer, Analyst, Operator, Admin} }

// Permissions returns what r may do. An unknown role may do nothing.
func (r Role) Permissions() []Permission {
	switch r {
	case Viewer:
		return []Permission{ReadTargets, ReadQueries}
	case Analyst:
		return append(Viewer.Permissions(), SubmitQueries, TailEvents)
	case Operator:
		return append(Analyst.Permissions(), CancelQueries)
	case Admin:
		return Operator.Permissions()
	}
	return nil
}

// A Grant gives a role, on one target or, when Target is empty, on all. It is an
// alias of a plain struct, as Account and Session are, so that the database's
// package can have the same type without either importing the other.
type Grant = struct {
	Role   string
	Target string
}

// An Identity is who asks: an account with a live session.
type Identity struct {
	User               string
	Session            string
	Grants             []Grant
	MustChangePassword bool
	Expires            time.Time // when the session ends if nothing renews it
}

// Roles returns the roles granted on all targets, each once.
func (i *Identity) Roles() []string {
	roles := []string{}
	for _, g := range i.Grants {
		if g.Target == "" && !slices.Contains(roles, g.Role) {
			roles = append(roles, g.Role)
		}
	}
	return roles
}

// May reports whether i may do p on target. An empty target stands for all of
// them: it asks for a grant that is not bound to one.
//
// Invariant: an account that must change its password may do nothing but what
// SignedIn covers.
func (i *Identity) May(p Permission, target string) bool {
	return i.allows(p, func(g Grant) bool { return g.Target == "" || g.Target == target && target != "" })
}

// MayAnywhere reports whether i may do p on one target at least.
func (i *Identity) MayAnywhere(p Permission) bool {
	return i.allows(p, func(Grant) bool { return true })
}

func (i *Identity) allows(p Permission, covers func(Grant) bool) bool {
	switch {
	case p == Anyone || p == SignedIn:
		return true
	case i.MustChangePassword:
		return false
	}
	return slices.ContainsFunc(i.Grants, func(g Grant) bool {
		return covers(g) && slices.Contains(Role(g.Role).Permissions(), p)
	})
}
