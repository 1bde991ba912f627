package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

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

	mu      sync.Mutex
	files   []file // those that are needed, oldest first; without the current
	current *current
	next    uint64   // number of the next file
	owed    []*Frame // that a process before wrote and may not have synced
	buf     []byte
	bytes   atomic.Int64
}

// A file is one that is no longer written to.
type file struct {
	number  uint64
	durable int64  // bytes that count
	last    uint64 // arrival number of the last event, 0 when there is none
}

// current is the file that is written to.
type current struct {
	file
	fsys.File
	salt   [16]byte
	sealer *seal.Sealer
	frames uint64
}

// Write writes frames and syncs them. After an error a new file is begun by the
// next Write, as what the disk made of this one is not known.
func (l *Log) Write(frames []*Frame) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.settle(); err != nil {
		return err
	}
	if l.current != nil && l.current.durable >= l.fileSize {
		l.retire()
	}
	if l.current == nil {
		if err := l.begin(); err != nil {
			return err
		}
	}
	c := l.current
	l.buf = l.buf[:0]
	last := c.last
	for _, f := range frames {
		c.frames++
		l.buf = f.append(l.buf, c.sealer, c.salt[:], c.frames, uint64(c.durable))
		if f.Events > 0 {
			last = f.First + uint64(f.Events) - 1
		}
	}
	_, err := c.Write(l.buf)
	if err == nil {
		err = c.Sync()
	}
	if err != nil {
		l.abandon()
		return fmt.Errorf("write %s: %w", fileName(c.number), err)
	}
	c.durable += int64(len(l.buf))
	c.last = last
	l.bytes.Add(int64(len(l.buf)))
	if cap(l.buf) > maxKept {
		l.buf = nil
	}
	return nil
}

// maxKept is the largest buffer that is kept for the next group.
const maxKept = 4 << 20

// newHeader makes the header of the next file.
func (l *Log) newHeader() *header {
	h := &header{number: l.next, salt: seal.NewSalt(), key: seal.NewKey()}
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
	h := l.newHeader()
	data := h.append(nil, l.keys.Newest())
	sealer := h.key.File(framesOfFile)
	f := file{number: h.number}
	for i, frame := range l.owed {
		data = frame.append(data, sealer, h.salt[:], uint64(i+1), 0)
		if frame.Events > 0 {
			f.last = frame.First + uint64(frame.Events) - 1
		}
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

// begin makes a new file. The caller holds mu.
func (l *Log) begin() (err error) {
	h := l.newHeader()
	name := fileName(h.number)
	// A file of this number is left from an attempt that failed.
	if err := l.disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := l.disk.Create(name)
	if err != nil {
		return err
	}
	data := h.append(nil, l.keys.Newest())
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.disk.SyncDir(Folder)
	}
	if err != nil {
		f.Close() // best effort: the next attempt, or the next start, removes it
		l.disk.Remove(name)
		return err
	}
	l.next++
	l.current = &current{
		file: file{number: h.number, durable: int64(len(data))}, File: f, salt: h.salt, sealer: h.key.File(framesOfFile),
	}
	l.bytes.Add(int64(len(data)))
	return nil
}

// retire ends the current file. The caller holds mu.
func (l *Log) retire() {
	l.current.Close() // it is synced, so nothing can be lost by an error
	l.files = append(l.files, l.current.file)
	l.current = nil
}

// abandon ends the current file after an error. What is behind its durable part
// does not count, as the next file's header says; if there comes to be none, the
// cut here helps.
func (l *Log) abandon() {
	l.current.Truncate(l.current.durable) // best effort, see above
	l.retire()
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
	return l.next, nil
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
	return l.next
}

// Remove removes the files before that numbered oldest. A Checkpoint that says so
// is durable already.
func (l *Log) Remove(oldest uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.files) > 0 && l.files[0].number < oldest {
		f := l.files[0]
		if err := l.disk.Remove(fileName(f.number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		l.bytes.Add(-f.durable)
		l.files = l.files[1:]
	}
	return nil
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

// Close closes the current file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		return nil
	}
	err := l.current.Close()
	l.current = nil
	return err
}
