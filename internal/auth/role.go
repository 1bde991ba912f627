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
	ReadSchedules Permission = "read-schedules" // schedules, their history, saved queries
	SubmitQueries Permission = "submit-queries" // ask, and cancel what one asked
	TailEvents    Permission = "tail-events"    // follow events as they arrive
	SaveQueries   Permission = "save-queries"   // save queries and plan them; change one's own
	CancelQueries Permission = "cancel-queries" // cancel what others asked

	ManageSchedules   Permission = "manage-schedules"   // change what others saved and planned
	ManageCollections Permission = "manage-collections" // make collections, say how long they are kept
	CommandNodes      Permission = "command-nodes"      // tell nodes what to do

	ManageTargets Permission = "manage-targets" // enrol and revoke nodes, group targets
	ManageUsers   Permission = "manage-users"   // users, what they may do, and machine tokens
	ReadAudit     Permission = "read-audit"     // what everybody did
)

// Global reports whether p is about more than single targets, so that only a
// grant on all of them gives it: who could make users on one target could make
// one for all.
func (p Permission) Global() bool {
	return p == ManageTargets || p == ManageUsers || p == ReadAudit
}

// Valid reports whether p is one that a role gives.
func (p Permission) Valid() bool { return slices.Contains(Admin.Permissions(), p) }

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
		return []Permission{ReadTargets, ReadQueries, ReadSchedules}
	case Analyst:
		return append(Viewer.Permissions(), SubmitQueries, TailEvents, SaveQueries)
	case Operator:
		return append(Analyst.Permissions(), CancelQueries, ManageSchedules, ManageCollections, CommandNodes)
	case Admin:
		return append(Operator.Permissions(), ManageTargets, ManageUsers, ReadAudit)
	}
	return nil
}

// Least returns the weakest role that has p, or none.
func Least(p Permission) Role {
	for _, r := range Roles() {
		if slices.Contains(r.Permissions(), p) {
			return r
		}
	}
	return ""
}

// A Grant gives a role on one target, on those of a group, or, when both are
// empty, on all. One with both is what a grant on a group comes to for one of its
// targets. It is an alias of a plain struct, as Account and Session are, so that
// the database's package can have the same type without either importing the
// other.
type Grant = struct {
	Role   string
	Target string
	Group  string
}

// everywhere reports whether g is on all targets.
func everywhere(g Grant) bool { return g.Target == "" && g.Group == "" }

// An Identity is who asks: an account with a live session, or a machine's token.
type Identity struct {
	User               string
	Session            string // empty without one
	Token              string // the id of a machine's token; empty for people
	Grants             []Grant
	Scopes             []Permission // when there are any, all others are refused
	MustChangePassword bool
	Expires            time.Time // when the session ends if nothing renews it; zero for never
}

// Roles returns the roles granted on all targets, each once.
func (i *Identity) Roles() []string {
	roles := []string{}
	for _, g := range i.Grants {
		if everywhere(g) && !slices.Contains(roles, g.Role) {
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
	return i.allows(p, func(g Grant) bool { return everywhere(g) || g.Target == target && target != "" })
}

// MayAnywhere reports whether i may do p on one target at least, or on all when p
// is Global.
func (i *Identity) MayAnywhere(p Permission) bool {
	return i.allows(p, func(g Grant) bool { return everywhere(g) || g.Target != "" })
}

func (i *Identity) allows(p Permission, covers func(Grant) bool) bool {
	switch {
	case p == Anyone || p == SignedIn:
		return true
	case i.MustChangePassword:
		return false
	case len(i.Scopes) > 0 && !slices.Contains(i.Scopes, p):
		return false
	case p.Global():
		covers = everywhere
	}
	return slices.ContainsFunc(i.Grants, func(g Grant) bool {
		return covers(g) && slices.Contains(Role(g.Role).Permissions(), p)
	})
}
