package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/llama-logs/llama/internal/fsys"
)

// hexBytes are bytes that a vector writes in hexadecimal.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// vectors is testdata/vectors.json, which another implementation computed, in Python
// with the package cryptography; as it did testdata/keyring.
type vectors struct {
	File struct {
		Key, Associated, Plain, Sealed hexBytes
		Context                        string
		Piece                          uint64
	}
	Blob struct {
		Key, Associated, Plain, Sealed hexBytes
		Context                        string
	}
	SealedKey struct {
		Key, Inner, Sealed hexBytes
		Context            string
	}
	KeyFile struct {
		Line string
		Key  hexBytes
	}
	Passphrase struct {
		Text      string
		Passes    uint8
		MemoryKiB uint32
		Threads   uint8
		Salt      hexBytes
		Derived   hexBytes
	}
	Keyring ringVector
	Paged   ringVector
}

// A ringVector says what is in a keyring.
type ringVector struct {
	File  string
	Root  hexBytes
	Slots []Slot
	Keys  map[string]hexBytes
}

func (v *ringVector) check(t *testing.T, disk fsys.FS, m Master) {
	t.Helper()
	k, err := OpenKeyring(disk, v.File, m)
	must(t, err)
	if !same(k.root, newKey(v.Root)) || !slices.Equal(k.Slots(), v.Slots) {
		t.Errorf("%s: another root key, or slots %v", m, k.Slots())
	}
	if len(k.IDs()) != len(v.Keys) {
		t.Errorf("%s: keys %q", m, k.IDs())
	}
	for id, want := range v.Keys {
		if got, ok := k.Find(id); !ok || !same(got, newKey(want)) {
			t.Errorf("%s: key %s is another, or missing", m, id)
		}
	}
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	must(t, err)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	must(t, d.Decode(&v))
	return v
}

func TestVectorsOfPiecesAndBlobs(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	f := v.File
	if got := newKey(f.Key).File(f.Context).Seal(nil, f.Plain, f.Associated, f.Piece); !bytes.Equal(got, f.Sealed) {
		t.Errorf("a piece of a file: got %x, want %x", got, f.Sealed)
	}
	b := v.Blob
	if got, err := newKey(b.Key).UnsealBlob(b.Context, b.Sealed, b.Associated); err != nil || !bytes.Equal(got, b.Plain) {
		t.Errorf("a blob: got %x, %v, want %x", got, err, b.Plain)
	}
	k := v.SealedKey
	if got, err := newKey(k.Key).UnsealKey(k.Context, k.Sealed); err != nil || !same(got, newKey(k.Inner)) {
		t.Errorf("a sealed key: got another, or %v", err)
	}
}

func TestVectorsOfKeyrings(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	key, err := decodeKeyFile([]byte(v.KeyFile.Line))
	must(t, err)
	if !same(key, newKey(v.KeyFile.Key)) || string(encodeKeyFile(key)) != v.KeyFile.Line+"\n" {
		t.Error("the key file is read or written otherwise")
	}
	p := v.Passphrase
	people, err := NewPassphrase("the passphrase", []byte(p.Text))
	must(t, err)
	if got := people.key(kdf{cost{p.Passes, p.MemoryKiB, p.Threads}, [kdfSaltSize]byte(p.Salt)}); !same(got, newKey(p.Derived)) {
		t.Error("another key is derived from the passphrase")
	}
	disk, err := fsys.Dir("testdata")
	must(t, err)
	defer disk.Close()
	for _, m := range []Master{&KeyFile{KindKeyFile, "safe", key}, &KeyFile{KindCredential, "systemd", key}, people} {
		v.Keyring.check(t, disk, m)
	}
	v.Paged.check(t, disk, &KeyFile{KindKeyFile, "safe", key})
}

// TestFirstVersionOpens opens a keyring of version 1, and has it written as one of
// this version.
func TestFirstVersionOpens(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "master.key"))
	must(t, err)
	key, err := decodeKeyFile(text)
	must(t, err)
	old, err := os.ReadFile(filepath.Join("testdata", "keyring-1"))
	must(t, err)
	disk, m := fsys.NewMem(), &KeyFile{KindKeyFile, "master.key", key}
	must(t, fsys.Replace(disk, "keyring", old))
	want := newKey(readVectors(t).File.Key)
	for _, slots := range [][]Slot{{{"slot-1", KindKeyFile}}, {{"slot-1", KindKeyFile}, {"second", KindKeyFile}}} {
		k := open(t, disk, m)
		if got, _ := k.Find("collection/sshd/2026-11-20"); len(k.IDs()) != 1 || !same(got, want) {
			t.Errorf("keys %q, or the key is another", k.IDs())
		}
		if got := k.Slots(); !slices.Equal(got, slots) {
			t.Errorf("slots: got %v, want %v", got, slots)
		}
		if len(slots) == 1 {
			must(t, k.AddSlot("second", m))
		}
	}
	if data := raw(t, disk); data[len(magic)] != version {
		t.Errorf("it was written as version %d", data[len(magic)])
	}
}
