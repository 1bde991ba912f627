package store

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

func TestDatabaseBelongsToOneKeyring(t *testing.T) {
	t.Parallel()
	file, mine := filepath.Join(t.TempDir(), "central.db"), keyring(t)
	for range 2 {
		s, err := Open(t.Context(), file, mine)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), file, keyring(t))
	if llama.CodeOf(err) != llama.Conflict || !strings.Contains(err.Error(), "belongs to another central") {
		t.Errorf("with other keys: %v, %v", s, err)
	}
}

// databaseOf returns the URL of a test's database on PostgreSQL, or skips the test.
func databaseOf(t *testing.T, s *Store) string {
	t.Helper()
	if !s.postgres {
		t.Skip("a file is locked with its data directory")
	}
	name, _, _ := strings.Cut(s.where, " ")
	return os.Getenv(postgresVariable) + "/" + name
}

func TestDatabaseHasOneCentral(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	at := databaseOf(t, s)
	second, err := OpenPostgres(t.Context(), Postgres{URL: at}, s.keys)
	if llama.CodeOf(err) != llama.Conflict || !strings.Contains(err.Error(), "another central has the database") {
		t.Fatalf("a second one: %v, %v", second, err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("the first: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if second, err = OpenPostgres(t.Context(), Postgres{URL: at}, s.keys); err != nil {
		t.Fatalf("after the first: %v", err)
	}
	second.Close()
	if third, err := OpenPostgres(t.Context(), Postgres{URL: at}, keyring(t)); llama.CodeOf(err) != llama.Conflict || !strings.Contains(err.Error(), "belongs to another central") {
		t.Errorf("with other keys: %v, %v", third, err)
	}
}

// TestDatabaseIsLostToAnother ends the connection that has the database's lock, as a
// server does that is restarted: the lock is taken again, unless another central did.
func TestDatabaseIsLostToAnother(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	other, err := sql.Open("pgx", databaseOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	const holder = `SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
		WHERE locktype = 'advisory' AND datname = current_database()`
	cut := func() {
		t.Helper()
		if _, err := other.Exec(`SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
			WHERE locktype = 'advisory' AND datname = current_database()`); err != nil {
			t.Fatal(err)
		}
		for n := 1; n > 0; {
			if err := other.QueryRow(holder).Scan(&n); err != nil {
				t.Fatal(err)
			}
		}
	}
	cut()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for n, end := 0, time.Now().Add(time.Minute); n == 0; {
		if err := other.QueryRow(holder).Scan(&n); err != nil || time.Now().After(end) {
			t.Fatalf("the lock is not taken again: %v", err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}

	cut()
	if _, err := other.Exec(`SELECT pg_advisory_lock($1)`, ownerLock); err != nil {
		t.Fatal(err)
	}
	err = s.Run(t.Context())
	if llama.CodeOf(err) != llama.Conflict || !strings.Contains(err.Error(), "another central has taken it") {
		t.Errorf("after another has the lock: %v", err)
	}
}

// TestServerDoesNotNoticeThatConnectionsAreCut cuts the network between central and the
// server such that the server keeps all sessions, that with the lock, too.
func TestServerDoesNotNoticeThatConnectionsAreCut(t *testing.T) {
	t.Parallel()
	first, _ := open(t)
	at, err := url.Parse(databaseOf(t, first))
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	between, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer between.Close()
	var mu sync.Mutex // guards near
	var near []net.Conn
	server := at.Host
	go func() {
		for {
			conn, err := between.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				conn.Close()
				continue
			}
			t.Cleanup(func() { far.Close() })
			mu.Lock()
			near = append(near, conn)
			mu.Unlock()
			go io.Copy(far, conn) // far stays open when conn ends
			go io.Copy(conn, far)
		}
	}()
	at.Host = between.Addr().String()
	s, err := OpenPostgres(t.Context(), Postgres{URL: at.String()}, first.keys)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := s.session
	mu.Lock()
	for _, conn := range near {
		conn.Close()
	}
	mu.Unlock()
	for end := time.Now().Add(time.Minute); ; {
		held, err := s.holdOwner(t.Context())
		if held && err == nil {
			break
		}
		if err == nil || time.Now().After(end) {
			t.Fatalf("the lock is held by the session before, whose connection is cut: held %v, error %v", held, err)
		}
	}
	if s.session == before {
		t.Errorf("the session is still %v", before)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
