package store

import (
	"context"
	"fmt"

	"github.com/llama-logs/llama"
)

// A Group is targets under one name, for grants and questions.
type Group struct {
	Name    string
	Targets []string // sorted
}

// Groups returns all groups, by name.
func (s *Store) Groups(ctx context.Context) ([]Group, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT g.name, COALESCE(m.target, '') FROM target_groups g
		LEFT JOIN target_group_members m ON m.group_name = g.name ORDER BY g.name, m.target`)
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	defer rows.Close()
	groups := []Group{}
	for rows.Next() {
		var name, target string
		if err := rows.Scan(&name, &target); err != nil {
			return nil, fmt.Errorf("list groups: %w", err)
		}
		if len(groups) == 0 || groups[len(groups)-1].Name != name {
			groups = append(groups, Group{Name: name, Targets: []string{}})
		}
		if g := &groups[len(groups)-1]; target != "" {
			g.Targets = append(g.Targets, target)
		}
	}
	return groups, rowsErr("list groups", rows.Err())
}

// PutGroup makes a group or replaces its targets. A target that there is not is a
// *llama.Error with code Invalid.
func (s *Store) PutGroup(ctx context.Context, g Group) error {
	for _, t := range g.Targets {
		if t == "" { // in a grant that is none, and stands for all
			return llama.Errorf(llama.Invalid, `there is no target ""`)
		}
		if err := s.CheckGrants(ctx, []Grant{{Target: t}}); err != nil {
			return err
		}
	}
	return s.update(ctx, func(tx transaction) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO target_groups (name, created) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, g.Name, now()); err != nil {
			return fmt.Errorf("add group %s: %w", g.Name, err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM target_group_members WHERE group_name = $1`, g.Name); err != nil {
			return fmt.Errorf("change group %s: %w", g.Name, err)
		}
		for _, t := range g.Targets {
			_, err := tx.ExecContext(ctx, `INSERT INTO target_group_members (group_name, target) VALUES ($1, $2) ON CONFLICT DO NOTHING`, g.Name, t)
			if err != nil {
				return fmt.Errorf("add target %s to group %s: %w", t, g.Name, err)
			}
		}
		return nil
	})
}

// RemoveGroup removes a group, and with it the grants on it: they would come back
// to life with the next group of the name.
func (s *Store) RemoveGroup(ctx context.Context, name string) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM target_groups WHERE name = $1`, name)
		if err != nil {
			return fmt.Errorf("remove group %s: %w", name, err)
		}
		if err := foundOne(done, "there is no group %q", name); err != nil {
			return err
		}
		for _, t := range []grantTable{userGrants, tokenGrants} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+t.name+` WHERE group_name = $1`, name); err != nil {
				return fmt.Errorf("remove grants on group %s: %w", name, err)
			}
		}
		return nil
	})
}
