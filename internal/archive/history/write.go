package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// RecordHash returns the hash of a record, a leaf of the history's tree.
func RecordHash(data []byte) tlog.Hash { return tlog.RecordHash(data) }

// Add adds records. They have their places from now on, and are durable after a Flush.
func (h *History) Add(records ...Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range records {
		r.salt = seal.NewSalt()
		h.pending = append(h.pending, r.append(nil))
		h.note(&r)
	}
}

// Flush makes durable what was added, and then signs the head. After an error it can
// be called again; what was added stays so.
func (h *History) Flush() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.pending) > 0 || h.rewrite {
		if err := h.write(); err != nil {
			h.rewrite = true
			return fmt.Errorf("write the history: %w", err)
		}
	}
	if !h.stale {
		return nil
	}
	text, err := h.sign(Head{h.tree.Size(), h.tree.Root()})
	if err == nil {
		err = fsys.Replace(h.disk, headName, text)
	}
	if err != nil {
		return fmt.Errorf("sign the history: %w", err)
	}
	h.head, h.stale = text, false
	return nil
}

// write makes the pending records durable.
func (h *History) write() error {
	frames := h.frames(h.pending, h.tree.Size())
	write := h.extend
	if h.rewrite {
		write = h.replace
	}
	if err := write(frames); err != nil {
		return err
	}
	for _, data := range h.pending {
		h.tree.Add(RecordHash(data))
		if r, err := Decode(data); err == nil { // it was made here
			h.last = max(h.last, r.Last)
		}
	}
	h.length += int64(len(frames))
	h.mark()
	h.stale = h.stale || len(h.pending) > 0
	h.pending, h.rewrite = nil, false
	return nil
}

// extend writes behind the end of the file.
func (h *History) extend(frames []byte) error {
	f, err := h.disk.Append(recordsName)
	if err != nil {
		return err
	}
	if _, err = f.Write(frames); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// replace writes all anew, as what the system has of a file whose sync failed may be
// lost in spite of a later one.
func (h *History) replace(frames []byte) error {
	const tmp = recordsName + ".tmp"
	if err := h.disk.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := h.copyTo(tmp, frames)
	if err == nil {
		err = h.disk.Rename(tmp, recordsName)
	}
	if err != nil {
		h.disk.Remove(tmp) // best effort: the next attempt, or the next start, removes it
		return err
	}
	return h.disk.SyncDir(Folder)
}

// copyTo makes a file of the durable part of the records, and frames.
func (h *History) copyTo(name string, frames []byte) error {
	from, err := h.disk.Open(recordsName)
	if err != nil {
		return err
	}
	defer from.Close() // it was only read
	to, err := h.disk.Create(name)
	if err != nil {
		return err
	}
	if _, err = io.CopyBuffer(onlyWriter{to}, io.NewSectionReader(from, 0, h.length), make([]byte, 1<<20)); err == nil {
		_, err = to.Write(frames)
	}
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}

// onlyWriter hides what else a file can do, so that it is copied through our buffer.
type onlyWriter struct{ io.Writer }

// Head returns the signed head that is in the file.
func (h *History) Head() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.head)
}

// Size returns how many records are durable.
func (h *History) Size() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tree.Size()
}
