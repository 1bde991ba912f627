package seal

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/fsys"
)

// cheap returns a passphrase that costs next to nothing.
func cheap(text string) *Passphrase {
	p, err := NewPassphrase("the passphrase of a test", []byte(text))
	if err != nil {
		panic(err)
	}
	p.cost = cost{passes: 1, memory: 8, threads: 1}
	return p
}

func TestPassphraseOpens(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	made, err := NewPassphrase("the passphrase", []byte("correct horse battery"))
	must(t, err)
	a := key(t, open(t, disk, made), "a")
	again, err := NewPassphrase("the passphrase", []byte("correct horse battery"))
	must(t, err)
	if !same(a, key(t, open(t, disk, again), "a")) {
		t.Error("the key is another")
	}
	slots, err := ReadSlots(disk, "keyring")
	must(t, err)
	if len(slots) != 1 || slots[0] != (Slot{"passphrase", KindPassphrase}) {
		t.Errorf("slots: %v", slots)
	}
}

func TestWrongPassphraseIsOneSentence(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	k := open(t, disk, cheap("correct horse battery"))
	must(t, k.AddSlot("safe", master("m")))
	want := "wrong passphrase: the passphrase of a test does not open the keyring keyring; its slots are passphrase (passphrase), safe (key file)"
	for _, text := range []string{"Correct horse battery", "correct horse battery ", "x"} {
		_, err := OpenKeyring(disk, "keyring", cheap(text))
		if !errors.Is(err, ErrWrongKey) || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestShortPassphraseMakesNoSlot(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{"elevenchars": false, "öööööö": false, "twelve chars": true, "öööööööööööö": true} {
		_, err := OpenKeyring(fsys.NewMem(), "keyring", cheap(text))
		if ok != (err == nil) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// TestSlotOfAPassphraseIsBounded looks that a forged slot cannot take all memory.
func TestSlotOfAPassphraseIsBounded(t *testing.T) {
	t.Parallel()
	p := cheap("correct horse battery")
	good, err := p.Wrap(make([]byte, keySize), nil)
	must(t, err)
	change := func(at int, b ...byte) []byte {
		forged := append([]byte(nil), good...)
		copy(forged[at:], b)
		return forged
	}
	for name, forged := range map[string][]byte{
		"no passes":      change(1, 0),
		"many passes":    change(1, maxPasses+1),
		"no memory":      change(2, 0, 0, 0, 0),
		"too much":       change(2, binary.BigEndian.AppendUint32(nil, maxMemory+1)...),
		"no threads":     change(6, 0),
		"many threads":   change(6, maxThreads+1),
		"cut in its kdf": good[:kdfSize],
	} {
		if _, err := p.Unwrap(forged, nil); err == nil || errors.Is(err, ErrSealed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := p.Unwrap(good[:kdfSize+1], nil); !errors.Is(err, ErrSealed) {
		t.Errorf("no blob: got %v", err)
	}
	if _, err := p.Unwrap(good, nil); err != nil {
		t.Error(err)
	}
}

func TestPassphraseFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		must(t, os.Chmod(path, mode))
		return path
	}
	for name, text := range map[string]string{"plain": "two words", "line": "two words\n", "dos": "two words\r\n"} {
		p, err := OpenPassphraseFile(file(name, text, 0o400), "")
		if err != nil || string(p.text) != "two words" || strings.Contains(p.String(), "two") {
			t.Errorf("%s: got %v, %v", name, p, err)
		}
	}
	shared := file("shared", "two words", 0o440)
	if _, err := OpenPassphraseFile(shared, dir); err != nil {
		t.Errorf("one that systemd guards: %v", err)
	}
	for name, want := range map[string]string{
		shared:                     "the passphrase file " + shared + " has mode 0440, so others than its owner may use it; chmod 600 it",
		filepath.Join(dir, "none"): "the passphrase file " + filepath.Join(dir, "none") + " does not exist: file does not exist",
		file("empty", "\n", 0o600): "the passphrase in " + filepath.Join(dir, "empty") + " has 0 bytes; 1 to 4096 are taken",
		file("long", big(), 0o600): "the passphrase in " + filepath.Join(dir, "long") + " has 4099 bytes; 1 to 4096 are taken",
	} {
		if _, err := OpenPassphraseFile(name, ""); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func big() string { return strings.Repeat("x", 2*maxPassphrase) }

func TestCredentialIsAKeyFileElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "llama")
	_, err := CreateKeyFile(path)
	must(t, err)
	file, err := OpenKeyFile(path)
	must(t, err)
	must(t, os.Chmod(path, 0o440)) // as systemd gives access by a list
	credential, err := OpenCredential(dir, "llama")
	must(t, err)
	for name, pair := range map[string][2]Master{"file, then credential": {file, credential}, "the reverse": {credential, file}} {
		disk := fsys.NewMem()
		k := open(t, disk, pair[0])
		if got := k.Slots()[0].Kind; got != pair[0].Kind() {
			t.Errorf("%s: the slot is a %s", name, got)
		}
		must(t, open(t, disk, pair[1]).Rekey(pair[1]))
		if got := open(t, disk, pair[0]).Slots()[0].Kind; got != pair[0].Kind() {
			t.Errorf("%s: the slot became a %s", name, got)
		}
	}
}

func TestOpenCredentialRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "bad"), []byte("hunter2"), 0o400))
	for _, tt := range []struct{ dir, name, want string }{
		{"", "llama", "the systemd credential llama is not there: CREDENTIALS_DIRECTORY is not set"},
		{dir, "none", "the systemd credential none is not among those of this service"},
		{dir, "../bad", `"../bad" is not the name of a systemd credential`},
		{dir, "..", `".." is not the name of a systemd credential`},
		{dir, "", `"" is not the name of a systemd credential`},
		{dir, "bad", "the systemd credential bad is not a master key of this version"},
	} {
		_, err := OpenCredential(tt.dir, tt.name)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, want %s", tt.name, err, tt.want)
		}
	}
}
