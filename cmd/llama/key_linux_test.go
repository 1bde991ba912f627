package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"golang.org/x/sys/unix"
)

// TestPassphraseIsAskedForWithoutShowingIt types a passphrase at a terminal.
func TestPassphraseIsAskedForWithoutShowingIt(t *testing.T) {
	t.Parallel()
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "master.key")
	disk, err := fsys.Dir(data)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	if err := disk.MkdirAll("node"); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	m, err := seal.OpenKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenKeyring(disk, "node/keyring", m)
	if err != nil {
		t.Fatal(err)
	}
	ring.Close()
	for _, tt := range []struct {
		again, want string
		slots       int
	}{
		{"correct horse batteru", "the two passphrases differ; nothing was changed", 1},
		{"correct horse battery", "slot people is added", 2},
	} {
		shown := typed(t, []string{"key", "add", "people", "--data", data, "--master-key", file, "--new-passphrase-file", "-"},
			"New passphrase: ", "correct horse battery", "New passphrase, again: ", tt.again)
		if !strings.Contains(shown, tt.want) || strings.Contains(shown, "horse") {
			t.Errorf("the terminal shows %q, want %q and no passphrase", shown, tt.want)
		}
		slots, err := seal.ReadSlots(disk, "node/keyring")
		if err != nil || len(slots) != tt.slots {
			t.Errorf("%d slots, %v, want %d", len(slots), err, tt.slots)
		}
	}
	p, err := seal.NewPassphrase("the passphrase", []byte("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenKeyring(disk, "node/keyring", p); err != nil {
		t.Error(err)
	}
}

// typed runs a command on a terminal, and answers each prompt with what follows it;
// it returns all that the terminal shows.
func typed(t *testing.T, args []string, dialogue ...string) string {
	t.Helper()
	cmd := exec.Command("llama", args...)
	cmd.Env = append(os.Environ(), "TERM=xterm")
	screen, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	var shown bytes.Buffer
	buf := make([]byte, 4096)
	for {
		n, err := screen.Read(buf)
		shown.Write(buf[:n])
		if err != nil { // the other side has gone
			break
		}
		if len(dialogue) > 0 && strings.HasSuffix(shown.String(), dialogue[0]) {
			waitFor(t, "the terminal to show no more what is typed", func() bool {
				state, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
				return err != nil || state.Lflag&unix.ECHO == 0
			})
			if _, err := screen.WriteString(dialogue[1] + "\n"); err != nil {
				t.Fatal(err)
			}
			dialogue = dialogue[2:]
		}
	}
	cmd.Wait() // what it made of it is what counts
	return shown.String()
}
