package fsys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// ErrTooLarge says that a file is longer than its reader allows.
var ErrTooLarge = errors.New("file is larger than allowed")

// ReadFile reads a whole file of at most maxBytes.
func ReadFile(from FS, name string, maxBytes int64) ([]byte, error) {
	f, err := from.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > maxBytes {
		return nil, fmt.Errorf("read %s: %d bytes, %d are allowed: %w", name, size, maxBytes, ErrTooLarge)
	}
	data := make([]byte, size)
	if n, err := f.ReadAt(data, 0); int64(n) < size {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// Replace gives the file called name the content data, durably and at once: after
// a power cut it is whole, old or new. The file name.tmp is used on the way. Two
// may not replace one file at the same time.
//
// After an error the file is old or new, and new only when syncing the folder
// failed.
func Replace(on FS, name string, data []byte) error {
	tmp := name + ".tmp"
	if err := on.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeWhole(on, tmp, data); err != nil {
		on.Remove(tmp) // best effort: the next Replace removes it
		return err
	}
	if err := on.Rename(tmp, name); err != nil {
		return err
	}
	return on.SyncDir(path.Dir(name))
}

// writeWhole makes a file of data and syncs it.
func writeWhole(on FS, name string, data []byte) error {
	f, err := on.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
