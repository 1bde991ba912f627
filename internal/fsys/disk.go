package fsys

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Disk is a folder of the real file system. Files have mode 0600, folders 0700.
// Names that lead out of the folder, by symbolic links too, are refused.
type Disk struct {
	root *os.Root
	here *os.File // the folder
}

// Dir opens the folder root, which is made with mode 0700 if it is absent. Close
// releases it; files that are open stay so.
func Dir(root string) (*Disk, error) {
	if err := makeRoot(root); err != nil {
		return nil, err
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	here, err := r.Open(".")
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &Disk{r, here}, nil
}

// makeRoot makes the folders up to root that are absent, and makes them durable.
func makeRoot(root string) error {
	if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(root)
	if above != root {
		if err := makeRoot(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(root, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(above)
	if err != nil {
		return nil // a folder above that may not be read: it was not made by us
	}
	defer f.Close()
	return f.Sync()
}

// Close releases the folder.
func (d *Disk) Close() error { return errors.Join(d.here.Close(), d.root.Close()) }

// Create makes a new file.
func (d *Disk) Create(name string) (File, error) {
	return d.open("create", name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND)
}

// Open opens a file for reading.
func (d *Disk) Open(name string) (File, error) { return d.open("open", name, os.O_RDONLY) }

// Append opens an existing file to write behind its end.
func (d *Disk) Append(name string) (File, error) {
	return d.open("append", name, os.O_RDWR|os.O_APPEND)
}

// Overwrite opens an existing file to write over it.
func (d *Disk) Overwrite(name string) (File, error) { return d.open("overwrite", name, os.O_RDWR) }

func (d *Disk) open(op, name string, flag int) (File, error) {
	if err := check(op, name); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, d.whole(err)
	}
	return diskFile{f}, nil
}

// Rename gives a file another name.
func (d *Disk) Rename(from, to string) error {
	if err := errors.Join(check("rename", from), check("rename", to)); err != nil {
		return err
	}
	return d.whole(d.root.Rename(from, to))
}

// Remove removes a file or an empty folder.
func (d *Disk) Remove(name string) error {
	if err := check("remove", name); err != nil {
		return err
	}
	return d.whole(d.root.Remove(name))
}

// MkdirAll makes a folder and those above it.
func (d *Disk) MkdirAll(name string) error {
	if err := check("mkdir", name); err != nil {
		return err
	}
	return d.whole(d.root.MkdirAll(name, 0o700))
}

// List returns the names in a folder.
func (d *Disk) List(name string) ([]string, error) {
	dir, err := d.openDir("list", name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	found, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(found))
	for i, e := range found {
		names[i] = e.Name()
		if e.IsDir() {
			names[i] += "/"
		}
	}
	slices.Sort(names)
	return names, nil
}

// Stat describes a file or folder.
func (d *Disk) Stat(name string) (fs.FileInfo, error) {
	if err := check("stat", name); err != nil {
		return nil, err
	}
	info, err := d.root.Stat(name)
	return info, d.whole(err)
}

// SyncDir makes the names in a folder durable.
func (d *Disk) SyncDir(name string) error {
	dir, err := d.openDir("sync", name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func (d *Disk) openDir(op, name string) (*os.File, error) {
	if err := check(op, name); err != nil {
		return nil, err
	}
	dir, err := d.root.Open(name)
	return dir, d.whole(err)
}

// Lock takes a lock on a file. The file stays when the lock is released, as
// removing it would let two hold locks on two files of one name.
func (d *Disk) Lock(name string) (io.Closer, error) {
	if err := check("lock", name); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, d.whole(err)
	}
	if err := lock(f); err != nil {
		f.Close() // nothing was written
		return nil, &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return f, nil
}

// Free returns the bytes left and the size of the disk under the folder.
func (d *Disk) Free() (free, total int64, err error) { return space(d.here) }

// whole puts the folder's path before the names in err, which os.Root leaves
// relative.
func (d *Disk) whole(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return &fs.PathError{Op: e.Op, Path: filepath.Join(d.root.Name(), e.Path), Err: e.Err}
	case *os.LinkError:
		old, to := filepath.Join(d.root.Name(), e.Old), filepath.Join(d.root.Name(), e.New)
		return &os.LinkError{Op: e.Op, Old: old, New: to, Err: e.Err}
	}
	return err
}

// diskFile is an open file of a Disk.
type diskFile struct{ *os.File }

// Sync makes what was written durable.
func (f diskFile) Sync() error {
	if err := syncData(f.File); err != nil {
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

// Truncate cuts the file. Unlike the system's it never makes it longer, as the
// zeros would look like something written.
func (f diskFile) Truncate(size int64) error {
	if now, err := f.Size(); err != nil {
		return err
	} else if size < 0 || size > now {
		return &fs.PathError{Op: "truncate", Path: f.Name(), Err: fs.ErrInvalid}
	}
	return f.File.Truncate(size)
}

// WillNeed has the system begin to read a part of the file.
func (f diskFile) WillNeed(offset, length int64) { willNeed(f.File, offset, length) }

// Size returns the file's length.
func (f diskFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
