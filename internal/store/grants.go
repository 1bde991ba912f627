package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/llama-logs/llama"
)

// A grantTable is where the grants of one kind of holder are.
type grantTable struct{ name, holder string }

var userGrants = grantTable{"user_grants", "user_name"}

// grants returns those of a holder, and for each on a group one for each of the
// group's targets.
func (s *Store) grants(ctx context.Context, t grantTable, holder string) ([]Grant, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT role, target, group_name FROM `+t.name+` WHERE `+t.holder+` = $1
		UNION SELECT g.role, m.target, g.group_name FROM `+t.name+` g JOIN target_group_members m ON m.group_name = g.group_name WHERE g.`+t.holder+` = $1
		ORDER BY role, target, group_name`, holder)
	if err != nil {
		return nil, fmt.Errorf("read grants of %s: %w", holder, err)
	}
	defer rows.Close()
	var grants []Grant
	for rows.Next() {
		var g Grant
		if err := rows.Scan(&g.Role, &g.Target, &g.Group); err != nil {
			return nil, fmt.Errorf("read grants of %s: %w", holder, err)
		}
		grants = append(grants, g)
	}
	return grants, rowsErr("read grants of "+holder, rows.Err())
}

func addGrants(ctx context.Context, tx transaction, t grantTable, holder string, grants []Grant) error {
	for _, g := range grants {
		if g.Target != "" && g.Group != "" {
			continue // what another grant comes to
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO `+t.name+` (`+t.holder+`, role, target, group_name) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			holder, g.Role, g.Target, g.Group)
		if err != nil {
			return fmt.Errorf("grant %s to %s: %w", g.Role, holder, err)
		}
	}
	return nil
}

// CheckGrants is a *llama.Error with code Invalid when a grant is on a target or a
// group that there is not.
func (s *Store) CheckGrants(ctx context.Context, grants []Grant) error {
	for _, g := range grants {
		for _, c := range []struct{ kind, table, name string }{{"target", "targets", g.Target}, {"group", "target_groups", g.Group}} {
			if c.name == "" {
				continue
			}
			var known bool
			if err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+c.table+` WHERE name = $1)`, c.name).Scan(&known); err != nil {
				return fmt.Errorf("look for %s %s: %w", c.kind, c.name, err)
			}
			if !known {
				return llama.Errorf(llama.Invalid, "there is no %s %q", c.kind, c.name)
			}
		}
	}
	return nil
}

// Accounts returns all users, by name, without their passwords.
func (s *Store) Accounts(ctx context.Context) ([]Account, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT name FROM users ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	names, err := texts(rows)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	accounts := []Account{}
	for _, name := range names {
		a, err := s.Account(ctx, name)
		if llama.CodeOf(err) == llama.NotFound {
			continue // removed meanwhile
		} else if err != nil {
			return nil, err
		}
		a.Password = ""
		accounts = append(accounts, a)
	}
	return accounts, nil
}

// texts reads rows of one text each, and closes them.
func texts(rows *sql.Rows) ([]string, error) {
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

// SetGrants replaces a user's grants. It is a *llama.Error with code NotFound when
// there is no such user, and Conflict when nobody would be left who is admin on all
// targets.
func (s *Store) SetGrants(ctx context.Context, name string, grants []Grant) error {
	return s.update(ctx, func(tx transaction) error {
		if err := s.alone(ctx, tx, "user_grants"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM user_grants WHERE user_name = $1`, name); err != nil {
			return fmt.Errorf("change grants of %s: %w", name, err)
		}
		// The row is touched so that changes of one user come one after the other.
		done, err := tx.ExecContext(ctx, `UPDATE users SET created = created WHERE name = $1`, name)
		if err != nil {
			return fmt.Errorf("change grants of %s: %w", name, err)
		}
		if err := foundOne(done, "there is no user %q", name); err != nil {
			return err
		}
		if err := addGrants(ctx, tx, userGrants, name, grants); err != nil {
			return err
		}
		return adminLeft(ctx, tx)
	})
}

// RemoveAccount removes a user with their grants and sessions; the errors are as
// those of SetGrants.
func (s *Store) RemoveAccount(ctx context.Context, name string) error {
	return s.update(ctx, func(tx transaction) error {
		if err := s.alone(ctx, tx, "user_grants"); err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, `DELETE FROM users WHERE name = $1`, name)
		if err != nil {
			return fmt.Errorf("remove user %s: %w", name, err)
		}
		if err := foundOne(done, "there is no user %q", name); err != nil {
			return err
		}
		return adminLeft(ctx, tx)
	})
}

// adminLeft refuses a change after which nobody could undo it.
func adminLeft(ctx context.Context, tx transaction) error {
	var left bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM user_grants WHERE role = 'admin' AND target = '' AND group_name = '')`).Scan(&left)
	if err != nil {
		return fmt.Errorf("look for admins: %w", err)
	}
	if !left {
		return llama.Errorf(llama.Conflict, "nobody would be left who is admin on all targets; make another user admin first")
	}
	return nil
}

// ResetPassword gives a user a password that must be changed, and ends all of
// their sessions.
func (s *Store) ResetPassword(ctx context.Context, name, hash string) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, `UPDATE users SET password = $1, must_change_password = 1 WHERE name = $2`, hash, name)
		if err != nil {
			return fmt.Errorf("reset password of %s: %w", name, err)
		}
		if err := foundOne(done, "there is no user %q", name); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_name = $1`, name); err != nil {
			return fmt.Errorf("end sessions of %s: %w", name, err)
		}
		return nil
	})
}

// foundOne makes a NotFound of a statement that found nothing.
func foundOne(done sql.Result, missing, name string) error {
	n, err := done.RowsAffected()
	if err != nil {
		return fmt.Errorf("count changes: %w", err)
	}
	if n == 0 {
		return llama.Errorf(llama.NotFound, missing, name)
	}
	return nil
}
