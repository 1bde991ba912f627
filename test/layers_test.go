// Package test holds what concerns the whole house and no package alone: the
// rows of its packages, and scripts that run the built binary.
package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/llama-logs/llama"

// rows says which packages a package may import: those of lower rows, and no
// others. A package that is missing here has not been thought about.
var rows = map[string]int{
	"": 1,

	"internal/fsys": 2, "internal/seal": 2, "internal/column": 2, "internal/digest": 2, "internal/turns": 2, "web": 2,

	"internal/config": 3, "internal/block": 3, "internal/root": 3, "internal/envelope": 3, "internal/carrier": 3,

	"internal/segment": 4, "internal/archive/wal": 4, "internal/archive/history": 4, "internal/query": 4, "internal/receive": 4, "internal/parse": 4,
	"internal/parse/packs": 3, "internal/door": 4,

	"internal/archive": 5, "internal/measure": 5, "internal/pipeline": 5, "internal/store": 5, "internal/auth": 5,

	"internal/audit": 6, "internal/schedule": 6, "internal/task": 6, "internal/api": 6, "internal/client": 6,

	"internal/node": 7, "internal/central": 7,

	"cmd/llama": 8, "bench": 8,
}

// within lists pairs of one row that may import each other's way all the same,
// with the reason.
var within = map[[2]string]string{
	{"internal/seal", "internal/fsys"}:               "keyrings are files",
	{"internal/archive/wal", "internal/segment"}:     "a checkpoint names segments",
	{"internal/archive/history", "internal/segment"}: "damage has one type of error",
	{"internal/carrier", "internal/envelope"}:        "a carrier carries envelopes",
	{"internal/api", "internal/schedule"}:            "what a schedule may be is said when it is made",
}

// only lists modules that one package alone may import, so that what comes from
// outside has one door.
var only = map[string]string{
	"github.com/goccy/go-yaml":          "internal/config",
	"modernc.org/sqlite":                "internal/store",
	"github.com/jackc/pgx/v5":           "internal/store",
	"github.com/nats-io/nats-server/v2": "internal/carrier",
	"github.com/nats-io/nats.go":        "internal/carrier",
	"github.com/golang-jwt/jwt/v5":      "internal/auth",
	"github.com/adhocore/gronx":         "internal/schedule",
	"github.com/go-jose/go-jose/v4":     "internal/auth",
	"github.com/danielgtaylor/huma/v2":  "internal/api",
}

func TestPackagesImportLowerRowsOnly(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "node_modules" || name == "testdata" || strings.HasPrefix(name, ".") && file != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		checkFile(t, file, filepath.ToSlash(relative))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkFile(t *testing.T, file, relative string) {
	from := path.Dir(relative)
	if from == "." {
		from = ""
	}
	if from == "test" || strings.HasSuffix(from, "test") {
		return // conformance suites and what only tests import
	}
	row, ok := rows[from]
	if !ok {
		t.Errorf("%s: package %q has no row; give it one and a sentence", relative, from)
		return
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		checkImport(t, relative, from, row, name)
	}
}

func checkImport(t *testing.T, file, from string, row int, name string) {
	for outside, owner := range only {
		if (name == outside || strings.HasPrefix(name, outside+"/")) && from != owner {
			t.Errorf("%s imports %s, which only %s may", file, name, owner)
		}
	}
	inside, ok := strings.CutPrefix(name, module)
	switch inside = strings.TrimPrefix(inside, "/"); {
	case !ok && row == 1 && strings.Contains(name, "."):
		t.Errorf("%s imports %s; package llama imports the standard library only", file, name)
	case !ok:
	case rows[inside] == 0:
		t.Errorf("%s imports %s, which has no row", file, name)
	case rows[inside] >= row && within[[2]string{from, inside}] == "":
		t.Errorf("%s (row %d) imports %s (row %d); a package imports lower rows", file, row, inside, rows[inside])
	}
}
