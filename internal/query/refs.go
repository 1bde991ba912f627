package query

import (
	"cmp"
	"slices"

	"github.com/llama-logs/llama/internal/column"
)

// refs returns the blocks that may hold what is asked for, the newest first; those of a
// segment may be one Ref.
func (p *plan) refs(src Source) []column.Ref {
	from, to := span(p.filter)
	if from > to {
		return nil
	}
	var out []column.Ref
	for _, name := range namedCollections(p.filter) {
		refs := src.Refs(name, from, to)
		collection, may := "", false // of the ref before: most are of the same
		refs = slices.DeleteFunc(refs, func(ref column.Ref) bool {
			if ref.Collection != collection || collection == "" {
				collection = ref.Collection
				may, _ = mayHold(p.filter, collection)
			}
			return !may || ref.MaxTime < from || ref.MinTime > to
		})
		if out == nil {
			out = refs
		} else {
			out = append(out, refs...)
		}
	}
	sortNewest(out)
	return out
}

// sortNewest sorts refs by their newest event, the newest first.
func sortNewest(refs []column.Ref) {
	slices.SortFunc(refs, func(a, b column.Ref) int {
		switch {
		case a.MaxTime != b.MaxTime && a.MaxTime > b.MaxTime:
			return -1
		case a.MaxTime != b.MaxTime:
			return 1
		}
		return cmp.Compare(b.LastSeq, a.LastSeq)
	})
}

// opened returns refs with the blocks of segments in the place of those that stand for them.
func (r *run) opened(refs []column.Ref) []column.Ref {
	blocks, whole := 0, false
	for i := range refs {
		blocks += blocksOf(&refs[i])
		if refs[i].Number == column.Whole {
			whole = true
			refs[i].Ahead()
		}
	}
	if !whole {
		return refs
	}
	all := make([]column.Ref, 0, blocks)
	for i := range refs {
		ref := &refs[i]
		if ref.Number != column.Whole {
			all = append(all, *ref)
			continue
		}
		r.total -= weight(ref)
		begin := len(all)
		all = ref.Sealed.Open(all)
		for k := begin; k < len(all); k++ {
			r.total += weight(&all[k])
		}
	}
	sortNewest(all)
	return all
}

// blocksOf returns how many blocks a Ref stands for.
func blocksOf(ref *column.Ref) int {
	if ref.Number == column.Whole {
		return ref.Sealed.Blocks
	}
	return 1
}

// weight is what a block is of the way: its bytes, of one in memory about those that it
// would take on disk.
func weight(ref *column.Ref) int64 {
	if ref.Bytes > 0 {
		return ref.Bytes
	}
	return 20 * int64(ref.Rows)
}
