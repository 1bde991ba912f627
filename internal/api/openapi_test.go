package api

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

// TestSpecificationIsCommitted fails when docs/openapi.json is not what the
// types say.
func TestSpecificationIsCommitted(t *testing.T) {
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "..", "docs", "openapi.json")
	if *update {
		if err := os.WriteFile(file, s.Specification(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(committed), string(s.Specification())); diff != "" {
		t.Errorf("docs/openapi.json is stale; run go test ./internal/api -run Specification -update\n%s", diff)
	}
}
