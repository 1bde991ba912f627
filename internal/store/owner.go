package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/llama-logs/llama"
)

// A database belongs to one central: what is in it is sealed under the keys of that
// central's keyring, and queries that are open live in that central's memory. SQLite's file
// is in the data directory, which is locked; PostgreSQL is reached from anywhere.

const (
	ownerID = "central"
	// ownerLock is the advisory lock that a central has on its database as long as it
	// runs; such locks are numbers, and each database has its own.
	ownerLock = 0x6c6c616d61 // "llama"
	// ownerPatience is how long a start waits for the lock of one that has just been
	// killed, whose end the server may not have noticed yet.
	ownerPatience = 10 * time.Second
	ownerLook     = 5 * time.Second // how often the lock is looked at
)

// prove refuses a database that another keyring's central has filled, and makes one that
// is new the keyring's own.
func (s *Store) prove(ctx context.Context, where string) error {
	var sealed []byte
	var proof string
	err := s.read.QueryRowContext(ctx, `SELECT proof FROM owner WHERE id = $1`, ownerID).Scan(&sealed)
	switch {
	case err == nil:
		if s.unsealKept("owner", ownerID, sealed, &proof) != nil {
			return llama.Errorf(llama.Conflict, "the database %s belongs to another central: it is sealed under keys that the keyring of this data directory does not have. Start central on the data directory that it was made with, or name another database", where)
		}
		return nil
	case !errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("ask whose the database is: %w", err)
	}
	if sealed, err = s.sealKept("owner", ownerID, "this central's"); err != nil {
		return err
	}
	return s.update(ctx, func(tx transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO owner (id, proof) VALUES ($1, $2)`, ownerID, sealed)
		return err
	})
}

// own takes the database for this central alone, until the store is closed.
func (s *Store) own(ctx context.Context, where string) error {
	for end := time.Now().Add(ownerPatience); ; {
		held, err := s.lockOwner(ctx)
		if err != nil {
			return fmt.Errorf("take the database %s: %w", where, err)
		}
		if held {
			s.where = where
			return nil
		}
		if time.Now().After(end) {
			return llama.Errorf(llama.Conflict, "another central has the database %s, and a database belongs to one; stop the other first, or name another database. If none runs, PostgreSQL has not noticed yet that the last one's connection is gone: start again in a while", where)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(ownerPatience / 20):
		}
	}
}

// lockOwner tries to take the lock, in a connection that is kept for it.
func (s *Store) lockOwner(ctx context.Context) (held bool, err error) {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return false, err
	}
	var now session
	err = conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1), pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()`, ownerLock).
		Scan(&held, &now.pid, &now.began)
	if err == nil && held {
		s.owner, s.session = conn, now
		return true, nil
	}
	return false, errors.Join(err, conn.Close())
}

// A session is one of the server, which numbers them, and uses a number again.
type session struct {
	pid   int
	began string
}

// Run watches, until ctx ends, that the database still belongs to this central. A
// connection that is lost loses the lock: it is taken again, and when another central was
// faster Run returns an error, and this one has to end.
func (s *Store) Run(ctx context.Context) error {
	if !s.postgres {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(ownerLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		held, err := s.holdOwner(ctx)
		if err == nil && !held {
			return llama.Errorf(llama.Conflict, "the connection to the database %s was lost, and another central has taken it meanwhile", s.where)
		}
		// An error is of a server that is away: it is asked again at the next look.
	}
}

// holdOwner looks whether the lock's connection is alive, and takes the lock anew if not.
// The server may not have noticed that the connection is gone, so its session is ended.
func (s *Store) holdOwner(ctx context.Context) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, ownerLook)
	defer cancel()
	if s.owner.PingContext(ctx) == nil {
		return true, nil
	}
	s.owner.Close() // it is of no use any more, and says so when it is asked again
	for {
		var left int
		if err := s.write.QueryRowContext(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2`,
			s.session.pid, s.session.began).Scan(&left); err != nil {
			return false, err
		}
		if left == 0 {
			return s.lockOwner(ctx)
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(ownerLook / 100):
		}
	}
}
