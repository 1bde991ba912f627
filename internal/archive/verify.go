package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/history"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/segment"
)

// maxFindings bounds the findings that are listed; the others are counted.
const maxFindings = 10_000

// VerifyOptions say what to compare with, and who is told how it goes.
type VerifyOptions struct {
	// Head is a signed head that was kept elsewhere; empty: none. Without one, an
	// archive that was replaced as a whole by an older copy of itself looks right.
	Head []byte
	// Progress is told how many bytes of how many were read. It may be called by many
	// at once. Nil: nobody is told.
	Progress func(done, total int64)
}

// A Finding is something that is not as the archive left it.
type Finding struct {
	File       string `json:"file,omitempty"`
	Offset     int64  `json:"offset"`
	Collection string `json:"collection,omitempty"`
	Day        string `json:"day,omitempty"`
	First      uint64 `json:"first,omitempty"` // arrival numbers
	Last       uint64 `json:"last,omitempty"`
	What       string `json:"what"`
}

func (f Finding) String() string {
	s := f.What
	if f.Collection != "" {
		s = fmt.Sprintf("%s of %s: %s", f.Collection, f.Day, s)
	}
	if f.File != "" {
		s = fmt.Sprintf("%s, byte %d: %s", f.File, f.Offset, s)
	}
	return s
}

// A Verification is what Verify has seen.
type Verification struct {
	Head     string    `json:"head"` // signed, of the history that was read
	Records  int64     `json:"records"`
	Segments int       `json:"segments"`
	Blocks   int       `json:"blocks"`
	Bytes    int64     `json:"bytes"`
	Events   uint64    `json:"events"`   // whose roots were computed again
	Unsealed uint64    `json:"unsealed"` // that are in the log only, for which nothing vouches yet
	Removed  uint64    `json:"removed"`  // on purpose, as the history says
	Findings []Finding `json:"findings"`
	More     int       `json:"more"` // findings that are not listed
}

// Verify reads all segments and the history, computes all roots again, and says what is
// not as it should be: files that were changed, cut, exchanged or are missing, events
// that are in no root or whose root is not in the history, and a history that was
// written anew. Events come and go meanwhile; what is looked at is a snapshot. The log
// was read when the archive was opened.
func (a *Archive) Verify(ctx context.Context, o VerifyOptions) (*Verification, error) {
	if err := a.hold(ctx, a.sealing); err != nil {
		return nil, err
	}
	err := a.history.Flush()
	s := a.Snapshot()
	defer s.Close()
	v := &verifier{a: a, o: o, snapshot: s, present: map[rootKey]string{}}
	v.out.Findings = []Finding{}
	// After the snapshot: a removal in between is known then.
	v.out.Records, v.out.Head = a.history.Size(), string(a.history.Head())
	<-a.sealing
	if err != nil {
		return nil, err
	}
	if err := v.segments(ctx); err != nil {
		return nil, err
	}
	if err := v.history(ctx); err != nil {
		return nil, err
	}
	slices.SortStableFunc(v.out.Findings, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Offset, y.Offset), cmp.Compare(x.First, y.First))
	})
	return &v.out, nil
}

// A rootKey is a root as the history has it.
type rootKey struct {
	history.Part
	first, last, rows uint64
	hash              [32]byte
}

// A verifier is one call of Verify.
type verifier struct {
	a        *Archive
	o        VerifyOptions
	snapshot *Snapshot
	total    int64 // bytes to read

	mu         sync.Mutex
	out        Verification
	done       int64
	present    map[rootKey]string // the file that each root was found in
	unreadable []history.Record   // spans of which the roots are not known, as was found
}

func (v *verifier) found(f Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.out.Findings) == maxFindings {
		v.out.More++
		return
	}
	v.out.Findings = append(v.out.Findings, f)
}

// blame makes a finding of an error that came up in a file, at an offset if it does not
// say so itself.
func (v *verifier) blame(file string, offset int64, err error) {
	if corrupt, ok := errors.AsType[*segment.CorruptError](err); ok {
		file, offset, err = corrupt.File, corrupt.Offset, corrupt.Err
	}
	v.found(Finding{File: file, Offset: offset, What: err.Error()})
}

