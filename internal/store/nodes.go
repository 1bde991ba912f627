package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/llama-logs/llama"
)

// A Node is one that was enrolled.
type Node struct {
	ID       string
	Target   string
	Keys     []byte // public, as envelope.Public encodes them
	Version  string // of its program, as it last said
	Online   bool
	LastSeen llama.Time // 0 for never
}

// PutNode adds a node, or gives one that is known a new target and new keys.
// The target is added when it is new.
func (s *Store) PutNode(ctx context.Context, n Node) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO targets (name, created) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, n.Target, now()); err != nil {
			return fmt.Errorf("add target %s: %w", n.Target, err)
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO nodes (id, target, keys, version, state, last_seen, created) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO UPDATE SET target = excluded.target, keys = excluded.keys`,
			n.ID, n.Target, n.Keys, n.Version, onlineText(n.Online), n.LastSeen, now())
		if err != nil {
			return fmt.Errorf("add node %s: %w", n.ID, err)
		}
		return nil
	})
}

// Seen notes what is known of a node's presence.
func (s *Store) Seen(ctx context.Context, id, version string, online bool, at llama.Time) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE nodes SET version = $1, state = $2, last_seen = $3 WHERE id = $4`,
			version, onlineText(online), at, id)
		if err != nil {
			return fmt.Errorf("note presence of node %s: %w", id, err)
		}
		return nil
	})
}

// Nodes returns all nodes, ordered by target and id.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, target, keys, version, state, last_seen FROM nodes ORDER BY target, id`)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	defer rows.Close()
	var nodes []Node
	for rows.Next() {
		var n Node
		var state string
		if err := rows.Scan(&n.ID, &n.Target, &n.Keys, &n.Version, &state, &n.LastSeen); err != nil {
			return nil, fmt.Errorf("list nodes: %w", err)
		}
		n.Online = state == onlineText(true)
		nodes = append(nodes, n)
	}
	return nodes, rowsErr("list nodes", rows.Err())
}

func onlineText(online bool) string {
	if online {
		return "online"
	}
	return "offline"
}

// rowsErr says what was being done, and knows that an empty answer is none.
func rowsErr(what string, err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
