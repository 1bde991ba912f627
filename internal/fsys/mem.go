package fsys

import (
	"io"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory that models the loss of power: what was not
// synced may be lost, torn or kept, each change by itself. See Crash.
type Mem struct {
	mu      sync.Mutex
	root    *node
	changes []change // of names, not yet durable, in order
	locks   map[string]*memLock
	used    int64 // bytes in files that have a name
	limit   int64 // used may not grow beyond it
	dead    bool  // after Crash or Kill
}

// NewMem returns an empty file system on a disk of 1 TiB.
func NewMem() *Mem {
	return &Mem{root: newDir(), locks: map[string]*memLock{}, limit: 1 << 40}
}

// node is a file or a folder, in two states: as the living see it, and as a
// power cut would leave it.
type node struct {
	names   map[string]*node // a folder's, else nil
	safe    map[string]*node // the durable ones
	file    content
	changed time.Time
}

func newDir() *node {
	return &node{names: map[string]*node{}, safe: map[string]*node{}, changed: time.Now()}
}

func (n *node) isDir() bool { return n.names != nil }

// edit gives a name in a folder a node, or takes it away.
type edit struct {
	dir  *node
	name string
	node *node // nil: the name is gone
}

// change is edits that survive a power cut together or not at all.
type change []edit

// do makes a change, for the living.
func (m *Mem) do(c change) {
	for _, e := range c {
		old := e.dir.names[e.name]
		if e.node == nil {
			delete(e.dir.names, e.name)
		} else {
			e.dir.names[e.name] = e.node
			m.forget(old)
		}
		e.dir.changed = time.Now()
	}
	m.changes = append(m.changes, c)
}

// forget stops counting the bytes of a file that has lost its name. Real disks
// count until the last handle is closed; nothing here depends on that.
func (m *Mem) forget(n *node) {
	if n != nil && !n.file.gone {
		m.used -= int64(len(n.file.live))
		n.file.gone = true
	}
}

// find returns the node called name, or nil.
func (m *Mem) find(name string) *node {
	n := m.root
	if name == "." {
		return n
	}
	for part := range strings.SplitSeq(name, "/") {
		if n = n.names[part]; n == nil {
			return nil
		}
	}
	return n
}

// enter locks m for an operation on names, and refuses when m is dead or a name
// is not valid. The caller unlocks m in every case.
func (m *Mem) enter(op string, names ...string) error {
	m.mu.Lock()
	for _, name := range names {
		if err := check(op, name); err != nil {
			return err
		}
		if m.dead {
			return fail(op, name, fs.ErrClosed)
		}
	}
	return nil
}

func fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Create makes a new file.
func (m *Mem) Create(name string) (File, error) {
	err := m.enter("create", name)
	defer m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	n, err := m.create(name)
	if err != nil {
		return nil, err
	}
	return &memFile{m: m, n: n, name: name, writes: true}, nil
}

func (m *Mem) create(name string) (*node, error) {
	dir := m.find(path.Dir(name))
	switch {
	case m.find(name) != nil:
		return nil, fail("create", name, syscall.EEXIST)
	case dir == nil:
		return nil, fail("create", name, syscall.ENOENT)
	case !dir.isDir():
		return nil, fail("create", name, syscall.ENOTDIR)
	}
	n := &node{changed: time.Now()}
	m.do(change{{dir, path.Base(name), n}})
	return n, nil
}

// Open opens a file for reading.
func (m *Mem) Open(name string) (File, error) {
	return m.open("open", name, func(*memFile) {})
}

// Append opens an existing file to write behind its end.
func (m *Mem) Append(name string) (File, error) {
	return m.open("append", name, func(f *memFile) { f.writes = true })
}

// Overwrite opens an existing file to write over it.
func (m *Mem) Overwrite(name string) (File, error) {
	return m.open("overwrite", name, func(f *memFile) { f.writes, f.over = true, true })
}

func (m *Mem) open(op, name string, set func(*memFile)) (File, error) {
	err := m.enter(op, name)
	defer m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	f := &memFile{m: m, n: m.find(name), name: name}
	set(f)
	switch {
	case f.n == nil:
		return nil, fail(op, name, syscall.ENOENT)
	case f.n.isDir() && f.writes:
		return nil, fail(op, name, syscall.EISDIR)
	}
	return f, nil
}

// Rename gives a file or folder another name.
func (m *Mem) Rename(from, to string) error {
	err := m.enter("rename", from, to)
	defer m.mu.Unlock()
	if err != nil {
		return err
	}
	n, dir, old := m.find(from), m.find(path.Dir(to)), m.find(to)
	switch {
	case n == nil || dir == nil:
		return fail("rename", from, syscall.ENOENT)
	case from == "." || to == "." || strings.HasPrefix(to, from+"/"):
		return fail("rename", from, syscall.EINVAL)
	case !dir.isDir() || old != nil && n.isDir() && !old.isDir():
		return fail("rename", from, syscall.ENOTDIR)
	case old == n:
		return nil
	case old != nil && old.isDir():
		return fail("rename", from, syscall.EEXIST)
	}
	m.do(change{{m.find(path.Dir(from)), path.Base(from), nil}, {dir, path.Base(to), n}})
	return nil
}

// Remove removes a file or an empty folder.
func (m *Mem) Remove(name string) error {
	err := m.enter("remove", name)
	defer m.mu.Unlock()
	if err != nil {
		return err
	}
	n := m.find(name)
	switch {
	case n == nil:
		return fail("remove", name, syscall.ENOENT)
	case n == m.root:
		return fail("remove", name, syscall.EINVAL)
	case len(n.names) > 0:
		return fail("remove", name, syscall.ENOTEMPTY)
	}
	m.forget(n)
	m.do(change{{m.find(path.Dir(name)), path.Base(name), nil}})
	return nil
}

// MkdirAll makes a folder and those above it.
func (m *Mem) MkdirAll(name string) error {
	err := m.enter("mkdir", name)
	defer m.mu.Unlock()
	if err != nil || name == "." {
		return err
	}
	n := m.root
	for part := range strings.SplitSeq(name, "/") {
		next := n.names[part]
		if next == nil {
			next = newDir()
			m.do(change{{n, part, next}})
		} else if !next.isDir() {
			return fail("mkdir", name, syscall.ENOTDIR)
		}
		n = next
	}
	return nil
}

// List returns the names in a folder.
func (m *Mem) List(name string) ([]string, error) {
	err := m.enter("list", name)
	defer m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	n := m.find(name)
	switch {
	case n == nil:
		return nil, fail("list", name, syscall.ENOENT)
	case !n.isDir():
		return nil, fail("list", name, syscall.ENOTDIR)
	}
	names := slices.Collect(maps.Keys(n.names))
	for i, s := range names {
		if n.names[s].isDir() {
			names[i] += "/"
		}
	}
	slices.Sort(names)
	return names, nil
}

// Stat describes a file or folder.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	err := m.enter("stat", name)
	defer m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	n := m.find(name)
	if n == nil {
		return nil, fail("stat", name, syscall.ENOENT)
	}
	return memInfo{path.Base(name), int64(len(n.file.live)), n.isDir(), n.changed}, nil
}

