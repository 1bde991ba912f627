package archive

import (
	"cmp"
	"slices"
	"sync"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A Snapshot is what an archive held at one moment: all events of the Puts that had
// returned, and of no batch only a part. It may be used by many at once, and keeps
// the files it needs from being removed until Close.
type Snapshot struct {
	a     *Archive
	next  uint64 // the first arrival number that is not in it
	parts []*catalogPart
	heads []headView
	id    uint64
	once  sync.Once
	// reader is its number among those that read; most snapshots are only looked at.
	reader func() uint64
	read   readSoFar
}

// A catalogPart is the sealed side of a part. It is immutable and shared by
// snapshots.
type catalogPart struct {
	*part    // which is not, so only its name and whether it was destroyed are looked at
	segments []*stored
}

// Snapshot returns what the archive holds now. It copies nothing but pointers.
func (a *Archive) Snapshot() *Snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.giveWay.asking.Add(1)
	s := &Snapshot{a: a, next: a.next, id: a.readers.open(), reader: sync.OnceValue(a.decoded.begin)}
	logged := int64(0)
	for p := range a.heads {
		for _, b := range p.head {
			s.heads = append(s.heads, b.snapshot(p))
			logged += int64(b.logged)
		}
	}
	share := float64(a.log.Bytes()) / float64(max(logged, 1))
	for i := range s.heads {
		s.heads[i].logBytes = int64(share * float64(s.heads[i].logBytes))
	}
	s.parts = a.sealedParts()
	return s
}

// sealedParts returns the sealed sides of all parts. The caller holds mu to write.
func (a *Archive) sealedParts() []*catalogPart {
	if a.catalog == nil {
		a.catalog = make([]*catalogPart, 0, len(a.parts))
		for _, p := range a.parts {
			if len(p.segments) > 0 {
				a.catalog = append(a.catalog, &catalogPart{p, p.segments})
			}
		}
	}
	return a.catalog
}

// Close lets files go that were kept for the snapshot. Blocks that were read can be
// used on, but columns of them that were not loaded may be gone.
func (s *Snapshot) Close() {
	s.once.Do(func() {
		s.a.giveWay.asking.Add(-1)
		s.a.mu.Lock()
		gone := s.a.readers.close(s.id)
		s.a.mu.Unlock()
		s.a.removeFiles(gone)
	})
}

// Refs returns the blocks of a collection, or of all when that is empty, that may
// have events of which `_time` is in [from, to]; in no order. A segment that is damaged
// is there as a Ref that cannot be read.
func (s *Snapshot) Refs(collection string, from, to llama.Time) []column.Ref {
	s.a.asksUntil(to)
	return s.refs(collection, from, to)
}

func (s *Snapshot) refs(collection string, from, to llama.Time) []column.Ref {
	refs := make([]column.Ref, 0, s.a.blocks.Load())
	for i := range s.heads {
		h := &s.heads[i]
		if (collection == "" || collection == h.stat.Collection) && overlaps(&h.stat, from, to) {
			refs = append(refs, s.headRef(h))
		}
	}
	segments := s.segments(collection, from, to)
	for _, x := range segments {
		s.a.directories.ahead(x.stored)
	}
	for _, x := range segments {
		refs = s.segmentRefs(refs, x.catalogPart, x.stored, from, to)
	}
	s.a.blocks.Store(int32(min(len(refs), maxBlocksKnown)))
	return refs
}

// maxBlocksKnown bounds the room for the refs of a question that has the last one's.
const maxBlocksKnown = 1 << 12

// A partSegment is a segment and the part that it is of.
type partSegment struct {
	*catalogPart
	*stored
}

// segments returns those that Refs has blocks of.
func (s *Snapshot) segments(collection string, from, to llama.Time) (all []partSegment) {
	for _, p := range s.parts {
		if collection != "" && collection != p.collection {
			continue
		}
		for _, g := range p.segments {
			if g.Segment == nil || g.MinTime <= to && g.MaxTime >= from {
				all = append(all, partSegment{p, g})
			}
		}
	}
	return all
}

// Only is one collection of a snapshot, as if there were no other.
type Only struct {
	*Snapshot
	Collection string
}

