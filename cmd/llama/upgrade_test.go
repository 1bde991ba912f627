package main

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDataOfAnotherVersionStaysAsItWas starts on a data directory of which one archive is
// of another format: central's database must not be brought up to date before that shows,
// or the program of before could not go on.
func TestDataOfAnotherVersionStaysAsItWas(t *testing.T) {
	t.Parallel()
	i := newInstance(t, filepath.Join(t.TempDir(), "data"), "")
	i.start()
	if err := i.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := i.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	i.cmd = nil
	for _, folder := range []string{"node/archive", "node/records", "central/audit"} {
		file := filepath.Join(i.data, folder, "FORMAT")
		ours, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("llama archive 4\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := hashes(t, i.data)
		out, err := i.llama("up", "-c", i.config()).CombinedOutput()
		if err == nil || !strings.Contains(string(out), folder) || !strings.Contains(string(out), `the archive's format is "llama archive 4"`) || !strings.Contains(string(out), "llama archive export") {
			t.Errorf("%s: %v: %s", folder, err, out)
		}
		if d := cmp.Diff(before, hashes(t, i.data)); d != "" {
			t.Errorf("%s: files changed: -before +after\n%s", folder, d)
		}
		if err := os.WriteFile(file, ours, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	i.start()
}

// hashes returns the hash of each file below dir.
func hashes(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	all := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = sha256.Sum256(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
