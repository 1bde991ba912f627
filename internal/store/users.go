package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/llama-logs/llama"
)

// Grant, Account and Session are aliases of plain structs, so that auth can name
// the same types without importing this package.

// Grant gives a role on a target, on those of a group, or on all when both are
// empty. One with both is what a grant on a group comes to for one of its targets.
type Grant = struct {
	Role   string
	Target string
	Group  string
}

// Account is one user.
type Account = struct {
	Name               string
	Password           string // its hash
	MustChangePassword bool
	Created            time.Time
	Grants             []Grant // those on groups are there for each of their targets, too
}

// Session is one sign-in.
type Session = struct {
	ID      string
	User    string
	Address string
	Created time.Time
	Expires time.Time
}

// HasAccounts reports whether there is any account.
func (s *Store) HasAccounts(ctx context.Context) (bool, error) {
	var n int
	err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1) found`).Scan(&n)
	return n > 0, rowsErr("look for users", err)
}

// Account returns a user with its grants. The error is a *llama.Error with code
// NotFound when there is none of that name.
func (s *Store) Account(ctx context.Context, name string) (Account, error) {
	a := Account{Name: name}
	var created int64
	err := s.read.QueryRowContext(ctx, `SELECT password, must_change_password, created FROM users WHERE name = $1`, name).
		Scan(&a.Password, &a.MustChangePassword, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, llama.Errorf(llama.NotFound, "there is no user %q", name)
	} else if err != nil {
		return Account{}, fmt.Errorf("read user %s: %w", name, err)
	}
	a.Created = time.Unix(0, created).UTC()
	if a.Grants, err = s.grants(ctx, userGrants, name); err != nil {
		return Account{}, err
	}
	return a, nil
}

// AddAccount adds a user. One of that name is a *llama.Error with code Conflict.
func (s *Store) AddAccount(ctx context.Context, a Account) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, `INSERT INTO users (name, password, must_change_password, created) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name) DO NOTHING`, a.Name, a.Password, number(a.MustChangePassword), a.Created.UnixNano())
		if err != nil {
			return fmt.Errorf("add user %s: %w", a.Name, err)
		}
		if err := changedOne(done, "there is a user %q already", a.Name); err != nil {
			return err
		}
		return addGrants(ctx, tx, userGrants, a.Name, a.Grants)
	})
}

// SetPassword gives a user a password of their own choice and ends all of their
// sessions but the one called keep. When the password in force is not old any
// more, it is a *llama.Error with code Conflict.
func (s *Store) SetPassword(ctx context.Context, name, old, new, keep string) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, `UPDATE users SET password = $1, must_change_password = 0 WHERE name = $2 AND password = $3`, new, name, old)
		if err != nil {
			return fmt.Errorf("set password of %s: %w", name, err)
		}
		if err := changedOne(done, "the password of %q was changed meanwhile", name); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_name = $1 AND id <> $2`, name, keep); err != nil {
			return fmt.Errorf("end sessions of %s: %w", name, err)
		}
		return nil
	})
}

// Session returns a session. The error is a *llama.Error with code NotFound when
// it is not there, or not any more.
func (s *Store) Session(ctx context.Context, id string) (Session, error) {
	v := Session{ID: id}
	var created, expires int64
	err := s.read.QueryRowContext(ctx, `SELECT user_name, address, created, expires FROM sessions WHERE id = $1`, id).
		Scan(&v.User, &v.Address, &created, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, llama.Errorf(llama.NotFound, "the session has ended")
	} else if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	v.Created, v.Expires = time.Unix(0, created).UTC(), time.Unix(0, expires).UTC()
	return v, nil
}

// AddSession adds a session and forgets those that are over.
func (s *Store) AddSession(ctx context.Context, v Session) error {
	return s.update(ctx, func(tx transaction) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires < $1`, now()); err != nil {
			return fmt.Errorf("forget old sessions: %w", err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, user_name, address, created, expires) VALUES ($1, $2, $3, $4, $5)`,
			v.ID, v.User, v.Address, v.Created.UnixNano(), v.Expires.UnixNano())
		if err != nil {
			return fmt.Errorf("add session of %s: %w", v.User, err)
		}
		return nil
	})
}

// MoveSession gives a session a later end. One that was ended meanwhile stays so,
// and is NotFound.
func (s *Store) MoveSession(ctx context.Context, id string, expires time.Time) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, `UPDATE sessions SET expires = $1 WHERE id = $2`, expires.UnixNano(), id)
		if err != nil {
			return fmt.Errorf("renew session: %w", err)
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(llama.Errorf(llama.NotFound, "the session has ended"), err)
		}
		return nil
	})
}

// EndSession removes a session. None of that id is fine.
func (s *Store) EndSession(ctx context.Context, id string) error {
	return s.update(ctx, func(tx transaction) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE id = $1`, id); err != nil {
			return fmt.Errorf("end session: %w", err)
		}
		return nil
	})
}

// changedOne makes a Conflict of a statement that found nothing to change.
func changedOne(done sql.Result, conflict, name string) error {
	n, err := done.RowsAffected()
	if err != nil {
		return fmt.Errorf("count changes: %w", err)
	}
	if n == 0 {
		return llama.Errorf(llama.Conflict, conflict, name)
	}
	return nil
}

// number is how a truth is kept: databases differ in theirs.
func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
