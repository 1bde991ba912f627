package fsys

import (
	"container/list"
	"sync"
)

// Handles opens files for reading and keeps those used last open, so that who reads
// many pieces of a file one after the other does not look up its name for each. It may
// be used by many at once.
type Handles struct {
	under FS
	limit int // files that are open though nobody reads them

	mu     sync.Mutex
	byName map[string]*list.Element
	newest *list.List // of *handle, the one used last in front
	forgot int        // how often files were let go that may be removed
}

// A handle is an open file that several may have.
type handle struct {
	File
	of    *Handles
	name  string
	users int
	gone  bool // the last user closes it
}

// NewHandles returns Handles that keep up to so many files open.
func NewHandles(under FS, limit int) *Handles {
	return &Handles{under: under, limit: limit, byName: map[string]*list.Element{}, newest: list.New()}
}

// Open opens a file for reading. Two that ask at once may both open it.
func (h *Handles) Open(name string) (File, error) {
	f, forgot := h.find(name)
	if f != nil {
		return f, nil
	}
	f, err := h.under.Open(name)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	x := &handle{File: f, of: h, name: name, users: 1}
	if _, ok := h.byName[name]; ok || h.forgot != forgot {
		x.gone = true // another was quicker, or it may have been removed meanwhile
		return x, nil
	}
	h.byName[name] = h.newest.PushFront(x)
	for h.newest.Len() > h.limit {
		h.remove(h.newest.Back())
	}
	return x, nil
}

// find returns a file that is open, or nil and how often files were let go.
func (h *Handles) find(name string) (File, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.byName[name]
	if !ok {
		return nil, h.forgot
	}
	h.newest.MoveToFront(e)
	x := e.Value.(*handle)
	x.users++
	return x, h.forgot
}

// remove lets a file go when its users have. The caller holds mu.
func (h *Handles) remove(e *list.Element) {
	x := h.newest.Remove(e).(*handle)
	delete(h.byName, x.name)
	x.gone = true
	if x.users == 0 {
		x.File.Close() // it was only read
	}
}

// Forget lets files go, so that those that are removed take no more disk.
func (h *Handles) Forget(names ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgot++
	for _, name := range names {
		if e, ok := h.byName[name]; ok {
			h.remove(e)
		}
	}
}

// Close lets all files go. Who opens one later closes it as well.
func (h *Handles) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limit = 0
	for h.newest.Len() > 0 {
		h.remove(h.newest.Back())
	}
}

// Close gives the file back.
func (x *handle) Close() error {
	x.of.mu.Lock()
	defer x.of.mu.Unlock()
	if x.users--; x.users == 0 && x.gone {
		return x.File.Close()
	}
	return nil
}
