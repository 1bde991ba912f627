package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// A Log writes frames. Write is called by one goroutine at a time, the other
// methods by any.
//
// Invariant: when Write returned nil the frames are durable; when it returned an
// error no later start of the archive takes them for acknowledged, and the file is
// not written to again.
type Log struct {
	disk     fsys.FS
	keys     seal.Keys // of which the newest seals the key of each new file
	fileSize int64

	mu           sync.Mutex
	files        []file // those that are needed, oldest first; without the current
	current      *current
	spare        *spare   // the next file, or nil; see Prepare
	kept         []uint64 // numbers of files that are not needed, for the next spares
	next         uint64   // number of the next file
	owed         []*Frame // that a process before wrote and may not have synced
	buf          []byte
	bytes        atomic.Int64
	pace         pace
	wanted       chan struct{} // has something when there should be a spare
	wantedLength int64         // how long the next spare should be
}

// A file is one that is no longer written to.
type file struct {
	number  uint64
	durable int64  // bytes that count
	first   uint64 // arrival number of the first event
	last    uint64 // of the last event, 0 when there is none
}

// current is the file that is written to.
type current struct {
	file
	fsys.File
	salt   [16]byte
	sealer *seal.Sealer
	frames uint64

	length int64     // it was a spare, and has so many bytes already; 0: it grows
	asked  bool      // for the next spare
	writes int       // since it was marked
	mark   int64     // how long it was
	marked time.Time // then
}

// prepared reports whether the file was a spare.
func (c *current) prepared() bool { return c.length > 0 }

// Write writes frames and syncs them. After an error a new file is begun by the
// next Write, as what the disk made of this one is not known.
func (l *Log) Write(frames []*Frame) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.settle(); err != nil {
		return err
	}
	if l.current != nil && l.full(frames) {
		l.retire()
	}
	if l.current == nil {
		if err := l.begin(); err != nil {
			return err
		}
	}
	c := l.current
	l.buf = l.buf[:0]
	first, last := c.first, c.last
	for _, f := range frames {
		c.frames++
		l.buf = f.append(l.buf, c.sealer, c.salt[:], c.frames, uint64(c.durable))
		first, last = f.widen(first, last)
	}
	began := time.Now()
	_, err := c.Write(l.buf)
	if err == nil {
		err = c.Sync()
	}
	if err != nil {
		l.retire()
		return fmt.Errorf("write %s: %w", fileName(c.number), err)
	}
	l.pace.took(len(l.buf), time.Since(began))
	c.durable += int64(len(l.buf))
	c.first, c.last = first, last
	l.bytes.Add(int64(len(l.buf)))
	if cap(l.buf) > maxKept {
		l.buf = nil
	}
	l.want()
	return nil
}

// full reports whether frames should go into the next file: the current one has reached
// its size, would grow beyond what was prepared, or was not prepared and the next is.
func (l *Log) full(frames []*Frame) bool {
	c := l.current
	switch {
	case c.frames == 0:
		return false
	case !c.prepared():
		return c.durable >= l.fileSize || l.spare != nil && l.spare.file != nil
	}
	end := c.durable
	for _, f := range frames {
		end += int64(f.Size())
	}
	return end > c.length
}

// maxKept is the largest buffer that is kept for the next group.
const maxKept = 4 << 20

// newHeader makes the header of a next file.
func (l *Log) newHeader(number uint64) *header {
	h := &header{number: number, salt: seal.NewSalt(), key: seal.NewKey()}
	if n := len(l.files); n > 0 {
		h.before, h.durable = l.files[n-1].number, uint64(l.files[n-1].durable)
	}
	return h
}

// Settle makes durable what Open has played back from a full disk, if it did.
func (l *Log) Settle() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settle()
}

// settle writes what is owed to a file of its own, which appears as a whole: until
// then the file that has the frames now is the end of the log. The caller holds mu,
// or has not given the log to anyone yet.
func (l *Log) settle() error {
	if len(l.owed) == 0 {
		return nil
	}
	h := l.newHeader(l.next)
	data := h.append(nil, l.keys.Newest())
	sealer := h.key.File(framesOfFile)
	f := file{number: h.number}
	for i, frame := range l.owed {
		data = frame.append(data, sealer, h.salt[:], uint64(i+1), 0)
		f.first, f.last = frame.widen(f.first, f.last)
	}
	if err := fsys.Replace(l.disk, fileName(h.number), data); err != nil {
		return fmt.Errorf("write the end of the log again: %w", err)
	}
	f.durable = int64(len(data))
	l.files = append(l.files, f)
	l.bytes.Add(f.durable)
	l.next++
	for _, frame := range l.owed {
		frame.packed = nil
	}
	l.owed = nil
	return nil
}

