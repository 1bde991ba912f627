package fsys

import (
	"io"
	"io/fs"
	"sync"
	"syscall"
)

// Ops is a set of kinds of operation.
type Ops uint32

// The kinds. Sizes, and closing files and locks, are never counted.
const (
	OpCreate Ops = 1 << iota
	OpOpen
	OpAppend
	OpRename
	OpRemove
	OpMkdir
	OpList
	OpStat
	OpSyncDir
	OpLock
	OpFree
	OpWrite
	OpRead
	OpSync
	OpTruncate
	OpOverwrite

	// Changes are all operations that change what is on the disk or make a
	// change durable.
	Changes = OpCreate | OpRename | OpRemove | OpMkdir | OpSyncDir | OpLock | OpWrite | OpSync | OpTruncate
	// All is every kind.
	All = OpOverwrite<<1 - 1
)

// A Plan says which operations of a Fault fail, and how.
type Plan struct {
	Only Ops   // the kinds that are counted and may fail; 0 means All
	At   int   // the first that fails, from 1; 0: none
	Then int   // how many after it fail too; -1: all, as when a disk is gone
	Err  error // what they fail with; nil means EIO
	// Partial is the share of its bytes, 0 to 1, that a write which fails has
	// written.
	Partial float64
	// Dead says that not the disk fails but the process has died: operations that
	// fail do not reach the disk, and a Sync that fails loses nothing by that.
	Dead bool
	// Done lets an operation that fails do its work before it reports failure,
	// as a disk may that loses only the answer. It does not concern reads.
	Done bool
}

// Fault is a file system whose operations fail on demand. A Sync of a file in
// memory that fails loses what was to be synced, as Linux does: a later Sync
// that succeeds does not bring it back. A new Fault fails nothing.
type Fault struct {
	under FS

	mu    sync.Mutex
	plan  Plan
	count int
}

// NewFault returns a Fault over under.
func NewFault(under FS) *Fault { return &Fault{under: under} }

// Set puts p in force, in place of the plan before, and counts from 0 again.
func (f *Fault) Set(p Plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan, f.count = p, 0
}

// Count returns how many operations of the plan's kinds there were.
func (f *Fault) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// Failed reports whether an operation has failed under the plan.
func (f *Fault) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.plan.At > 0 && f.count >= f.plan.At
}

// fails counts an operation and returns the plan, and the error when this one
// fails.
func (f *Fault) fails(op Ops, what, name string) (Plan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.plan
	if p.Only != 0 && p.Only&op == 0 {
		return p, nil
	}
	f.count++
	if p.At == 0 || f.count < p.At || p.Then >= 0 && f.count > p.At+p.Then {
		return p, nil
	}
	if p.Err == nil {
		p.Err = syscall.EIO
	}
	return p, &fs.PathError{Op: what, Path: name, Err: p.Err}
}

// try does an operation that has no result but an error.
func (f *Fault) try(op Ops, what, name string, do func() error) error {
	p, failed := f.fails(op, what, name)
	if failed == nil {
		return do()
	}
	if p.Done {
		do() // the answer is lost either way
	}
	return failed
}

// open does an operation that opens a file.
func (f *Fault) open(op Ops, what, name string, do func() (File, error)) (File, error) {
	p, failed := f.fails(op, what, name)
	if failed != nil && !p.Done {
		return nil, failed
	}
	file, err := do()
	if err != nil {
		return nil, err
	}
	if failed != nil {
		file.Close() // nothing was written to it
		return nil, failed
	}
	return &faultFile{f, file, name}, nil
}

// Create makes a new file.
func (f *Fault) Create(name string) (File, error) {
	return f.open(OpCreate, "create", name, func() (File, error) { return f.under.Create(name) })
}

// Open opens a file for reading.
func (f *Fault) Open(name string) (File, error) {
	return f.open(OpOpen, "open", name, func() (File, error) { return f.under.Open(name) })
}

// Append opens an existing file to write behind its end.
func (f *Fault) Append(name string) (File, error) {
	return f.open(OpAppend, "append", name, func() (File, error) { return f.under.Append(name) })
}

// Overwrite opens an existing file to write over it.
func (f *Fault) Overwrite(name string) (File, error) {
	return f.open(OpOverwrite, "overwrite", name, func() (File, error) { return f.under.Overwrite(name) })
}

// Rename gives a file another name.
func (f *Fault) Rename(from, to string) error {
	return f.try(OpRename, "rename", from, func() error { return f.under.Rename(from, to) })
}

// Remove removes a file or an empty folder.
func (f *Fault) Remove(name string) error {
	return f.try(OpRemove, "remove", name, func() error { return f.under.Remove(name) })
}

// MkdirAll makes a folder and those above it.
func (f *Fault) MkdirAll(name string) error {
	return f.try(OpMkdir, "mkdir", name, func() error { return f.under.MkdirAll(name) })
}

// List returns the names in a folder.
func (f *Fault) List(name string) ([]string, error) {
	if _, err := f.fails(OpList, "list", name); err != nil {
		return nil, err
	}
	return f.under.List(name)
}

// Stat describes a file or folder.
func (f *Fault) Stat(name string) (fs.FileInfo, error) {
	if _, err := f.fails(OpStat, "stat", name); err != nil {
		return nil, err
	}
	return f.under.Stat(name)
}

// SyncDir makes the names in a folder durable.
func (f *Fault) SyncDir(name string) error {
	return f.try(OpSyncDir, "sync", name, func() error { return f.under.SyncDir(name) })
}

// Lock takes a lock on a file.
func (f *Fault) Lock(name string) (io.Closer, error) {
	if _, err := f.fails(OpLock, "lock", name); err != nil {
		return nil, err
	}
	return f.under.Lock(name)
}

// Free returns the bytes left and the size of the disk.
func (f *Fault) Free() (free, total int64, err error) {
	if _, err := f.fails(OpFree, "free", "."); err != nil {
		return 0, 0, err
	}
	return f.under.Free()
}

// faultFile is an open file of a Fault.
type faultFile struct {
	fault *Fault
	under File
	name  string
}

// Write writes all, or the plan's share and fails.
func (f *faultFile) Write(p []byte) (int, error) {
	plan, failed := f.fault.fails(OpWrite, "write", f.name)
	if failed == nil {
		return f.under.Write(p)
	}
	if plan.Done {
		plan.Partial = 1
	}
	n, err := f.under.Write(p[:int(plan.Partial*float64(len(p)))])
	if err != nil {
		return n, err
	}
	return n, failed
}

// ReadAt reads from offset off.
func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	if _, err := f.fault.fails(OpRead, "read", f.name); err != nil {
		return 0, err
	}
	return f.under.ReadAt(p, off)
}

// Sync makes what was written durable.
func (f *faultFile) Sync() error {
	plan, failed := f.fault.fails(OpSync, "sync", f.name)
	switch mem, ok := f.under.(*memFile); {
	case failed == nil:
		return f.under.Sync()
	case plan.Done:
		f.under.Sync() // the answer is lost either way
	case ok && !plan.Dead:
		mem.failSync()
	}
	return failed
}

// Truncate cuts the file.
func (f *faultFile) Truncate(size int64) error {
	return f.fault.try(OpTruncate, "truncate", f.name, func() error { return f.under.Truncate(size) })
}

// WillNeed never fails.
func (f *faultFile) WillNeed(offset, length int64) { f.under.WillNeed(offset, length) }

// Size returns the file's length.
func (f *faultFile) Size() (int64, error) { return f.under.Size() }

// Close ends the handle.
func (f *faultFile) Close() error { return f.under.Close() }
