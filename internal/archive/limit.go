package archive

import (
	"cmp"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/config"
)

// limit adds to going what has to go because all collections together take too much
// disk: the oldest days' segments first, whosever they are. The caller holds mu.
func (a *Archive) limit(going map[*part]int, free, floor int64) {
	type candidate struct {
		*stored
		part *part
	}
	var left []candidate
	taken, freed := a.log.Bytes(), int64(0)
	for _, p := range a.parts {
		for i, s := range p.segments {
			if i < going[p] {
				freed += s.size()
				continue
			}
			taken += s.size()
			left = append(left, candidate{s, p})
		}
	}
	slices.SortFunc(left, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(x.part.day, y.part.day), cmp.Compare(x.First, y.First))
	})
	today := wal.DayOf(llama.At(a.o.Now()))
	short := a.short(free+freed, floor)
	for _, c := range left {
		over := a.o.Size > 0 && taken > int64(a.o.Size)
		if !over && (short <= 0 || c.part.day >= today) {
			break
		}
		going[c.part]++
		taken -= c.size()
		short -= c.size()
	}
}

// short returns how many bytes of disk are to be made free, if that may be done. While
// files wait for their readers their bytes will be free without more being removed.
func (a *Archive) short(free, floor int64) int64 {
	if a.o.WhenFull != whenFullExpire || len(a.readers.dead) > 0 {
		return 0
	}
	return floor + min(floor/4, int64(config.GiB)) - free
}
