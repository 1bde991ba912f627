package archive

import (
	"maps"

	"github.com/llama-logs/llama"
)

// SetRetention says from now on how long a collection is kept; the zero Retention is
// that of the archive. It is not remembered: who opens the archive again has it in
// its Options.
func (a *Archive) SetRetention(collection string, r Retention) error {
	if !ValidCollection(collection) {
		return llama.Errorf(llama.Invalid, "%q is not the name of a collection; %s", collection, collectionRule)
	}
	if err := r.Validate(); err != nil {
		return llama.Errorf(llama.Invalid, "%w", err)
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

// Retention returns how long a collection is kept.
func (a *Archive) Retention(collection string) Retention {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.o.retention(collection)
}