// begin begins a new file. The caller holds mu.
func (l *Log) begin() error {
	s := l.takeSpare()
	prepared := s != nil
	if s == nil {
		s = &spare{number: l.next}
		// A file of this number is left from an attempt that failed.
		if err := l.remove(s.number); err != nil {
			return err
		}
		var err error
		if s.file, err = l.disk.Create(fileName(s.number)); err != nil {
			return err
		}
	}
	h := l.newHeader(s.number)
	data := h.append(nil, l.keys.Newest())
	_, err := s.file.Write(data)
	if err == nil {
		err = s.file.Sync()
	}
	if err == nil && !prepared {
		err = l.disk.SyncDir(Folder)
	}
	if err != nil {
		s.file.Close() // best effort: the next attempt, or the next start, removes it
		l.disk.Remove(fileName(s.number))
		return err
	}
	l.next = max(l.next, s.number+1)
	l.current = &current{
		file: file{number: s.number, durable: int64(len(data))}, File: s.file, salt: h.salt, sealer: h.key.File(framesOfFile),
		length: s.length, marked: time.Now(),
	}
	l.bytes.Add(int64(len(data)))
	return nil
}

// remove removes a file, if it is there.
func (l *Log) remove(number uint64) error {
	if err := l.disk.Remove(fileName(number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// retire ends the current file. What was prepared and not used of it is given back,
// and what is left of a write that failed. The caller holds mu.
func (l *Log) retire() {
	if size, err := l.current.Size(); err != nil || size > l.current.durable {
		l.current.Truncate(l.current.durable) // best effort: what is behind does not count, as the next file's header says
	}
	l.current.Close() // it is synced, so nothing can be lost by an error
	l.files = append(l.files, l.current.file)
	l.current = nil
}

// Renew ends the current file, and has those from the returned number on be sealed
// under another key. What Open found and could not write again is written before.
func (l *Log) Renew(key seal.Key) (from uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.settle(); err != nil {
		return 0, err
	}
	if l.current != nil {
		l.retire()
	}
	l.keys = seal.Keys{key}
	return l.upcoming(), nil
}

// Oldest returns the number of the oldest file that is still needed when all
// events before seq are elsewhere, which is the next file's number when none is.
func (l *Log) Oldest(seq uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if f.last >= seq {
			return f.number
		}
	}
	if l.current != nil && l.current.last >= seq {
		return l.current.number
	}
	if l.current != nil && l.current.frames > 0 {
		l.retire()
	}
	if l.current != nil {
		return l.current.number
	}
	return l.upcoming()
}

// Remove removes the files before that numbered oldest. While much comes in, some are kept
// that the next can be made of. A Checkpoint that says so is durable already. One Remove at
// a time.
func (l *Log) Remove(oldest uint64) error {
	for {
		l.mu.Lock()
		if len(l.files) == 0 || l.files[0].number >= oldest {
			l.mu.Unlock()
			return l.Rest()
		}
		f := l.files[0]
		keep := l.busy() && len(l.kept) < maxSpares && f.durable <= l.fileSize
		l.mu.Unlock()
		keep = keep && l.wipe(f.number) == nil
		if !keep {
			if err := l.remove(f.number); err != nil {
				return err
			}
		}
		l.mu.Lock()
		if keep {
			l.kept = append(l.kept, f.number)
		}
		l.bytes.Add(-f.durable)
		l.files = l.files[1:]
		l.mu.Unlock()
	}
}

// First returns the arrival number of the first event in the log, or 0 when it has none.
func (l *Log) First() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if f.last > 0 {
			return f.first
		}
	}
	if l.current != nil && l.current.last > 0 {
		return l.current.first
	}
	return 0
}

// Bytes returns how large the log is.
func (l *Log) Bytes() int64 { return l.bytes.Load() }

// Behind returns the arrival number up to which events are in files that make the
// log larger than limit: they should be sealed soon. 0 when there are none.
func (l *Log) Behind(limit int64) (seq uint64) {
	excess := l.bytes.Load() - limit
	if excess <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if excess <= 0 {
			break
		}
		seq = max(seq, f.last)
		excess -= f.durable
	}
	return seq
}

// Close closes the current file. No Prepare is under way.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		l.retire()
	}
	var err error
	if s := l.takeSpare(); s != nil {
		s.file.Close() // nothing is in it
		err = l.remove(s.number)
	}
	for _, number := range l.kept {
		err = errors.Join(err, l.remove(number))
	}
	l.kept = nil
	return err
}
