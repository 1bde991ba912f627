package query

import (
	"sync/atomic"

	"github.com/llama-logs/llama"
)

// A budget is the memory that the states of one run may hold, roughly. All its
// workers share it.
type budget struct {
	max  int64 // 0: no limit
	used atomic.Int64
	all  bool    // that of all queries
	of   *budget // that this is a part of; nil for none
}

// What a kept thing costs beside its texts: headers, map slots, spare room.
const (
	costEntry = 64
	costField = 48
)

// grow takes n bytes, or fails when they are not there. A negative n gives back.
func (b *budget) grow(n int) error {
	if b == nil {
		return nil
	}
	whole := b.of.grow(n) // in any case: what is taken here is given back there, too
	if used := b.used.Add(int64(n)); b.max > 0 && used > b.max && n > 0 {
		if b.all {
			return llama.Errorf(llama.Throttled, "all queries together need more than the %d MiB of memory that they have here; ask again when others have ended, or for less", b.max>>20)
		}
		return llama.Errorf(llama.TooLarge, "the query needs more than its %d MiB of memory; narrow the time range or the filters, group by fewer fields or ask for fewer rows", b.max>>20)
	}
	return whole
}

func rowSize(row Row) int {
	n := costEntry
	for _, f := range row {
		n += costField + len(f.Name) + len(f.Value)
	}
	return n
}
