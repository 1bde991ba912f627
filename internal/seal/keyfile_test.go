package seal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/llama-logs/llama/internal/fsys"
)

func TestKeyFileIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "folder", "master.key")
	for i, want := range []bool{true, false} {
		if created, err := CreateKeyFile(path); created != want || err != nil {
			t.Fatalf("call %d: %v, %v", i, created, err)
		}
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): fs.ModeDir | 0o700} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %s, want %s (%v)", name, info.Mode(), want, err)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	a, err := OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := a.Wrap([]byte("root"), []byte("ad"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Unwrap(wrapped, []byte("ad")); err != nil || string(got) != "root" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range [][]byte{nil, {byte(KindKeyFile)}, {2, 3}, wrapped[1:]} {
		if _, err := b.Unwrap(bad, []byte("ad")); !errors.Is(err, ErrSealed) {
			t.Errorf("Unwrap(%d bytes): got %v, want ErrSealed", len(bad), err)
		}
	}
	if a.String() != "the key file "+path {
		t.Errorf("String: %s", a)
	}
}

func TestKeyFileIsMadeByOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	var makers sync.WaitGroup
	var made atomic.Int32
	for range 8 {
		makers.Go(func() {
			created, err := CreateKeyFile(path)
			if created {
				made.Add(1)
			}
			if err != nil && !errors.Is(err, fsys.ErrLocked) {
				t.Error(err)
			}
		})
	}
	makers.Wait()
	if made.Load() != 1 {
		t.Errorf("%d keys were made", made.Load())
	}
	if _, err := OpenKeyFile(path); err != nil {
		t.Error(err)
	}
}

func TestOpenKeyFileRefuses(t *testing.T) {
	t.Parallel()
	good := string(encodeKeyFile(NewKey()))
	tests := []struct {
		name, text string
		mode       fs.FileMode
		want       string // after "the master key <path> "
	}{
		{"missing", "", 0, "does not exist: file does not exist"},
		{"group reads", good, 0o640, "has mode 0640, so others than its owner may use it; chmod 600 it"},
		{"world reads", good, 0o604, "has mode 0604, so others than its owner may use it; chmod 600 it"},
		{"group writes", good, 0o620, "has mode 0620, so others than its owner may use it; chmod 600 it"},
		{"empty", "", 0o600, "is not a master key of this version"},
		{"another file", "-----BEGIN PRIVATE KEY-----", 0o600, "is not a master key of this version"},
		{"a later version", strings.Replace(good, "-1:", "-2:", 1), 0o600, "is not a master key of this version"},
		{"cut", good[:len(good)-3], 0o600, "is damaged"},
		{"a letter changed", good[:30] + flip(good[30:31]) + good[31:], 0o600, "is damaged"},
		{"too long", good + strings.Repeat("\n", maxKeyFile), 0o400, "cannot be read: read master.key: "},
		{"a folder", "", fs.ModeDir | 0o700, "is not a file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "master.key")
			if tt.mode.IsDir() {
				must(t, os.Mkdir(path, 0o700))
			} else if tt.mode != 0 {
				must(t, os.WriteFile(path, []byte(tt.text), 0o600))
				must(t, os.Chmod(path, tt.mode))
			}
			_, err := OpenKeyFile(path)
			want := "the master key " + path + " " + tt.want
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if err != nil && strings.Contains(err.Error(), good[20:40]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func flip(letter string) string {
	if letter == "A" {
		return "B"
	}
	return "A"
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeyFileMayBeCopiedByHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := NewKey()
	text := "\n  " + strings.TrimSpace(string(encodeKeyFile(key))) + "\r\n"
	must(t, os.WriteFile(filepath.Join(dir, "real"), []byte(text), 0o400))
	must(t, os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "link")))
	got, err := OpenKeyFile(filepath.Join(dir, "link"))
	must(t, err)
	if !same(got.key, key) {
		t.Error("the key is another")
	}
}

func TestCreateKeyFileSurvivesACrashAnywhere(t *testing.T) {
	t.Parallel()
	for at, done := 1, false; !done; at++ {
		for seed := range uint64(20) {
			disk := fsys.NewMem()
			fault := fsys.NewFault(disk)
			fault.Set(fsys.Plan{At: at, Then: -1, Partial: 0.5})
			_, err := createKeyFile(fault, "key")
			done = !fault.Failed()
			disk = disk.Crash(seed)
			created, again := createKeyFile(disk, "key")
			if again != nil || err == nil && created {
				t.Fatalf("operation %d, seed %d: %v, then created %v, %v", at, seed, err, created, again)
			}
			if _, err := readKeyFile(disk, "key"); err != nil {
				t.Fatalf("operation %d, seed %d: the key %v", at, seed, err)
			}
		}
	}
}

func FuzzKeyFile(f *testing.F) {
	f.Add(encodeKeyFile(NewKey()))
	f.Add([]byte(keyFilePrefix))
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := decodeKeyFile(data); err == nil {
			if again, err := decodeKeyFile(encodeKeyFile(key)); err != nil || !same(again, key) {
				t.Errorf("%q does not come back: %v", data, err)
			}
		}
	})
}
