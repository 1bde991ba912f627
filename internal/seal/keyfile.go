package seal

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/llama-logs/llama/internal/fsys"
)

// KeyFile is a master key that lies in a file of mode 0600, or in a systemd
// credential. The file is one line of text, so that it can be printed and kept in a
// safe: "llama-master-key-1:" and in base64 the key and the first 4 bytes of its
// SHA-256.
type KeyFile struct {
	kind Kind
	said string // where it lies, for errors
	key  Key
}

const (
	keyFilePrefix = "llama-master-key-1:"
	maxKeyFile    = 4096
	checkSize     = 4
)

// CreateKeyFile makes a key file, and its folder with mode 0700, unless there is
// one; created says which. It is durable when CreateKeyFile returns. Of several
// that try at once, one makes it and the others may fail.
//
// Where a keyring exists and its key file does not, a new key does not help: call
// it only for a new keyring.
func CreateKeyFile(path string) (created bool, err error) {
	dir, err := fsys.Dir(filepath.Dir(path))
	if err != nil {
		return false, fmt.Errorf("create the master key %s: %w", path, err)
	}
	defer dir.Close()
	if created, err = createKeyFile(dir, filepath.Base(path)); err != nil {
		return false, fmt.Errorf("create the master key %s: %w", path, err)
	}
	return created, nil
}

func createKeyFile(dir fsys.FS, name string) (created bool, err error) {
	if there, err := exists(dir, name); err != nil {
		return false, err
	} else if there {
		// Whoever made it may have been killed before it was durable.
		return false, dir.SyncDir(".")
	}
	lock, err := dir.Lock(name + ".lock")
	if err != nil {
		return false, err
	}
	defer func() {
		// Removing a lock is safe here only since all look again once they have it.
		err = errors.Join(err, dir.Remove(name+".lock"), lock.Close())
	}()
	if there, err := exists(dir, name); there || err != nil {
		return false, errors.Join(err, dir.SyncDir("."))
	}
	return true, fsys.Replace(dir, name, encodeKeyFile(NewKey()))
}

func exists(dir fsys.FS, name string) (bool, error) {
	_, err := dir.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// OpenKeyFile reads a key file. It refuses one that others than its owner may
// read or write.
func OpenKeyFile(path string) (*KeyFile, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the master key %s does not exist: %w", path, fs.ErrNotExist)
	} else if err != nil {
		return nil, fmt.Errorf("open the master key %s: %w", path, err)
	}
	dir, err := fsys.Dir(filepath.Dir(real))
	if err != nil {
		return nil, fmt.Errorf("open the master key %s: %w", path, err)
	}
	defer dir.Close()
	key, err := readKeyFile(dir, filepath.Base(real))
	if err != nil {
		return nil, fmt.Errorf("the master key %s %w", path, err)
	}
	return &KeyFile{KindKeyFile, "the key file " + path, key}, nil
}

// readKeyFile returns the key in a file. Its errors continue a sentence that
// names the file.
func readKeyFile(dir fsys.FS, name string) (Key, error) {
	info, err := dir.Stat(name)
	if err != nil {
		return Key{}, fmt.Errorf("cannot be read: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Key{}, errors.New("is not a file")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return Key{}, fmt.Errorf("has mode %04o, so others than its owner may use it; chmod 600 it", mode)
	}
	data, err := fsys.ReadFile(dir, name, maxKeyFile)
	if err != nil {
		return Key{}, fmt.Errorf("cannot be read: %w", err)
	}
	defer clear(data)
	return decodeKeyFile(data)
}

func encodeKeyFile(key Key) []byte {
	plain := key.append(make([]byte, 0, keySize+checkSize))
	sum := sha256.Sum256(plain)
	plain = append(plain, sum[:checkSize]...)
	defer clear(plain)
	return append(base64.RawURLEncoding.AppendEncode([]byte(keyFilePrefix), plain), '\n')
}

// decodeKeyFile is the reverse of encodeKeyFile. White space around the line may
// have come by copying.
func decodeKeyFile(data []byte) (Key, error) {
	text, found := bytes.CutPrefix(bytes.TrimSpace(data), []byte(keyFilePrefix))
	if !found {
		return Key{}, errors.New("is not a master key of this version")
	}
	plain := make([]byte, base64.RawURLEncoding.DecodedLen(len(text)))
	defer clear(plain)
	n, err := base64.RawURLEncoding.Strict().Decode(plain, text)
	if err != nil || n != keySize+checkSize {
		return Key{}, errors.New("is damaged")
	}
	sum := sha256.Sum256(plain[:keySize])
	if subtle.ConstantTimeCompare(sum[:checkSize], plain[keySize:n]) == 0 {
		return Key{}, errors.New("is damaged")
	}
	return newKey(plain[:keySize]), nil
}

// Kind is that of a key file or of a credential.
func (k *KeyFile) Kind() Kind { return k.kind }

// Wrap seals plain.
func (k *KeyFile) Wrap(plain, ad []byte) ([]byte, error) {
	return append([]byte{byte(k.kind)}, k.key.SealBlob(rootContext, plain, ad)...), nil
}

// Unwrap returns what Wrap sealed, from wherever the key was read then.
func (k *KeyFile) Unwrap(wrapped, ad []byte) ([]byte, error) {
	if len(wrapped) == 0 || Kind(wrapped[0]) != KindKeyFile && Kind(wrapped[0]) != KindCredential {
		return nil, ErrSealed
	}
	return k.key.UnsealBlob(rootContext, wrapped[1:], ad)
}

// String says where the key lies.
func (k *KeyFile) String() string { return k.said }
