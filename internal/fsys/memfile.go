package fsys

import (
	"io"
	"io/fs"
	"slices"
	"syscall"
	"time"
)

// content is a file's bytes, as the living see them and as they are on the disk.
type content struct {
	live   []byte
	safe   []byte  // on the disk, before the writes
	writes []write // what came since, in order
	gone   bool    // the file has no name, so its bytes are not counted
}

// write is bytes written at an offset, or when data is nil a cut there.
type write struct {
	at    int64
	data  []byte
	state state
}

// state says what a power cut does to a write.
type state uint8

const (
	pending state = iota // it may be lost, torn or kept
	kept                 // it is on the disk, but follows one that is doomed
	doomed               // a Sync failed, so it may be lost for ever
)

// sync makes pending writes durable. Those that are doomed stay so.
func (c *content) sync() {
	for i := range c.writes {
		if c.writes[i].state == pending {
			c.writes[i].state = kept
		}
	}
	first := slices.IndexFunc(c.writes, func(w write) bool { return w.state == doomed })
	if first < 0 {
		first = len(c.writes)
	}
	for _, w := range c.writes[:first] {
		c.safe = w.apply(c.safe)
	}
	c.writes = slices.Delete(c.writes, 0, first)
}

// doom is what a failed Sync does: the system drops what it could not write and
// takes it for written.
func (c *content) doom() {
	for i := range c.writes {
		if c.writes[i].state == pending {
			c.writes[i].state = doomed
		}
	}
}

// apply returns buf after w. A hole before it is zeros.
func (w write) apply(buf []byte) []byte {
	if w.data == nil {
		return buf[:min(int64(len(buf)), w.at)]
	}
	if hole := w.at - int64(len(buf)); hole > 0 {
		buf = append(buf, make([]byte, hole)...)
	}
	n := copy(buf[w.at:], w.data)
	return append(buf, w.data[n:]...)
}

// memFile is an open file of a Mem.
type memFile struct {
	m      *Mem
	n      *node
	name   string
	writes bool
	over   bool  // writes go to at
	at     int64 // behind the Write before
	closed bool
}

// enter locks the file system for op. The caller unlocks it in every case.
func (f *memFile) enter(op string, writes bool) error {
	f.m.mu.Lock()
	switch {
	case f.closed || f.m.dead:
		return fail(op, f.name, fs.ErrClosed)
	case writes && !f.writes:
		return fail(op, f.name, syscall.EBADF)
	case f.n.isDir():
		return fail(op, f.name, syscall.EISDIR)
	}
	return nil
}

// Write writes behind the end or over what is there, as far as the disk has room.
func (f *memFile) Write(p []byte) (int, error) {
	err := f.enter("write", true)
	defer f.m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n := len(p)
	c := &f.n.file
	end := int64(len(c.live))
	at := end
	if f.over {
		at = f.at
	}
	if room := max(0, f.m.limit-f.m.used) + max(0, end-at); int64(n) > room {
		n, err = int(room), fail("write", f.name, syscall.ENOSPC)
	}
	if n > 0 {
		w := write{at: at, data: slices.Clone(p[:n])}
		c.writes = append(c.writes, w)
		c.live = w.apply(c.live)
		f.at = at + int64(n)
		f.grow(int64(len(c.live)) - end)
	}
	return n, err
}

func (f *memFile) grow(bytes int64) {
	if !f.n.file.gone {
		f.m.used += bytes
	}
	f.n.changed = time.Now()
}

// ReadAt reads from offset off.
func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	err := f.enter("read", false)
	defer f.m.mu.Unlock()
	live := f.n.file.live
	switch {
	case err != nil:
		return 0, err
	case off < 0:
		return 0, fail("read", f.name, syscall.EINVAL)
	case off >= int64(len(live)) && len(p) > 0:
		return 0, io.EOF
	}
	n := copy(p, live[min(off, int64(len(live))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Truncate cuts the file. It may not make it longer.
func (f *memFile) Truncate(size int64) error {
	err := f.enter("truncate", true)
	defer f.m.mu.Unlock()
	c := &f.n.file
	switch {
	case err != nil:
		return err
	case size < 0 || size > int64(len(c.live)):
		return fail("truncate", f.name, fs.ErrInvalid)
	}
	c.writes = append(c.writes, write{at: size})
	f.grow(size - int64(len(c.live)))
	c.live = c.live[:size]
	return nil
}

// Sync makes what was written durable, by this handle or another.
func (f *memFile) Sync() error {
	err := f.enter("sync", false)
	defer f.m.mu.Unlock()
	if err == nil {
		f.n.file.sync()
	}
	return err
}

// failSync does what a Sync that fails does.
func (f *memFile) failSync() {
	if err := f.enter("sync", false); err == nil {
		f.n.file.doom()
	}
	f.m.mu.Unlock()
}

// WillNeed does nothing, as all is in memory.
func (f *memFile) WillNeed(int64, int64) {}

// Size returns the file's length.
func (f *memFile) Size() (int64, error) {
	err := f.enter("size", false)
	defer f.m.mu.Unlock()
	return int64(len(f.n.file.live)), err
}

// Close ends the handle. It syncs nothing.
func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed || f.m.dead {
		return fail("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}