// Lock takes a lock on a file.
func (m *Mem) Lock(name string) (io.Closer, error) {
	err := m.enter("lock", name)
	defer m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if m.locks[name] != nil {
		return nil, fail("lock", name, ErrLocked)
	}
	if n := m.find(name); n == nil {
		if _, err := m.create(name); err != nil {
			return nil, err
		}
	} else if n.isDir() {
		return nil, fail("lock", name, syscall.EISDIR)
	}
	l := &memLock{m, name}
	m.locks[name] = l
	return l, nil
}

type memLock struct {
	m    *Mem
	name string
}

// Close releases the lock.
func (l *memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.m.locks[l.name] != l {
		return fail("unlock", l.name, fs.ErrClosed)
	}
	delete(l.m.locks, l.name)
	return nil
}

// Free returns the bytes left and the size of the disk.
func (m *Mem) Free() (free, total int64, err error) {
	err = m.enter("free", ".")
	defer m.mu.Unlock()
	if err != nil {
		return 0, 0, err
	}
	return max(0, m.limit-m.used), m.limit, nil
}

// SetFree makes the disk as large as what is on it now and bytes more. A write
// beyond that writes what fits and fails with ENOSPC.
func (m *Mem) SetFree(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = m.used + min(bytes, math.MaxInt64-m.used)
}

type memInfo struct {
	name    string
	size    int64
	dir     bool
	changed time.Time
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.changed }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }

func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