// Refs returns the blocks of the collection, and none when another is asked for.
func (o Only) Refs(collection string, from, to llama.Time) []column.Ref {
	if collection != "" && collection != o.Collection {
		return nil
	}
	return o.Snapshot.Refs(o.Collection, from, to)
}

// Newest is the newest block of a snapshot that is in a segment, as if there were no other.
// However many there are, it reads the directory of one.
type Newest struct{ *Snapshot }

// Refs returns the block, or none.
func (n Newest) Refs(collection string, from, to llama.Time) []column.Ref {
	var newest partSegment
	for _, p := range n.parts {
		if collection != "" && collection != p.collection {
			continue
		}
		for _, g := range p.segments {
			if g.Segment != nil && (newest.stored == nil || g.LastSeq > newest.LastSeq) {
				newest = partSegment{p, g}
			}
		}
	}
	if newest.stored == nil {
		return nil
	}
	refs := n.segmentRefs(nil, newest.catalogPart, newest.stored, from, to)
	for i := range refs {
		refs[i].Sealed = nil // one block says nothing of a segment that would be worth keeping
	}
	return refs[max(0, len(refs)-1):]
}

func overlaps(s *column.Stat, from, to llama.Time) bool {
	return s.Rows > 0 && s.MinTime <= to && s.MaxTime >= from
}

// segmentRefs appends the blocks of a segment.
func (s *Snapshot) segmentRefs(refs []column.Ref, p *catalogPart, g *stored, from, to llama.Time) []column.Ref {
	d, err := s.a.directories.of(g)
	if err = p.explain(err); err != nil {
		return append(refs, s.a.unreadable(p.collection, g, err))
	}
	sealed := s.a.sealedOf(p, g, d, s.reader)
	sealed.Ahead = func() {
		if _, known := s.a.filtersUsed(g); !known {
			g.AheadOfFilters()
		}
	}
	blocks := &segmentBlocks{s: s, p: p, g: g}
	stats := d.Blocks()
	for i := range stats {
		if overlaps(&stats[i], from, to) {
			refs = append(refs, column.Ref{Stat: &stats[i], Of: blocks, Number: i, Sealed: sealed})
		}
	}
	return refs
}

// A Collection is what a snapshot holds of one collection.
type Collection struct {
	Name     string
	Events   uint64
	Bytes    int64 // on disk: in segments, and about its share of the log
	MinTime  llama.Time
	MaxTime  llama.Time
	FirstSeq uint64
	LastSeq  uint64
}

// Collections returns the collections that have events, by name.
func (s *Snapshot) Collections() []Collection {
	byName := map[string]*Collection{}
	add := func(stat column.Stat) {
		c := byName[stat.Collection]
		if c == nil {
			c = &Collection{Name: stat.Collection, MinTime: stat.MinTime, MaxTime: stat.MaxTime, FirstSeq: stat.FirstSeq}
			byName[stat.Collection] = c
		}
		c.Events += uint64(stat.Rows)
		c.Bytes += stat.Bytes
		c.MinTime, c.MaxTime = min(c.MinTime, stat.MinTime), max(c.MaxTime, stat.MaxTime)
		c.FirstSeq, c.LastSeq = min(c.FirstSeq, stat.FirstSeq), max(c.LastSeq, stat.LastSeq)
	}
	for _, p := range s.parts {
		for _, g := range p.segments {
			if g.Segment != nil {
				add(column.Stat{
					Collection: p.collection, Rows: int(g.Rows), Bytes: g.Bytes,
					MinTime: g.MinTime, MaxTime: g.MaxTime, FirstSeq: g.FirstSeq, LastSeq: g.LastSeq,
				})
			}
		}
	}
	for _, h := range s.heads {
		if h.stat.Rows > 0 {
			h.stat.Bytes = h.logBytes
			add(h.stat)
		}
	}
	collections := make([]Collection, 0, len(byName))
	for _, c := range byName {
		collections = append(collections, *c)
	}
	slices.SortFunc(collections, func(x, y Collection) int { return cmp.Compare(x.Name, y.Name) })
	return collections
}

// NextSeq returns the first arrival number that is not in the snapshot.
func (s *Snapshot) NextSeq() uint64 { return s.next }
