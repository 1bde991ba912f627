package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/seal"
)

// Postgres says where a PostgreSQL database is.
type Postgres struct {
	URL      string // without the password
	Password string
}

// postgresConnections is how many a Store has at most.
const postgresConnections = 16

// OpenPostgres opens a PostgreSQL database, of version 15 or later, and brings its
// tables up to date. One central has it at a time: see own.
func OpenPostgres(ctx context.Context, p Postgres, keys *seal.Keyring) (*Store, error) {
	config, err := pgx.ParseConfig(p.URL)
	if err != nil {
		return nil, llama.Errorf(llama.Invalid, "the database's URL cannot be read; one looks like postgres://llama@db.example.com/llama?sslmode=verify-full")
	}
	if p.Password != "" {
		config.Password = p.Password
	}
	config.RuntimeParams["application_name"] = "llama"
	config.RuntimeParams["timezone"] = "UTC"
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s := &Store{keys: keys, write: db, read: &reader{DB: db}, postgres: true}
	where := fmt.Sprintf("%s at %s", config.Database, config.Host)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(llama.Errorf(llama.Unavailable, "the database %s does not answer: %w", where, err), s.Close())
	}
	err = s.own(ctx, where)
	if err == nil {
		err = s.migrate(ctx, where, goose.DialectPostgres)
	}
	if err == nil {
		err = s.prove(ctx, where)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// alone keeps others from changing a table until the transaction ends. SQLite has
// one that writes at a time anyway.
func (s *Store) alone(ctx context.Context, tx transaction, table string) error {
	if !s.postgres {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `LOCK TABLE `+table+` IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return fmt.Errorf("lock %s: %w", table, err)
	}
	return nil
}

// spelled is the folder of migrations with the one type that PostgreSQL calls by
// another name.
type spelled struct{ fs.FS }

func (s spelled) Open(name string) (fs.File, error) {
	file, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return file, err
	}
	defer file.Close() // it was only read
	var text bytes.Buffer
	if _, err := text.ReadFrom(file); err != nil {
		return nil, err
	}
	return &memoryFile{info, bytes.NewReader(bytes.ReplaceAll(text.Bytes(), []byte(" BLOB "), []byte(" BYTEA ")))}, nil
}

// ReadDir is what goose lists migrations with.
func (s spelled) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(s.FS, name) }

type memoryFile struct {
	info fs.FileInfo
	*bytes.Reader
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *memoryFile) Close() error               { return nil }
