package archive

import (
	"maps"

	"github.com/llama-logs/llama"
)

// SetRetention says from now on how long a collection is kept; the zero Retention is
// that of the archive. It is not remembered: who opens the archive again has it in
// its Options.
func (a *Archive) SetRetention(collection string, r Retention) error {
	if err := CheckRetention(collection, r); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := maps.Clone(a.o.Collections)
	if kept == nil {
		kept = map[string]Retention{}
	}
	kept[collection] = r
	a.o.Collections = kept
	return nil
}

// CheckRetention says whether SetRetention would refuse a collection or its Retention.
func CheckRetention(collection string, r Retention) error {
	if !ValidCollection(collection) {
		return llama.Errorf(llama.Invalid, "%q is not the name of a collection; %s", collection, collectionRule)
	}
	if err := r.Validate(); err != nil {
		return llama.Errorf(llama.Invalid, "%w", err)
	}
	return nil
}

// With returns o with what can change while an archive is open as in next: how long
// events are kept, how much of all collections, what is done when the disk is full, and
// when events go into segments.
func (o Options) With(next Options) Options {
	o.change(next)
	return o
}

// change writes nothing but what can change: the other options are read without a lock.
func (o *Options) change(next Options) {
	o.Retention, o.Collections, o.Size, o.WhenFull, o.SealAfter = next.Retention, next.Collections, next.Size, next.WhenFull, next.SealAfter
}

// Keep puts into force what can change while the archive is open. The options have
// passed Validate.
func (a *Archive) Keep(o Options) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.o.change(o.withDefaults())
}

// Retention returns how long a collection is kept.
func (a *Archive) Retention(collection string) Retention {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.o.retention(collection)
}