// segments looks at all segments of the snapshot.
func (v *verifier) segments(ctx context.Context) error {
	for _, p := range v.snapshot.parts {
		for _, g := range p.segments {
			v.total += g.size()
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range v.snapshot.parts {
		for _, s := range p.segments {
			g.Go(func() error { return v.segment(ctx, p, s) })
		}
	}
	return g.Wait()
}

// segment looks at one segment. The error is that of ctx.
func (v *verifier) segment(ctx context.Context, p *catalogPart, g *stored) error {
	s, d, err := v.open(p, g)
	if p.explain(nil) != nil {
		return ctx.Err() // it was destroyed meanwhile
	}
	if err != nil {
		v.blame(g.path, 0, err)
		v.mu.Lock()
		v.unreadable = append(v.unreadable, history.Record{Part: p.historyPart(), First: g.First, Last: g.Last})
		v.mu.Unlock()
		return ctx.Err()
	}
	filters, err := s.Filters(d)
	if err != nil {
		v.blame(g.path, 0, err)
	}
	hasher := root.NewHasher(p.collection)
	rows := uint64(0)
	for i, stat := range d.Blocks() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.roots(p, g, d.Roots(i))
		findings, err := v.block(p, g, s, d, i, hasher, filters)
		if p.explain(nil) != nil {
			return ctx.Err()
		}
		for _, f := range findings {
			v.found(f)
		}
		if err != nil {
			v.blame(g.path, d.Offset(i), err)
		}
		rows += uint64(stat.Rows)
		v.looked(stat)
	}
	if rows != s.Rows || d.Collection() != p.collection {
		v.found(v.at(p, g, 0, "the segment has %d events of %s, and its summary %d", rows, d.Collection(), s.Rows))
	}
	v.mu.Lock()
	v.out.Segments++
	v.mu.Unlock()
	return nil
}

// open opens a segment's file again, as it may have changed since it was opened.
func (v *verifier) open(p *catalogPart, g *stored) (*segment.Segment, *segment.Directory, error) {
	if g.Segment == nil {
		return nil, nil, g.damage
	}
	s := v.a.openStored(v.a.disk, p.partKey, g.Name)
	if s.Segment == nil {
		return nil, nil, s.damage
	}
	if s.Summary != g.Summary {
		return nil, nil, &segment.CorruptError{File: g.path, Err: errors.New("it is another than when the archive was opened")}
	}
	d, err := s.Directory()
	return s.Segment, d, err
}

// at makes a finding in a segment.
func (v *verifier) at(p *catalogPart, g *stored, offset int64, what string, args ...any) Finding {
	return Finding{
		File: g.path, Offset: offset, Collection: p.collection, Day: p.dayName(), First: g.First, Last: g.Last, What: fmt.Sprintf(what, args...),
	}
}

// roots takes note of the roots of a block.
func (v *verifier) roots(p *catalogPart, g *stored, roots []root.Root) {
	v.mu.Lock()
	var twice []string
	for _, r := range roots {
		key := rootKey{p.historyPart(), r.First, r.Last, uint64(r.Rows), r.Hash}
		if other, ok := v.present[key]; ok {
			twice = append(twice, other)
		}
		v.present[key] = g.path
	}
	v.mu.Unlock()
	for _, other := range twice {
		v.found(v.at(p, g, 0, "some of its events are in %s, too", other))
	}
}

func (v *verifier) looked(stat column.Stat) {
	v.mu.Lock()
	v.out.Blocks++
	v.out.Events += uint64(stat.Rows)
	v.out.Bytes += stat.Bytes
	v.done += stat.Bytes
	done := v.done
	v.mu.Unlock()
	if v.o.Progress != nil {
		v.o.Progress(done, v.total)
	}
}

// block computes the roots of a block again, and looks whether its filter knows its words.
func (v *verifier) block(p *catalogPart, g *stored, s *segment.Segment, d *segment.Directory, i int, hasher *root.Hasher, filters *segment.Filters) (findings []Finding, err error) {
	if err := s.Check(d, i); err != nil {
		return nil, err
	}
	b, err := s.Block(d, i)
	if err != nil {
		return nil, err
	}
	wrong := func(r root.Root, what string) {
		f := v.at(p, g, d.Offset(i), "%s", what)
		f.First, f.Last = r.First, r.Last
		findings = append(findings, f)
	}
	roots, stat := d.Roots(i), d.Blocks()[i]
	from, to := llama.Time(1<<63-1), llama.Time(-1<<63)
	k := 0
	knows := newKnower(filters, i)
	hasher.Again(roots[0])
	err = b.Each(func(row *column.Row) error {
		if hasher.Rows() == roots[k].Rows && k+1 < len(roots) {
			if !hasher.Matches(roots[k]) {
				wrong(roots[k], "these events are not those that were sealed")
			}
			k++
			hasher.Again(roots[k])
		}
		hasher.Add(row)
		if !knows.row(row) {
			wrong(root.Root{First: row.Seq, Last: row.Seq}, "the block's filter does not know a word of this event, so it is not found by it")
		}
		from, to = min(from, row.Time), max(to, row.Time)
		if day := wal.DayOf(row.Ingested); day != p.day {
			wrong(root.Root{First: row.Seq, Last: row.Seq}, "this event arrived on another day")
		}
		return nil
	})
	if err != nil {
		return findings, err
	}
	if !hasher.Matches(roots[k]) || k+1 < len(roots) {
		wrong(roots[k], "these events are not those that were sealed")
	}
	if from != stat.MinTime || to != stat.MaxTime {
		wrong(root.Root{First: stat.FirstSeq, Last: stat.LastSeq}, "the block is said to have other times than it has")
	}
	return findings, nil
}
