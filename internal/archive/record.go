package archive

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/history"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/segment"
)

// The history says what was sealed, under which roots, and what was removed on purpose.
//
// Invariant: a root is durable in the history before a log file that has its events is
// removed, and the removal of a segment before it is removed. So what a crash leaves is
// repaired from what is there: roots that are in segments, and of events that the log
// has too, are recorded at the start. A removal that is recorded may not have happened,
// which harms nobody; it is recorded again when it does.

// historyKeyID is the id of the key that the history is sealed under. It outlives the
// days that the history tells of.
const historyKeyID = "history"

// openHistory opens the history. It makes one only where there are no events yet.
func (a *Archive) openHistory() error {
	key, err := a.keyring.Key(historyKeyID)
	if err != nil {
		return err
	}
	fresh := true
	for _, folder := range []string{wal.Folder, segmentsFolder} {
		names, err := a.disk.List(folder)
		if err != nil {
			return err
		}
		fresh = fresh && len(names) == 0
	}
	if a.o.NewHistory {
		if err := history.SetAside(a.disk); err != nil {
			return err
		}
	}
	a.history, err = history.Open(a.disk, key, history.Options{Signer: a.o.Signer, New: fresh || a.o.NewHistory})
	return err
}

// removed returns up to which number all events of a part were removed on purpose, as
// far as the log may still have some of them: that is asked while it is read back.
func (a *Archive) removed(key partKey) uint64 {
	return a.history.Removed()[key.historyPart()]
}

// recordSealed adds the roots of a segment.
func (a *Archive) recordSealed(key partKey, roots []root.Root) {
	records := make([]history.Record, len(roots))
	for i, r := range roots {
		records[i] = history.Record{
			Kind: history.Sealed, At: llama.At(a.o.Now()), Part: key.historyPart(),
			First: r.First, Last: r.Last, Rows: uint64(r.Rows), Root: r.Hash,
		}
	}
	a.history.Add(records...)
}

// recordFound adds the roots that a process before had sealed and not recorded. Their
// events are all in the log: roots of others, which are not in the history, are for
// Verify to tell of. Where a segment cannot be read now, and could be another time, the
// log stays as it is for so long.
func (a *Archive) recordFound() {
	defer a.history.Forget()
	from := a.logged
	if a.o.NewHistory {
		a.recordBegun()
		from = 1
	}
	var known map[tlog.Hash]struct{} // read when it is needed
	if from > 0 {
		for key, p := range a.parts {
			for _, s := range p.segments {
				if s.Last >= from {
					known = a.recordRoots(key, s, from, known)
				}
			}
		}
	}
	if err := a.history.Flush(); err != nil { // as with events that can be in no segment
		a.o.Logger.Warn("the history cannot be written; log files stay until it can", "error", err)
	}
}

// recordBegun says that another history was begun, and how many events are in none of
// the roots that are there.
func (a *Archive) recordBegun() {
	r := a.removal(history.Begun, partKey{})
	r.First, r.Last, r.Rows = 1, max(1, a.next-1), a.next-1
	r.Reason = "the history before was set aside"
	for _, p := range a.parts {
		r.Rows -= uint64(p.rows())
		for _, s := range p.segments {
			roots, err := newRoots(s, 1)
			if err != nil {
				continue // what recordRoots tells of
			}
			for _, x := range roots {
				r.Rows -= uint64(x.Rows)
			}
		}
	}
	a.history.Add(r)
}

// recordRoots adds those roots of a segment that are not recorded, of events with numbers
// from first on. It returns what is known as recorded.
func (a *Archive) recordRoots(key partKey, s *stored, first uint64, known map[tlog.Hash]struct{}) map[tlog.Hash]struct{} {
	roots, err := newRoots(s, first)
	if err == nil && known == nil {
		known, err = a.history.Sealed(first)
	}
	if err != nil {
		a.o.Logger.Error("a segment cannot be read, so that it was sealed is not recorded", "file", s.path, "error", err)
		_, corrupt := errors.AsType[*segment.CorruptError](err)
		a.keepLog = a.keepLog || !corrupt
		return known
	}
	a.recordSealed(key, slices.DeleteFunc(roots, func(r root.Root) bool { _, ok := known[r.Hash]; return ok }))
	return known
}

// newRoots returns the roots of a segment whose events have numbers from first on.
func newRoots(s *stored, first uint64) (roots []root.Root, err error) {
	if s.Segment == nil {
		return nil, s.damage
	}
	d, err := s.Directory()
	if err != nil {
		return nil, err
	}
	for i := range d.Blocks() {
		for _, r := range d.Roots(i) {
			if r.First >= first {
				roots = append(roots, r)
			}
		}
	}
	return roots, nil
}

// recordExpired says what is going to be removed, durably. What was said before, when
// something failed then, is not said again.
func (a *Archive) recordExpired(gone map[*part][]*stored) error {
	if len(gone) == 0 {
		return nil
	}
	var records []history.Record
	a.mu.Lock()
	for p, segments := range gone {
		r := a.removal(history.Expired, p.partKey)
		for _, s := range segments {
			if s.recorded {
				continue
			}
			s.recorded = true
			if r.First == 0 {
				r.First = s.First
			}
			r.Last = s.Last
			if s.Segment != nil {
				r.Rows += s.Rows
			}
		}
		if r.First > 0 {
			records = append(records, r)
		}
	}
	a.mu.Unlock()
	a.history.Add(records...)
	return a.history.Flush()
}

// recordDestroyed says that all events of a part that are numbered are going to be
// destroyed, durably. The caller leads.
func (a *Archive) recordDestroyed(key partKey) error {
	r := a.removal(history.Destroyed, key)
	a.mu.RLock()
	r.First, r.Last = 1, max(1, a.next-1)
	if p := a.parts[key]; p != nil {
		for _, s := range p.segments {
			if s.Segment != nil {
				r.Rows += s.Rows
			}
		}
	}
	a.mu.RUnlock()
	a.history.Add(r)
	if err := a.history.Flush(); err != nil {
		return fmt.Errorf("record what is destroyed: %w", err)
	}
	return nil
}

func (a *Archive) removal(kind history.Kind, key partKey) history.Record {
	return history.Record{Kind: kind, At: llama.At(a.o.Now()), Part: key.historyPart()}
}

// Head returns the signed head of the history. Who keeps it elsewhere can have Verify
// see that the history has only grown since.
func (a *Archive) Head() ([]byte, error) {
	if err := a.history.Flush(); err != nil {
		return nil, err
	}
	return a.history.Head(), nil
}

// VerifierKey returns the public key that heads are signed by, as signed notes have it.
func (a *Archive) VerifierKey() string { return a.history.VerifierKey() }
