package archive

import (
	"cmp"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/config"
)

// limit adds to going what has to go because all collections together take too much
// disk: the oldest days' segments first, whosever they are. At most size bytes stay, 0 for
// all, and short more are to be free.
func (a *Archive) limit(collections map[string][]partNow, going map[*part]int, size, short int64) {
	type candidate struct {
		*stored
		part *part
	}
	taken := a.log.Bytes()
	for _, parts := range collections {
		for _, p := range parts {
			for i, s := range p.segments {
				if i < going[p.part] {
					short -= s.size()
				} else {
					taken += s.size()
				}
			}
		}
	}
	over := func() bool { return size > 0 && taken > size }
	if short <= 0 && !over() {
		return
	}
	var left []candidate
	for _, parts := range collections {
		for _, p := range parts {
			for _, s := range p.segments[going[p.part]:] {
				left = append(left, candidate{s, p.part})
			}
		}
	}
	slices.SortFunc(left, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(x.part.day, y.part.day), cmp.Compare(x.First, y.First))
	})
	today := wal.DayOf(llama.At(a.o.Now()))
	for _, c := range left {
		if !over() && (short <= 0 || c.part.day >= today) {
			break
		}
		going[c.part]++
		taken -= c.size()
		short -= c.size()
	}
}

// short returns how many bytes are to be made free of a disk of total bytes, if that may
// be done.
func (o *Options) short(free, total int64) int64 {
	if o.WhenFull != whenFullExpire {
		return 0
	}
	floor := o.floor(total)
	return floor + min(floor/4, int64(config.GiB)) - free
}
