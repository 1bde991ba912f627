// Package fsys is the file operations LLAMA uses for what must not be lost: the
// real ones (Dir), ones in memory that can lose power (Mem), and ones that fail
// on demand (Fault). All pass one conformance suite, so that what is tested over
// Mem and Fault holds over Dir.
package fsys

import (
	"errors"
	"io"
	"io/fs"
)

// ErrLocked says that another process, or another part of this one, holds a lock.
var ErrLocked = errors.New("locked by another")

// FS is a file system. Names are slash-separated and relative to its root, as
// fs.ValidPath has them; others fail with fs.ErrInvalid. Errors wrap
// fs.ErrNotExist, fs.ErrExist and syscall errors such as ENOSPC, and name the
// file. All methods may be called by many at once.
//
// What has been written survives a power cut only after File.Sync; that a name
// exists, is gone or has changed survives only after SyncDir of its folder. So
// a new folder needs SyncDir of the folder above it. A rename is atomic: after a
// power cut it has happened or it has not.
type FS interface {
	// Create makes a new file; one of that name must not exist.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Append opens an existing file to write behind its end.
	Append(name string) (File, error)
	// Overwrite opens an existing file to write over it, from its beginning.
	Overwrite(name string) (File, error)
	// Rename gives a file another name; a file that has it is replaced.
	Rename(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// MkdirAll makes a folder and those above it, mode 0700.
	MkdirAll(name string) error
	// List returns the names in a folder, sorted; folders end in a slash.
	List(name string) ([]string, error)
	Stat(name string) (fs.FileInfo, error)
	SyncDir(name string) error
	// Lock takes a lock on a file, made if absent, that dies with the process;
	// it fails with ErrLocked when another holds it. Close releases it.
	Lock(name string) (io.Closer, error)
	// Free returns the bytes left for this process and the size of the disk.
	Free() (free, total int64, err error)
}

// File is an open file. Write appends, or goes on behind the Write before on files
// opened to be overwritten; one that fails may have written a part, as its count
// says. ReadAt may be called by many at once, and on files that can be written too.
//
// When Sync has failed, what was written since the last good Sync may be lost
// even if a later Sync succeeds: the operating system may have dropped it. Write
// it again, to another file.
type File interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Sync() error
	// Truncate cuts the file to size bytes; the next Write that appends follows there.
	Truncate(size int64) error
	Size() (int64, error)
	// WillNeed says that a part of the file will be read soon, so that the system may
	// begin to: who reads many parts then waits for all of them at once. It waits for
	// nothing, and nothing fails by it.
	WillNeed(offset, length int64)
}

// check refuses names that are not valid, as the operation op on name.
func check(op, name string) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return nil
}
