package auth

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/llama-logs/llama"
)

// What our tokens say of themselves; any other is refused.
const (
	issuer   = "llama"
	audience = "llama-api"
	maxToken = 4 << 10 // bytes looked at
)

// claims is what a token says. It gives no rights: they are looked up at every
// use.
type claims struct {
	jwt.RegisteredClaims
	Session string `json:"sid"`
	Kind    Kind   `json:"kind"`
}

// sign makes a token for s that ends when s does.
func (a *Auth) sign(s Session, kind Kind, now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: s.User, ID: randomText(12),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(s.Expires),
		},
		Session: s.ID, Kind: kind,
	})
	text, err := token.SignedString(a.key)
	if err != nil {
		return "", fmt.Errorf("sign token of %s: %w", s.User, err)
	}
	return text, nil
}

// parse proves that token was made by sign and is not over.
func (a *Auth) parse(token string) (*claims, error) {
	var c claims
	if len(token) > maxToken {
		return nil, llama.Errorf(llama.Unauthorized, "the token is not one of ours; sign in again")
	}
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	if err != nil || c.Session == "" {
		return nil, &llama.Error{Code: llama.Unauthorized, Message: "the token is over or not one of ours; sign in again", Err: err}
	}
	return &c, nil
}
