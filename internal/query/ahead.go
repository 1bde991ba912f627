package query

import (
	"sync"

	"github.com/llama-logs/llama/internal/column"
)

const (
	// aheadBlocks is how many blocks are asked of the disk before they are read: enough
	// for it to have always something to do.
	aheadBlocks = 16
	// aheadLooked is how many are looked at for those, where most need not be read.
	aheadLooked = 256
)

// An ahead has the disk read what a run will need of blocks before they are their turn.
type ahead struct {
	run  *run
	refs []column.Ref
	mu   sync.Mutex
	out  []bool // of the first refs, those that need not be read
}

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
	return &ahead{run: r, refs: refs}
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
		for k := len(a.out); k <= i; k++ {
			a.out = append(a.out, !a.run.need.mayBeIn(&a.refs[k]))
		}
		if !a.out[i] {
			asked++
			ref.Ahead()
		}
	}
}
