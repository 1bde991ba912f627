package seal

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/llama-logs/llama/internal/fsys"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// vectorKey is the key of the test vectors: bytes 0 to 31.
func vectorKey() Key {
	var b [keySize]byte
	for i := range b {
		b[i] = byte(i)
	}
	return newKey(b[:])
}

// TestVectors holds the format. The bytes were computed by another implementation,
// Python's cryptography package.
func TestVectors(t *testing.T) {
	t.Parallel()
	key := vectorKey()
	const file = "9a9a52944f9d156114b14e5ff69a902e447d45a0ee"
	sealed := key.File("segment 1").Seal(nil, []byte("plain"), []byte("head"), 258)
	if got := hex.EncodeToString(sealed); got != file {
		t.Errorf("piece 258 of a file: got %s, want %s", got, file)
	}
	blob, err := hex.DecodeString("6465666768696a6b6c6d6e6f707172737475767778797a7b74148096ccf9503bdff830d73b65b0a11c573c2f70")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.UnsealBlob("result", blob, []byte("node 1")); err != nil || string(got) != "plain" {
		t.Errorf("blob: got %q, %v, want plain", got, err)
	}
}

// TestFirstVersionOpens opens files that were written when the format was new.
func TestFirstVersionOpens(t *testing.T) {
	t.Parallel()
	if *update {
		writeGolden(t)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "master.key"))
	must(t, err)
	key, err := decodeKeyFile(text)
	must(t, err)
	disk, err := fsys.Dir("testdata")
	must(t, err)
	defer disk.Close()
	k, err := OpenKeyring(disk, "keyring", &KeyFile{"master.key", key})
	must(t, err)
	if got := k.IDs(); !slices.Equal(got, []string{"collection/sshd/2026-11-20"}) {
		t.Errorf("IDs: %q", got)
	}
	if got, _ := k.Find("collection/sshd/2026-11-20"); !same(got, vectorKey()) {
		t.Error("the key is another")
	}
}

func writeGolden(t *testing.T) {
	disk, err := fsys.Dir("testdata")
	must(t, err)
	defer disk.Close()
	m := master("master.key")
	must(t, fsys.Replace(disk, "master.key", encodeKeyFile(m.key)))
	k := &Keyring{disk: disk, name: "keyring", id: make([]byte, idSize), root: NewKey()}
	slot, err := k.wrap(m)
	must(t, err)
	k.slots = [][]byte{slot}
	must(t, k.save(map[string]Key{"collection/sshd/2026-11-20": vectorKey()}))
}
