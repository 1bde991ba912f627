package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/llama-logs/llama"
)

// An Enrolment is a code by which nodes may join a target.
type Enrolment struct {
	ID         string
	Target     string
	Secret     []byte // hashed
	Uses, Used int64
	Expires    llama.Time
	Created    llama.Time // set by the store
	By         string     // who made it
}

// AddEnrolment adds a code, and its target when that is new.
func (s *Store) AddEnrolment(ctx context.Context, e Enrolment) error {
	return s.update(ctx, func(tx transaction) error {
		if err := putTarget(ctx, tx, e.Target); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO enrolments (id, target, secret, uses, used, expires, created, created_by) VALUES ($1, $2, $3, $4, 0, $5, $6, $7)`,
			e.ID, e.Target, e.Secret, e.Uses, e.Expires, now(), e.By)
		if err != nil {
			return fmt.Errorf("add enrolment code of target %s: %w", e.Target, err)
		}
		return nil
	})
}

// Enrolments returns the codes that there are, the oldest first. Those that are
// over are among them until SweepEnrolments.
func (s *Store) Enrolments(ctx context.Context) ([]Enrolment, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, target, uses, used, expires, created, created_by FROM enrolments ORDER BY created, id`)
	if err != nil {
		return nil, fmt.Errorf("list enrolment codes: %w", err)
	}
	defer rows.Close()
	var all []Enrolment
	for rows.Next() {
		var e Enrolment
		if err := rows.Scan(&e.ID, &e.Target, &e.Uses, &e.Used, &e.Expires, &e.Created, &e.By); err != nil {
			return nil, fmt.Errorf("list enrolment codes: %w", err)
		}
		all = append(all, e)
	}
	return all, rowsErr("list enrolment codes", rows.Err())
}

// DeleteEnrolment withdraws a code. Nodes that joined by it stay.
func (s *Store) DeleteEnrolment(ctx context.Context, id string) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM enrolments WHERE id = $1`, id)
		if err != nil {
			return fmt.Errorf("delete enrolment code %s: %w", id, err)
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, llama.Errorf(llama.NotFound, "there is no enrolment code %q", id))
		}
		return nil
	})
}

// keepOver is how long a code that is over is remembered, so that who uses it hears
// what is wrong with it.
const keepOver = 30 * 24 * time.Hour

// SweepEnrolments forgets codes that have long been over.
func (s *Store) SweepEnrolments(ctx context.Context, at llama.Time) error {
	return s.update(ctx, func(tx transaction) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM enrolments WHERE expires < $1`, at-llama.Time(keepOver))
		if err != nil {
			return fmt.Errorf("delete old enrolment codes: %w", err)
		}
		return nil
	})
}

// Join makes n one of the target that a code is for, and returns that. A node that
// joined by the same code before gets the same answer and uses nothing up: it may
// not have heard the first. The error says what is wrong with the code only to
// who knows its secret.
func (s *Store) Join(ctx context.Context, code string, secret []byte, n Node) (target string, err error) {
	err = s.update(ctx, func(tx transaction) error {
		var e Enrolment
		row := tx.QueryRowContext(ctx, `SELECT target, secret, uses, used, expires FROM enrolments WHERE id = $1`, code)
		err := row.Scan(&e.Target, &e.Secret, &e.Uses, &e.Used, &e.Expires)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("look up enrolment code: %w", err)
		}
		if err != nil || subtle.ConstantTimeCompare(e.Secret, secret) != 1 {
			return llama.Errorf(llama.Forbidden, "this central does not know the code, or not any more; make another with 'llama target add'")
		}
		target = e.Target
		var by string
		var revoked int64
		row = tx.QueryRowContext(ctx, `SELECT enrolment, revoked FROM nodes WHERE id = $1`, n.ID)
		err = row.Scan(&by, &revoked)
		switch {
		case err == nil && revoked != 0:
			return llama.Errorf(llama.Forbidden, "node %s was revoked; join anew, with keys that are", n.ID)
		case err == nil && by == code:
			return nil
		case err == nil:
			return llama.Errorf(llama.Conflict, "node %s has joined already", n.ID)
		case !errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("look up node %s: %w", n.ID, err)
		}
		return s.join(ctx, tx, code, e, n)
	})
	return target, err
}

func (s *Store) join(ctx context.Context, tx transaction, code string, e Enrolment, n Node) error {
	if at := now(); int64(e.Expires) <= at {
		return llama.Errorf(llama.Forbidden, "the code was good until %s; make another with 'llama target add %s'", e.Expires, e.Target)
	}
	if e.Used >= e.Uses {
		return llama.Errorf(llama.Forbidden, "the code is used up: %d of %d nodes have joined by it; make another with 'llama target add %s'", e.Used, e.Uses, e.Target)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE enrolments SET used = used + 1 WHERE id = $1`, code); err != nil {
		return fmt.Errorf("use enrolment code: %w", err)
	}
	n.Target = e.Target
	return putNode(ctx, tx, n, code)
}
