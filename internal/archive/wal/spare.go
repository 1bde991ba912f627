package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/llama-logs/llama/internal/fsys"
)

// To sync a file that has grown, a file system writes its journal, and with it what
// others have done meanwhile: some syncs take a tenth of a second, and write four times
// as much. To sync what was written over bytes that were on the disk takes a few
// milliseconds. So while much comes in, or little very often, the next file is made
// beforehand: of one that is no longer needed, or else of zeros.

const (
	// spareStep is how much of a spare is written and synced at once: so little that a
	// group of frames need not wait long for the disk.
	spareStep = 1 << 20
	// A spare is worth its room, and writing it, where a share of a file comes within
	// fastTime. Where less comes, but so many writes, a small one is.
	fastShare  = 32
	fastWrites = 50
	fastTime   = 10 * time.Second
	smallSpare = 1 << 20
	// maxSpares is how many files are kept for the next ones: segments are written, and so
	// files not needed any more, when several have been filled.
	maxSpares = 6
)

// wiped is how many bytes of zeros a spare begins with at least. The first frame would be
// in them, so where they are zeros none was acknowledged.
const wiped = 4096

var zeros [spareStep]byte

// A spare is the next file. Its number is its own, used or not.
type spare struct {
	number uint64
	length int64
	file   fsys.File // durable with its name; nil while it is made
}

// want asks for a spare, once for each file, when much or often something comes in: at once
// when the current file was not prepared, else when half of it is used. The caller holds mu.
func (l *Log) want() {
	c := l.current
	c.writes++
	share := l.fileSize / fastShare
	if c.durable-c.mark < share && c.writes < fastWrites {
		return
	}
	now := time.Now()
	took := now.Sub(c.marked)
	fast := took <= fastTime
	much := float64(c.durable-c.mark)*fastTime.Seconds() >= float64(share)*took.Seconds()
	c.mark, c.marked, c.writes = c.durable, now, 0
	if c.asked || !fast || c.prepared() && c.durable < c.length/2 {
		return
	}
	c.asked = true
	l.wantedLength = l.fileSize
	if !much {
		l.wantedLength = min(l.fileSize, smallSpare)
	}
	select {
	case l.wanted <- struct{}{}:
	default:
	}
}

// Wanted has something to receive when Prepare should be called.
func (l *Log) Wanted() <-chan struct{} { return l.wanted }

// Prepare makes the next file, as one that will not grow. Without it, or after an
// error, that is made when it is needed. One Prepare at a time.
func (l *Log) Prepare() error {
	l.mu.Lock()
	if l.current == nil || l.spare != nil {
		l.mu.Unlock()
		return nil
	}
	s := &spare{number: l.next, length: l.wantedLength}
	l.spare = s
	l.next++
	kept := uint64(0)
	if n := len(l.kept); n > 0 {
		kept, l.kept = l.kept[n-1], l.kept[:n-1]
	}
	l.mu.Unlock()
	var file fsys.File
	var err error
	if kept > 0 {
		file, err = l.renamed(fileName(kept), s)
	} else {
		file, err = l.zeros(s)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.spare == s {
		s.file = file
		return nil
	}
	if l.spare == s {
		l.spare = nil
	}
	if err != nil {
		l.disk.Remove(fileName(s.number)) // best effort: the next start removes it
		if kept > 0 {
			l.disk.Remove(fileName(kept)) // as well
		}
		return fmt.Errorf("prepare a file of the log: %w", err)
	}
	file.Close() // it came too late, and nothing is in it
	return l.remove(s.number)
}

// busy reports whether so much comes in that files are prepared. The caller holds mu.
func (l *Log) busy() bool {
	c := l.current
	return c != nil && (c.prepared() || c.asked) && time.Since(c.marked) <= fastTime
}

// Rest removes the files that are kept for the next ones if not much comes in any more.
func (l *Log) Rest() error {
	l.mu.Lock()
	busy := l.busy()
	l.mu.Unlock()
	if busy {
		return nil
	}
	_, err := l.Release()
	return err
}

// Release removes the files that are kept for the next ones, as their room is needed, and
// returns how many they were.
func (l *Log) Release() (files int, err error) {
	l.mu.Lock()
	kept := l.kept
	l.kept = nil
	l.mu.Unlock()
	for _, number := range kept {
		err = errors.Join(err, l.remove(number))
	}
	return len(kept), err
}

// zeros makes a file of zeros, durably, and opens it to be written over.
func (l *Log) zeros(s *spare) (fsys.File, error) {
	name := fileName(s.number)
	f, err := l.disk.Create(name)
	if err != nil {
		return nil, err
	}
	if err := lengthen(f, 0, s.length); err != nil {
		return nil, err
	}
	return l.overwrite(name)
}

// renamed makes a file of one that is wiped, which may be longer.
func (l *Log) renamed(from string, s *spare) (fsys.File, error) {
	to := fileName(s.number)
	f, err := l.disk.Append(from)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close() // nothing was done with it
		return nil, err
	}
	s.length = max(s.length, size)
	if err := lengthen(f, size, s.length); err != nil {
		return nil, err
	}
	if err := l.disk.Rename(from, to); err != nil {
		return nil, err
	}
	return l.overwrite(to)
}

// lengthen writes zeros behind the size bytes of a file up to a length, durably, and closes it.
func lengthen(f fsys.File, size, length int64) (err error) {
	for left := length - size; left > 0 && err == nil; left -= spareStep {
		if _, err = f.Write(zeros[:min(left, spareStep)]); err == nil {
			err = f.Sync()
		}
	}
	f.Close() // it is synced, or of no use
	return err
}

// overwrite opens a file to be written over, whose name is new.
func (l *Log) overwrite(name string) (fsys.File, error) {
	if err := l.disk.SyncDir(Folder); err != nil {
		return nil, err
	}
	return l.disk.Overwrite(name)
}

// wipe has a file that is not needed be one for renamed: nobody can read what is in it
// any more, as the key to it was in its header.
func (l *Log) wipe(number uint64) error {
	f, err := l.disk.Overwrite(fileName(number))
	if err != nil {
		return err
	}
	_, err = f.Write(zeros[:min(wiped, l.fileSize)])
	if err == nil {
		err = f.Sync()
	}
	f.Close() // it is synced, or of no use
	return err
}

// takeSpare returns the spare, or nil when there is none that is done. The caller holds
// mu.
func (l *Log) takeSpare() *spare {
	s := l.spare
	l.spare = nil
	if s == nil || s.file == nil {
		return nil
	}
	return s
}

// upcoming returns the lowest number that a next file may have. The caller holds mu.
func (l *Log) upcoming() uint64 {
	if l.spare != nil {
		return l.spare.number
	}
	return l.next
}

// unused reports whether nothing but, perhaps, a part of a header was written to a file,
// as far as that was acknowledged.
func unused(f io.ReaderAt) (bool, error) {
	buf := make([]byte, wiped-headerSize)
	n, err := f.ReadAt(buf, headerSize)
	if err != nil && err != io.EOF {
		return false, err
	}
	return bytes.Equal(buf[:n], zeros[:n]), nil
}
