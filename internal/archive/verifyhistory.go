package archive

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/llama-logs/llama/internal/archive/history"
	"github.com/llama-logs/llama/internal/root"
)

// An account is what the history says, compared with what is there.
type account struct {
	tree    root.Tree
	sealed  uint64 // events
	missing []history.Record
	removed map[history.Part][]history.Record
	known   map[rootKey]bool
}

// history compares the history with the head that was kept, and the segments with the
// history.
func (v *verifier) history(ctx context.Context) error {
	kept, keeps := v.keptHead()
	c := &account{removed: map[history.Part][]history.Record{}, known: map[rootKey]bool{}}
	_, err := v.a.history.Read(func(n int64, r *history.Record, data []byte) error {
		if keeps && n == kept.Size {
			v.compare(kept, &c.tree)
		}
		if n < v.out.Records || r.Kind == history.Destroyed { // also what was destroyed since
			c.take(v, r)
			if r.Kind == history.Begun && kept.Size <= n {
				v.found(Finding{File: history.Folder, What: fmt.Sprintf(
					"the history was begun anew at %s, and nothing before vouches for events up to %d", r.At, r.Last)})
			}
		}
		c.tree.Add(history.RecordHash(data))
		return ctx.Err()
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		v.blame(history.Folder, 0, err)
		return nil
	}
	if keeps && kept.Size == c.tree.Size() {
		v.compare(kept, &c.tree)
	} else if keeps && kept.Size > c.tree.Size() {
		v.found(Finding{File: history.Folder, What: fmt.Sprintf(
			"the history has %d records, and had %d when the head was kept: it was rolled back", c.tree.Size(), kept.Size)})
	}
	v.unknown(c)
	v.missing(c)
	v.numbers(c)
	return nil
}

// keptHead reads the head that was kept elsewhere.
func (v *verifier) keptHead() (head history.Head, ok bool) {
	if len(v.o.Head) == 0 {
		return head, false
	}
	head, err := v.a.history.ParseHead(v.o.Head)
	if err != nil {
		v.found(Finding{File: history.Folder, What: fmt.Sprintf("the head that was kept is not of this history: %v", err)})
		return head, false
	}
	return head, true
}

func (v *verifier) compare(kept history.Head, tree *root.Tree) {
	if tree.Root() != kept.Hash {
		v.found(Finding{File: history.Folder, What: fmt.Sprintf(
			"the first %d records are not those of the head that was kept: the history was written anew", kept.Size)})
	}
}

// take takes note of a record.
func (c *account) take(v *verifier, r *history.Record) {
	if r.Kind == history.Begun {
		c.sealed += r.Rows
		return
	} else if r.Kind != history.Sealed {
		c.removed[r.Part] = append(c.removed[r.Part], *r)
		return
	}
	c.sealed += r.Rows
	key := rootKey{r.Part, r.First, r.Last, r.Rows, r.Root}
	if _, ok := v.present[key]; ok {
		c.known[key] = true
	} else {
		c.missing = append(c.missing, *r)
	}
}

// unknown tells of roots that the history does not have.
func (v *verifier) unknown(c *account) {
	for key, file := range v.present {
		if !c.known[key] {
			v.found(Finding{
				File: file, Collection: key.Collection, Day: partKey{key.Collection, key.Day}.dayName(), First: key.first, Last: key.last,
				What: fmt.Sprintf("the history does not know that events %d to %d were sealed like this", key.first, key.last),
			})
		}
	}
}

// missing tells of what was sealed, and is neither there nor was removed on purpose.
// Those of a part are told of together.
func (v *verifier) missing(c *account) {
	slices.SortStableFunc(c.missing, func(x, y history.Record) int {
		return cmp.Or(cmp.Compare(x.Collection, y.Collection), cmp.Compare(x.Day, y.Day), cmp.Compare(x.First, y.First))
	})
	var run *history.Record
	tell := func() {
		if run != nil {
			key := partKey{run.Collection, run.Day}
			v.found(Finding{
				File: key.folder(), Collection: run.Collection, Day: key.dayName(), First: run.First, Last: run.Last,
				What: fmt.Sprintf("%d events, numbers %d to %d, were sealed and are not there, and nobody removed them", run.Rows, run.First, run.Last),
			})
		}
		run = nil
	}
	for i := range c.missing {
		r := &c.missing[i]
		covers := func(other history.Record) bool { return other.Covers(r) }
		if slices.ContainsFunc(c.removed[r.Part], covers) {
			v.out.Removed += r.Rows
			continue
		}
		if slices.ContainsFunc(v.unreadable, covers) {
			continue
		}
		if run != nil && run.Part != r.Part {
			tell()
		}
		if run == nil {
			copied := *r
			run = &copied
		} else {
			run.Last, run.Rows = max(run.Last, r.Last), run.Rows+r.Rows
		}
	}
	tell()
}

// numbers looks that all events that have numbers were sealed, or are about to be.
func (v *verifier) numbers(c *account) {
	for _, h := range v.snapshot.heads {
		v.out.Unsealed += uint64(h.stat.Rows)
	}
	if numbered := v.snapshot.next - 1; c.sealed+v.out.Unsealed != numbered {
		v.found(Finding{File: history.Folder, What: fmt.Sprintf(
			"%d events have numbers, but %d were sealed and %d wait for it", numbered, c.sealed, v.out.Unsealed)})
	}
}

// historyPart returns the part's name in the history.
func (k partKey) historyPart() history.Part {
	return history.Part{Collection: k.collection, Day: k.day}
}
