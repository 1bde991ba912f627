package store

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"
)

// TestDatabasesOfEachVersionBefore fills a database of each version that there was, as far
// as it had tables, and opens it: what was in it is there, and it is up to date.
func TestDatabasesOfEachVersionBefore(t *testing.T) {
	t.Parallel()
	sources, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(sources, "*.sql")
	if err != nil || len(names) < 9 {
		t.Fatalf("migrations: %q, %v", names, err)
	}
	for _, name := range names {
		var version int64
		if _, err := fmt.Sscanf(name, "%05d_", &version); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "central.db")
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		provider, err := goose.NewProvider(goose.DialectSQLite3, db, sources, goose.WithDisableGlobalRegistry(true))
		if err == nil {
			_, err = provider.UpTo(t.Context(), version)
		}
		if err == nil {
			_, err = db.Exec(`INSERT INTO targets (name, created) VALUES ('plant-7', 1); INSERT INTO nodes (id, target, keys, state, created) VALUES ('n1', 'plant-7', x'01', 'offline', 1)`)
		}
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), file, keyring(t))
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		nodes, err := s.Nodes(t.Context())
		if err != nil || len(nodes) != 1 || nodes[0].ID != "n1" || nodes[0].Target != "plant-7" {
			t.Errorf("version %d: its nodes are %+v, %v", version, nodes, err)
		}
		if err := s.AddQuery(t.Context(), newQuery()); err != nil {
			t.Errorf("version %d: a query is not added: %v", version, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
