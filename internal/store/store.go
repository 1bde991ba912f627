// Package store is central's database: targets and their nodes, queries and
// their tasks, partial and final results, users. It is the truth about every
// query; what central holds in memory can be rebuilt from it.
//
// The database is SQLite in one file, in WAL mode, with one connection that
// writes and several that read, or PostgreSQL. A method that changes something has
// made it durable when it returns nil. The SQL keeps to what both know, and
// numbers its parameters in the order of their first use, which SQLite wants.
//
// Whatever comes from an event or from a query's text is sealed before it
// reaches a column, under a key of the day on which it will be deleted. The
// package knows how rows are kept and nothing of what queries mean.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // also the driver called sqlite
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open database. Its methods may be called by many at once.
type Store struct {
	keys   *seal.Keyring
	write  *sql.DB // one connection
	read   *reader
	shared *writer // that has write's connection; nil on PostgreSQL

	postgres bool      // both are the same pool then
	where    string    // the database, for people
	owner    *sql.Conn // has the lock by which the database is this central's; nil on SQLite
	session  session   // of owner
}

// Open opens the database file, or makes it with mode 0600, and brings its
// tables up to date. A database that a newer version of the program has changed
// is refused untouched.
func Open(ctx context.Context, file string, keys *seal.Keyring) (*Store, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // SQLite gives its other files the same mode
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{keys: keys}
	if s.write, err = connect(file, 1, "immediate"); err != nil {
		return nil, err
	}
	read, err := connect(file, 4, "deferred")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.read = &reader{DB: read, prepared: prepared{on: read}}
	if err := s.migrate(ctx, file, goose.DialectSQLite3); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.shared = &writer{db: s.write}
	if err := s.prove(ctx, file); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close waits for what is under way and closes the database.
func (s *Store) Close() error {
	var err error
	if s.owner != nil {
		s.owner.Close() // with its connection the lock goes; it may have been lost before
	}
	if s.read != nil {
		err = s.read.Close()
	}
	if s.shared != nil {
		err = errors.Join(err, s.shared.close())
	}
	if s.write != nil { // the writer last: it folds the WAL into the file
		err = errors.Join(err, s.write.Close()) // closing twice is fine
	}
	return err
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.read.PingContext(ctx); err != nil {
		return fmt.Errorf("ask the database: %w", err)
	}
	return nil
}

func connect(file string, connections int, lock string) (*sql.DB, error) {
	options := url.Values{"_txlock": {lock}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(MEMORY)",
	}}
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: file, RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", file, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func (s *Store) migrate(ctx context.Context, file string, dialect goose.Dialect, more ...goose.ProviderOption) error {
	sources, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if s.postgres {
		sources = spelled{sources}
	}
	provider, err := goose.NewProvider(dialect, s.write, sources,
		append(more, goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true))...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	is, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("open database %s: %w", file, err)
	}
	if is > knows {
		return fmt.Errorf("database %s is of version %d, and this program knows versions up to %d; start the newer program that last used it", file, is, knows)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring database %s up to date: %w", file, err)
	}
	return nil
}

// update runs fn in a transaction that is durable when update returns nil.
func (s *Store) update(ctx context.Context, fn func(tx transaction) error) error {
	if s.shared != nil {
		return s.shared.update(ctx, fn)
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.Rollback() // harmless after Commit
	if err := fn(tx); err != nil {
		return full(err)
	}
	if err := tx.Commit(); err != nil {
		return full(fmt.Errorf("commit transaction: %w", err))
	}
	return nil
}

// full says in words for people that the database's disk is full.
func full(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == sqlite3.SQLITE_FULL {
		return llama.Errorf(llama.Unavailable, "central's disk is full; try again later")
	}
	return err
}

// seal seals a value under the key called key, bound to its place.
func (s *Store) seal(key string, plain, place []byte) ([]byte, error) {
	k, err := s.keys.Key(key)
	if err != nil {
		return nil, err
	}
	return k.SealBlob(sealContext, plain, place), nil
}

func (s *Store) unseal(key string, sealed, place []byte) ([]byte, error) {
	k, ok := s.keys.Find(key)
	if !ok {
		return nil, fmt.Errorf("the key %s is gone", key)
	}
	return k.UnsealBlob(sealContext, sealed, place)
}

const sealContext = "central database"

// now is the time as the database keeps it.
func now() int64 { return time.Now().UnixNano() }
