package query

import (
	"sync"
	"sync/atomic"

	"github.com/llama-logs/llama/internal/column"
)

const (
	// aheadBlocks is how many blocks are asked of the disk before they are read: enough
	// for it to have always something to do.
	aheadBlocks = 16
	// aheadLooked is how many are looked at for those, where most need not be read.
	aheadLooked = 256
)

// An ahead has the disk read what a run will need of blocks before they are their turn, and
// knows which need not be read.
type ahead struct {
	run    *run
	refs   []column.Ref
	mu     sync.Mutex      // of from
	looked []atomic.Uint32 // of each ref, what its filter says; nil where nothing is needed
}

// What the filter of a block was found to say.
const (
	notLooked uint32 = iota
	mayBeThere
	isNotThere
)

// ahead returns that of a run which reads refs one after the other.
func (r *run) ahead(refs []column.Ref) *ahead {
	if r.need != nil {
		var last *column.Sealed
		seen := map[*column.Sealed]bool{}
		for i := range refs {
			s := refs[i].Sealed
			if s == nil || s == last || seen[s] || s.Ahead == nil {
				continue
			}
			last, seen[s] = s, true
			s.Ahead()
		}
	}
	a := &ahead{run: r, refs: refs}
	if r.need != nil {
		a.looked = make([]atomic.Uint32, len(refs))
	}
	return a
}

// mayBeIn reports whether the n-th block may have what is needed. Its filter is looked at once.
func (a *ahead) mayBeIn(n int) bool {
	if a.looked == nil {
		return true
	}
	found := a.looked[n].Load()
	if found == notLooked {
		found = isNotThere
		if a.run.need.mayBeIn(&a.refs[n]) {
			found = mayBeThere
		}
		a.looked[n].Store(found)
	}
	return found == mayBeThere
}

// from asks for blocks behind the n-th, which is about to be read.
func (a *ahead) from(n int) {
	if !a.mu.TryLock() {
		return // another does
	}
	defer a.mu.Unlock()
	asked := 0
	for i := n + 1; i < min(n+aheadLooked, len(a.refs)) && asked < aheadBlocks; i++ {
		ref := &a.refs[i]
		if ref.Sealed == nil || int64(ref.MaxTime) < a.run.env.oldest.Load() {
			continue
		}
		if a.mayBeIn(i) {
			asked++
			ref.Ahead()
		}
	}
}
