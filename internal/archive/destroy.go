package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/seal"
)

// Destroy makes the events of a collection that arrived on a day (UTC, as 2026-11-20)
// unreadable, wherever copies of their files lie: it destroys the day's key and, for
// those that are still in the log, the key of the log. Who reads them from a Snapshot
// gets a *llama.Error with code NotFound from then on. Positions stay, so nothing comes
// in again. Events that come later, on the same day, are kept under a new key.
//
// All else that is in memory is sealed into segments before, so with a full disk
// Destroy fails and changes nothing. After another error the day may be gone in part;
// Destroy again. The error is a *llama.Error with code NotFound when there is nothing
// of the day.
func (a *Archive) Destroy(ctx context.Context, collection, day string) error {
	number, ok := parseDay(day)
	if !ok {
		return llama.Errorf(llama.Invalid, "%q is not a day; e.g. 2026-11-20", day)
	}
	if !ValidCollection(collection) {
		return llama.Errorf(llama.Invalid, "%q is not the name of a collection; %s", collection, collectionRule)
	}
	for _, token := range []chan struct{}{a.merging, a.sealing} {
		if err := a.hold(ctx, token); err != nil {
			return err
		}
		defer func() { <-token }()
	}
	key := partKey{collection, number}
	if !a.knows(key) {
		return llama.Errorf(llama.NotFound, "the archive has no events of %s that arrived on %s", collection, day)
	}
	if err := a.sealHeads(); err != nil { // most of it, while senders go on
		return err
	}
	if err := a.hold(ctx, a.lead); err != nil {
		return err
	}
	defer func() { <-a.lead }()
	return a.destroy(key)
}

// knows reports whether there is anything of a part.
func (a *Archive) knows(key partKey) bool {
	a.mu.RLock()
	_, there := a.parts[key]
	a.mu.RUnlock()
	if _, found := a.keyring.Find(key.keyID()); there || found {
		return true
	}
	_, err := a.disk.Stat(key.folder())
	return err == nil
}

// destroy does what Destroy says. The caller holds merging and sealing and leads, so
// nothing comes in, and nothing else changes segments.
//
// The order keeps a crash harmless. Up to where files are removed, all that was
// acknowledged is in segments. From there on a part of the day is gone, and what is
// left of it opens until its key is destroyed, and is not taken for damaged.
func (a *Archive) destroy(key partKey) error {
	if a.closed.Load() {
		return errClosed
	}
	if err := a.renewLogKey(); err != nil {
		return fmt.Errorf("change the log's key: %w", err)
	}
	if err := a.sealHeads(); err != nil {
		return err
	}
	if err := a.history.Flush(); err != nil {
		return err
	}
	if err := a.keep(a.checkpoint()); err != nil { // the log's old files and their key go
		return err
	}
	if len(a.logKeys) > 1 {
		return errors.New("a file of the log is still needed") // an invariant; better told than lost
	}
	if err := a.recordDestroyed(key); err != nil {
		return err
	}
	a.forget(key)
	removed := a.removePart(key)
	if err := a.keyring.Destroy(key.keyID()); err != nil {
		return errors.Join(removed, fmt.Errorf("destroy the key of %s: %w", key.folder(), err))
	}
	if removed != nil {
		return fmt.Errorf("the key of %s is destroyed, but its files are not all removed: %w", key.folder(), removed)
	}
	a.o.Logger.Info("a day was destroyed", "collection", key.collection, "day", key.dayName())
	return nil
}

// forget takes a part from memory.
func (a *Archive) forget(key partKey) {
	a.mu.Lock()
	p := a.parts[key]
	delete(a.parts, key)
	delete(a.heads, p)
	delete(a.bare, p)
	delete(a.several, p)
	a.catalog = nil
	a.recent.drop()
	if p != nil {
		p.destroyed.Store(true)
	}
	a.mu.Unlock()
	if p == nil {
		return
	}
	for _, s := range p.segments {
		a.directories.forget(s)
		a.decoded.forget(&s.held)
		a.forgetAnswers(s)
		a.metrics.removed.Inc()
	}
}

// removePart removes a part's files, also those that wait for readers, durably.
func (a *Archive) removePart(key partKey) error {
	files, err := a.disk.List(key.folder())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var errs []error
	for _, file := range files {
		if !strings.HasSuffix(file, "/") {
			errs = append(errs, a.disk.Remove(path.Join(key.folder(), file)))
			a.handles.Forget(path.Join(key.folder(), file))
		}
	}
	errs = append(errs, a.disk.SyncDir(key.folder()))
	a.disk.Remove(key.folder()) // best effort: an empty folder is harmless
	return errors.Join(errs...)
}

// explain returns err, or for who reads what was destroyed what has happened.
func (p *part) explain(err error) error {
	if p.destroyed.Load() || errors.Is(err, seal.ErrDestroyed) {
		return llama.Errorf(llama.NotFound, "the events of %s that arrived on %s were destroyed", p.collection, p.dayName())
	}
	return err
}
