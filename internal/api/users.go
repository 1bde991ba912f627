package api

import (
	"context"
	"time"

	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/store"
)

// Directory knows the users and the groups of targets. What it changes of users
// goes through Options.Users.
type Directory interface {
	Accounts(ctx context.Context) ([]store.Account, error)
	Account(ctx context.Context, name string) (store.Account, error)
	Groups(ctx context.Context) ([]store.Group, error)
	PutGroup(ctx context.Context, g store.Group) error
	RemoveGroup(ctx context.Context, name string) error
	Tokens(ctx context.Context) ([]store.MachineToken, error)
}

// Grant says what somebody may do, and where.
type Grant struct {
	Role   string `json:"role" enum:"viewer,analyst,operator,admin" example:"analyst" doc:"The role; each may do all that those before it may."`
	Target string `json:"target,omitempty" maxLength:"200" example:"local" doc:"On this target only; on all when target and group are absent."`
	Group  string `json:"group,omitempty" maxLength:"64" example:"branches" doc:"On the targets of this group only."`
}

// User is one account.
type User struct {
	Name               string    `json:"name" example:"ana" doc:"The name to sign in with."`
	Grants             []Grant   `json:"grants" nullable:"false" doc:"What the user may do."`
	Created            time.Time `json:"created" doc:"When the account was made."`
	MustChangePassword bool      `json:"must_change_password" doc:"True until the first password is changed."`
}

// NewUser makes an account.
type NewUser struct {
	Name     string  `json:"name" minLength:"1" maxLength:"64" example:"ana" doc:"1 to 64 letters, digits and . _ - @."`
	Grants   []Grant `json:"grants,omitempty" nullable:"false" maxItems:"1000" doc:"What the user may do; nothing when absent."`
	Password string  `json:"password,omitempty" maxLength:"1024" format:"password" doc:"The first password; one is drawn when absent. It must be changed at the first sign-in."`
}

// UserChange changes an account.
type UserChange struct {
	Grants []Grant `json:"grants" nullable:"false" maxItems:"1000" doc:"What the user may do from now on, instead of what they might."`
}

// FirstPassword is a password that must be changed.
type FirstPassword struct {
	User     string `json:"user" example:"ana" doc:"Whose it is."`
	Password string `json:"password" format:"password" doc:"The password to sign in with for the first time. It is not shown again."`
}

// NewPassword replaces somebody's password.
type NewPassword struct {
	Password string `json:"password,omitempty" maxLength:"1024" format:"password" doc:"The first password; one is drawn when absent."`
}

// userRoutes registers the routes of users.
func (s *Server) userRoutes() {
	handle(s, auth.ManageUsers, get("/users", "users", "Users and what they may do", "users"), s.users)
	handle(s, auth.ManageUsers, created(post("/users", "add-user", "Add a user", "users")), s.addUser)
	handle(s, auth.ManageUsers, get("/users/{name}", "user", "A user", "users"), s.user)
	handle(s, auth.ManageUsers, patch("/users/{name}", "change-user", "Change what a user may do", "users"), s.changeUser)
	handle(s, auth.ManageUsers, post("/users/{name}/password", "reset-password", "Give a user another first password", "users"), s.resetPassword)
	handle(s, auth.ManageUsers, remove("/users/{name}", "remove-user", "Remove a user", "users"), s.removeUser)
}

type userList struct {
	Users []User `json:"users" nullable:"false" doc:"The users, by name."`
	Next  string `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

type usersResponse struct{ Body userList }

func (s *Server) users(ctx context.Context, in *listing) (*usersResponse, error) {
	all, err := s.Directory.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	name := func(a store.Account) string { return a.Name }
	some, next := pageOf(*in, all, name, name)
	out := &usersResponse{Body: userList{Users: []User{}, Next: next}}
	for _, a := range some {
		out.Body.Users = append(out.Body.Users, userOf(a))
	}
	return out, nil
}

type userRef struct {
	Name string `path:"name" maxLength:"128" doc:"The user's name."`
}

type userResponse struct{ Body User }

func (s *Server) user(ctx context.Context, in *userRef) (*userResponse, error) {
	a, err := s.Directory.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &userResponse{Body: userOf(a)}, nil
}

type newUserRequest struct{ Body NewUser }

type firstPasswordResponse struct{ Body FirstPassword }

func (s *Server) addUser(ctx context.Context, in *newUserRequest) (*firstPasswordResponse, error) {
	password, err := s.Users.AddUser(ctx, in.Body.Name, in.Body.Password, grantsOf(in.Body.Grants))
	if err != nil {
		return nil, err
	}
	return &firstPasswordResponse{Body: FirstPassword{User: in.Body.Name, Password: password}}, nil
}

type changeUserRequest struct {
	Name string `path:"name" maxLength:"128" doc:"The user's name."`
	Body UserChange
}

// changeUser answers PATCH /users/{name}. What is granted holds from the user's
// next request on.
func (s *Server) changeUser(ctx context.Context, in *changeUserRequest) (*userResponse, error) {
	if err := s.Users.SetGrants(ctx, in.Name, grantsOf(in.Body.Grants)); err != nil {
		return nil, err
	}
	return s.user(ctx, &userRef{in.Name})
}

type resetPasswordRequest struct {
	Name string `path:"name" maxLength:"128" doc:"The user's name."`
	Body NewPassword
}

func (s *Server) resetPassword(ctx context.Context, in *resetPasswordRequest) (*firstPasswordResponse, error) {
	password, err := s.Users.ResetPassword(ctx, in.Name, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return &firstPasswordResponse{Body: FirstPassword{User: in.Name, Password: password}}, nil
}

func (s *Server) removeUser(ctx context.Context, in *userRef) (*struct{}, error) {
	return nil, s.Users.RemoveUser(ctx, in.Name)
}

func userOf(a store.Account) User {
	return User{Name: a.Name, Created: a.Created, MustChangePassword: a.MustChangePassword, Grants: wireGrants(auth.Given(a.Grants))}
}

func wireGrants(grants []auth.Grant) []Grant {
	out := []Grant{}
	for _, g := range grants {
		out = append(out, Grant(g))
	}
	return out
}

func grantsOf(grants []Grant) []auth.Grant {
	var out []auth.Grant
	for _, g := range grants {
		out = append(out, auth.Grant(g))
	}
	return out
}
