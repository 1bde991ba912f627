package client

import (
	"context"
	"net/http"
	"time"
)

// Session says who is signed in.
type Session struct {
	User               string    `json:"user"`
	Grants             []Grant   `json:"grants"`
	MustChangePassword bool      `json:"must_change_password"`
	Expires            time.Time `json:"expires"`
	Token              string    `json:"token"` // after SignIn only
}

// Grant is what somebody may do: on a target, on those of a group, or on all. One
// with both is what a grant on a group comes to for one of its targets.
type Grant struct {
	Role   string `json:"role"`
	Target string `json:"target,omitempty"`
	Group  string `json:"group,omitempty"`
}

// SignIn signs in; the client uses the token from then on.
func (c *Client) SignIn(ctx context.Context, user, password string) (Session, error) {
	var s Session
	in := map[string]string{"user": user, "password": password}
	if err := c.call(ctx, http.MethodPost, "/session", in, &s); err != nil {
		return Session{}, err
	}
	c.renew(s.Token)
	return s, nil
}

// Session returns who is signed in.
func (c *Client) Session(ctx context.Context) (Session, error) {
	var s Session
	err := c.call(ctx, http.MethodGet, "/session", nil, &s)
	return s, err
}

// SignOut ends the session.
func (c *Client) SignOut(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "/session", nil, nil)
}

// ChangePassword changes the password of who is signed in.
func (c *Client) ChangePassword(ctx context.Context, old, new string) error {
	return c.call(ctx, http.MethodPost, "/session/password", map[string]string{"old": old, "new": new}, nil)
}
