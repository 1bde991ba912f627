package store

import (
	"context"
	"fmt"
	"time"
)

// A Lease is the right to do what only one central may do at a time.
type Lease struct {
	Name   string
	Holder string // drawn when a central starts
}

// TakeLease takes or renews a lease for a while, and reports whether it is the
// holder's now. One that is over can be taken by anybody. The clocks of centrals
// that share a database must not differ by more than a fraction of the while.
func (s *Store) TakeLease(ctx context.Context, l Lease, while time.Duration) (held bool, err error) {
	err = s.update(ctx, func(tx transaction) error {
		at := now()
		done, err := tx.ExecContext(ctx, `INSERT INTO leases (name, holder, expires) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires = excluded.expires
			WHERE leases.holder = excluded.holder OR leases.expires < $4`, l.Name, l.Holder, at+int64(while), at)
		if err != nil {
			return fmt.Errorf("take the lease of %s: %w", l.Name, err)
		}
		n, err := done.RowsAffected()
		held = n > 0
		return err
	})
	return held && err == nil, err
}

// DropLease gives a lease back, so that another need not wait for its end.
func (s *Store) DropLease(ctx context.Context, l Lease) error {
	return s.update(ctx, func(tx transaction) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM leases WHERE name = $1 AND holder = $2`, l.Name, l.Holder); err != nil {
			return fmt.Errorf("give back the lease of %s: %w", l.Name, err)
		}
		return nil
	})
}

// held reports whether l is its holder's, and keeps it so until the transaction
// ends: nobody else can change the row before.
func (l Lease) held(ctx context.Context, tx transaction) (bool, error) {
	done, err := tx.ExecContext(ctx, `UPDATE leases SET holder = holder WHERE name = $1 AND holder = $2 AND expires >= $3`, l.Name, l.Holder, now())
	if err != nil {
		return false, fmt.Errorf("look at the lease of %s: %w", l.Name, err)
	}
	n, err := done.RowsAffected()
	return n > 0, err
}
