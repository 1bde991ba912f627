// Package fsys is the file operations LLAMA uses for what must not be lost: the
// real ones, ones in memory that can lose power, and ones that fail on demand.
package fsys

import (
	"io"
	"io/fs"
)

// FS is a file system. Names are slash-separated and relative to its root, as
// fs.ValidPath has them. Errors wrap fs.ErrNotExist, fs.ErrExist and syscall
// errors such as ENOSPC, and name the file.
//
// What has been written survives a power cut only after File.Sync; that a name
// exists, is gone or has changed survives only after SyncDir of its folder.
type FS interface {
	// Create makes a new file for writing; one of that name must not exist.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Append opens an existing file to write behind its end.
	Append(name string) (File, error)
	Rename(from, to string) error
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

// File is an open file. Write appends. ReadAt may be called by many at once.
type File interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Sync() error
	// Truncate cuts the file to size bytes; the next Write follows there.
	Truncate(size int64) error
	Size() (int64, error)
}
