package archive

import (
	"cmp"
	"math"
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
// have events of which `_time` is in [from, to]; in no order. A segment of which all events
// are in there is one Ref, column.Whole: who knows of it what they need does not have to look
// at its blocks. One that is damaged is there as a Ref that cannot be read.
func (s *Snapshot) Refs(collection string, from, to llama.Time) []column.Ref {
	s.a.asksUntil(to)
	segments := s.segments(collection, from, to)
	refs := s.headRefs(make([]column.Ref, 0, len(s.heads)+len(segments)), collection, from, to)
	var open []partSegment
	for _, x := range segments {
		g := x.stored
		if x.explain(nil) != nil || g.Segment == nil || g.MinTime < from || g.MaxTime > to {
			open = append(open, x)
			continue
		}
		refs = append(refs, column.Ref{
			Stat: &column.Stat{
				Collection: x.collection, Rows: int(g.Rows), Bytes: g.Bytes,
				MinTime: g.MinTime, MaxTime: g.MaxTime, FirstSeq: g.FirstSeq, LastSeq: g.LastSeq,
			},
			Of: &segmentBlocks{s: s, partSegment: x}, Number: column.Whole, Sealed: s.sealedOf(x),
		})
	}
	return s.segmentRefs(refs, open, from, to)
}

// refs is Refs with the blocks of each segment.
func (s *Snapshot) refs(collection string, from, to llama.Time) []column.Ref {
	return s.segmentRefs(s.headRefs(nil, collection, from, to), s.segments(collection, from, to), from, to)
}

// headRefs appends the blocks in memory.
func (s *Snapshot) headRefs(refs []column.Ref, collection string, from, to llama.Time) []column.Ref {
	for i := range s.heads {
		h := &s.heads[i]
		if (collection == "" || collection == h.stat.Collection) && overlaps(&h.stat, from, to) {
			refs = append(refs, s.headRef(h))
		}
	}
	return refs
}

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
	refs := n.segmentRefs(nil, []partSegment{newest}, from, to)
	for i := range refs {
		refs[i].Sealed = nil // one block says nothing of a segment that would be worth keeping
	}
	return refs[max(0, len(refs)-1):]
}

func overlaps(s *column.Stat, from, to llama.Time) bool {
	return s.Rows > 0 && s.MinTime <= to && s.MaxTime >= from
}

// segmentRefs appends the blocks of segments.
func (s *Snapshot) segmentRefs(refs []column.Ref, segments []partSegment, from, to llama.Time) []column.Ref {
	for _, x := range segments {
		s.a.directories.ahead(x.stored)
	}
	for _, x := range segments {
		if x.Segment == nil {
			refs = append(refs, s.a.unreadable(x, x.explain(x.damage)))
			continue
		}
		refs = s.open(refs, x, s.sealedOf(x), from, to)
	}
	return refs
}

// sealedOf returns what queries may know of a segment.
func (s *Snapshot) sealedOf(x partSegment) *column.Sealed {
	sealed := s.a.sealedOf(x.catalogPart, x.stored, s.reader)
	sealed.Open = func(refs []column.Ref) []column.Ref { return s.open(refs, x, sealed, math.MinInt64, math.MaxInt64) }
	sealed.Ahead = func() {
		if _, known := s.a.filtersUsed(x.stored); !known {
			x.AheadOfFilters()
		}
	}
	return sealed
}

// open appends the blocks of a segment.
func (s *Snapshot) open(refs []column.Ref, x partSegment, sealed *column.Sealed, from, to llama.Time) []column.Ref {
	d, err := s.a.directories.of(x.stored)
	if err = x.explain(err); err != nil {
		return append(refs, s.a.unreadable(x, err))
	}
	blocks := &segmentBlocks{s: s, partSegment: x}
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
