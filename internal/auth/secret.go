package auth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// randomText returns n random bytes as text that is safe in files and headers.
func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// secretFile returns the size bytes of the file name, which is made of random
// bytes when it is not there.
func secretFile(name string, size int) ([]byte, error) {
	secret, err := readSecret(name)
	if errors.Is(err, fs.ErrNotExist) {
		secret = make([]byte, size)
		rand.Read(secret)
		return secret, writeSecret(name, secret)
	}
	if err != nil {
		return nil, err
	}
	if len(secret) != size {
		return nil, fmt.Errorf("%s has %d bytes; %d are expected", name, len(secret), size)
	}
	return secret, nil
}

// readSecret reads a file that only its owner may read.
func readSecret(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o; others may read it: chmod 600", name, mode)
	}
	return os.ReadFile(name)
}

// writeSecret makes or replaces a file of mode 0600, so that a crash leaves the
// old file or the new one.
func writeSecret(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
