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
	ID         string
	Target     string
	Keys       []byte // public, as envelope.Public encodes them
	CarrierKey []byte // public: what it connects with
	Next       Keys   // what it is about to change to; empty for nothing
	Version    string // of its program, as it last said
	Online     bool
	LastSeen   llama.Time // 0 for never
	Created    llama.Time // 0 while it is not stored
}

// Keys are the public keys of a node.
type Keys struct{ Envelope, Carrier []byte }

// PutNode adds a node, or gives one that is known a new target and new keys.
// The target is added when it is new. What is so already is not written: a full disk is
// no reason for a start to fail.
func (s *Store) PutNode(ctx context.Context, n Node) error {
	var same bool
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) > 0 FROM nodes WHERE id = $1 AND target = $2 AND keys = $3 AND carrier_key = $4 AND revoked = 0`,
		n.ID, n.Target, n.Keys, blob(n.CarrierKey)).Scan(&same); err != nil {
		return fmt.Errorf("look up node %s: %w", n.ID, err)
	}
	if same {
		return nil
	}
	return s.update(ctx, func(tx transaction) error { return putNode(ctx, tx, n, "") })
}

func putNode(ctx context.Context, tx transaction, n Node, enrolment string) error {
	if err := putTarget(ctx, tx, n.Target); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO nodes (id, target, keys, carrier_key, version, state, last_seen, created, enrolment) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (id) DO UPDATE SET target = excluded.target, keys = excluded.keys, carrier_key = excluded.carrier_key, revoked = 0`,
		n.ID, n.Target, n.Keys, blob(n.CarrierKey), n.Version, onlineText(n.Online), n.LastSeen, now(), enrolment)
	if err != nil {
		return fmt.Errorf("add node %s: %w", n.ID, err)
	}
	return nil
}

func putTarget(ctx context.Context, tx transaction, name string) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO targets (name, created) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, now()); err != nil {
		return fmt.Errorf("add target %s: %w", name, err)
	}
	return nil
}

// blob is b, never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// RevokeNode shuts a node out for good. One that is not there is an error.
func (s *Store) RevokeNode(ctx context.Context, id string) error {
	return s.changeNode(ctx, id, `UPDATE nodes SET revoked = $2, state = $3 WHERE id = $1 AND revoked = 0`, now(), onlineText(false))
}

// SetNextKeys notes what keys a node is about to change to.
func (s *Store) SetNextKeys(ctx context.Context, id string, next Keys) error {
	return s.changeNode(ctx, id, `UPDATE nodes SET next_keys = $2, next_carrier_key = $3 WHERE id = $1 AND revoked = 0`, blob(next.Envelope), blob(next.Carrier))
}

// UseNextKeys makes the keys that a node is about to change to its keys.
func (s *Store) UseNextKeys(ctx context.Context, id string) error {
	return s.changeNode(ctx, id, `
		UPDATE nodes SET keys = next_keys, carrier_key = next_carrier_key, next_keys = $2, next_carrier_key = $2
		WHERE id = $1 AND revoked = 0 AND length(next_keys) > 0`, []byte{})
}

func (s *Store) changeNode(ctx context.Context, id, statement string, args ...any) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, statement, append([]any{id}, args...)...)
		if err != nil {
			return fmt.Errorf("change node %s: %w", id, err)
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, llama.Errorf(llama.NotFound, "there is no node %q", id))
		}
		return nil
	})
}

// Seen notes what is known of a node's presence.
func (s *Store) Seen(ctx context.Context, id, version string, online bool, at llama.Time) error {
	return s.update(ctx, func(tx transaction) error {
		_, err := tx.ExecContext(ctx, `UPDATE nodes SET version = $1, state = $2, last_seen = $3 WHERE id = $4`,
			version, onlineText(online), at, id)
		if err != nil {
			return fmt.Errorf("note presence of node %s: %w", id, err)
		}
		return nil
	})
}

// Nodes returns all nodes that are not revoked, ordered by target and id.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT id, target, keys, carrier_key, next_keys, next_carrier_key, version, state, last_seen, created
		FROM nodes WHERE revoked = 0 ORDER BY target, id`)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	defer rows.Close()
	var nodes []Node
	for rows.Next() {
		var n Node
		var state string
		if err := rows.Scan(&n.ID, &n.Target, &n.Keys, &n.CarrierKey, &n.Next.Envelope, &n.Next.Carrier, &n.Version, &state, &n.LastSeen, &n.Created); err != nil {
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
