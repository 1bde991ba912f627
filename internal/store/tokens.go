package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// MachineToken is what is kept of one. It is an alias of a plain struct, as
// Account is.
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

var tokenGrants = grantTable{"token_grants", "token_id"}

const tokenColumns = `id, name, hash, owner, scopes, created, expires, last_used`

// AddToken adds a machine's token. One of that name is a *llama.Error with code
// Conflict.
func (s *Store) AddToken(ctx context.Context, t MachineToken) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, `INSERT INTO machine_tokens (`+tokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
			ON CONFLICT (name) DO NOTHING`,
			t.ID, t.Name, t.Hash, t.Owner, strings.Join(t.Scopes, " "), t.Created.UnixNano(), t.Expires.UnixNano())
		if err != nil {
			return fmt.Errorf("add token %s: %w", t.Name, err)
		}
		if err := changedOne(done, "there is a token %q already", t.Name); err != nil {
			return err
		}
		return addGrants(ctx, tx, tokenGrants, t.ID, t.Grants)
	})
}

// Token returns a machine's token by its id. The error is a *llama.Error with
// code NotFound when there is none.
func (s *Store) Token(ctx context.Context, id string) (MachineToken, error) {
	return s.token(ctx, "id", id)
}

// TokenNamed is Token by the token's name.
func (s *Store) TokenNamed(ctx context.Context, name string) (MachineToken, error) {
	return s.token(ctx, "name", name)
}

func (s *Store) token(ctx context.Context, column, value string) (MachineToken, error) {
	t, err := scanToken(s.read.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM machine_tokens WHERE `+column+` = $1`, value))
	if errors.Is(err, sql.ErrNoRows) {
		return MachineToken{}, llama.Errorf(llama.NotFound, "there is no token %q", value)
	} else if err != nil {
		return MachineToken{}, fmt.Errorf("read token %s: %w", value, err)
	}
	t.Grants, err = s.grants(ctx, tokenGrants, t.ID)
	return t, err
}

// Tokens returns all machines' tokens, by name, without their hashes.
func (s *Store) Tokens(ctx context.Context) ([]MachineToken, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+tokenColumns+` FROM machine_tokens ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	defer rows.Close()
	tokens := []MachineToken{}
	for rows.Next() {
		t, err := scanToken(rows)
		if err != nil {
			return nil, fmt.Errorf("list tokens: %w", err)
		}
		t.Hash = nil
		tokens = append(tokens, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	rows.Close() // frees the connection for the grants
	for i := range tokens {
		if tokens[i].Grants, err = s.grants(ctx, tokenGrants, tokens[i].ID); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

func scanToken(row interface{ Scan(...any) error }) (MachineToken, error) {
	var t MachineToken
	var scopes string
	var created, expires, used int64
	if err := row.Scan(&t.ID, &t.Name, &t.Hash, &t.Owner, &scopes, &created, &expires, &used); err != nil {
		return t, err
	}
	t.Scopes = strings.Fields(scopes)
	t.Created, t.Expires = time.Unix(0, created).UTC(), time.Unix(0, expires).UTC()
	if used != 0 {
		t.LastUsed = time.Unix(0, used).UTC()
	}
	return t, nil
}

// UseToken notes that a token was used.
func (s *Store) UseToken(ctx context.Context, id string, at time.Time) error {
	return s.update(ctx, func(tx transaction) error {
		if _, err := tx.ExecContext(ctx, `UPDATE machine_tokens SET last_used = $1 WHERE id = $2`, at.UnixNano(), id); err != nil {
			return fmt.Errorf("note use of token %s: %w", id, err)
		}
		return nil
	})
}

// RemoveToken removes a token by its name. The error is a *llama.Error with code
// NotFound when there is none.
func (s *Store) RemoveToken(ctx context.Context, name string) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM machine_tokens WHERE name = $1`, name)
		if err != nil {
			return fmt.Errorf("remove token %s: %w", name, err)
		}
		return foundOne(done, "there is no token %q", name)
	})
}

// Resolve returns grants with those on groups there for each of their targets, too.
func (s *Store) Resolve(ctx context.Context, grants []Grant) ([]Grant, error) {
	resolved := append([]Grant{}, grants...)
	for _, g := range grants {
		if g.Group == "" || g.Target != "" {
			continue
		}
		rows, err := s.read.QueryContext(ctx, `SELECT target FROM target_group_members WHERE group_name = $1`, g.Group)
		if err != nil {
			return nil, fmt.Errorf("read group %s: %w", g.Group, err)
		}
		targets, err := texts(rows)
		if err != nil {
			return nil, fmt.Errorf("read group %s: %w", g.Group, err)
		}
		for _, t := range targets {
			resolved = append(resolved, Grant{Role: g.Role, Target: t, Group: g.Group})
		}
	}
	return resolved, nil
}
