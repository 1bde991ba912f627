package archive

import (
	"fmt"
	"strings"
	"time"

	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/column"
)

// A headBlock is a run of a part's events that are only in memory, and in the log. It grows
// while it is the last of its part, and has sections of frames then. When it is full it is
// packed, as its segment will have it, and has these no more. Archive.mu guards it, but for
// its view.
type headBlock struct {
	pieces []piece // appended to, never changed; none in one that is packed
	view   *view   // of these
	packed *packed // nil: not yet; only who holds Archive.sealing sets it

	stat   column.Stat // of all events
	since  time.Time
	full   bool // it grows no more
	gone   bool // its events are in a segment, and its memory is no longer counted
	bytes  int  // memory of all but the view
	viewed int  // memory of the view
	logged int  // bytes of its sections

	// What is known of its columns while it grows.

	shapes map[string]string // their definitions, in memory that sections share
	names  map[string]struct{}
}

// A piece is a section of a frame in a head.
type piece struct {
	wal.Events
	frame uint64 // arrival number of the first event of the frame
	from  uint64 // events before are in segments already
}

// size returns about how much memory it takes.
func (p *piece) size() int { return p.Bytes() + bytesOfPiece }

// bytesOfPiece is about what a piece takes, as part of a slice that grows.
const bytesOfPiece = 64

// bytesOfEntry is about what a name or definition takes in a map.
const bytesOfEntry = 48

func (b *headBlock) size() int { return b.bytes + b.viewed }

// add puts the sections of a frame into the heads, and its position among the known
// ones. Events that are in segments already, as can be after a restart, are passed
// over. The caller holds mu.
func (a *Archive) add(f *wal.Frame) {
	for i := range f.Sections {
		s := &f.Sections[i]
		p := a.part(partKey{s.Collection, s.Day})
		if f.First+uint64(s.Last) > p.sealed {
			a.addPiece(p, s, f.First)
		}
		s.Shapes, s.Names = nil, nil // the block knows them
		s.Collection = p.collection
	}
	if p := f.Position; p.Named() {
		a.positions.advance(positionKey{p.Source, p.Epoch}, p.Last, a.o.Now().Unix())
	}
	a.next = f.First + uint64(f.Events)
	a.recent.add(f)
}

// addPiece puts a section of a frame into the head of a part.
func (a *Archive) addPiece(p *part, s *wal.Section, frame uint64) {
	stat := column.Stat{
		Collection: p.collection, Rows: s.Rows, MinTime: s.MinTime, MaxTime: s.MaxTime,
		FirstSeq: frame + uint64(s.First), LastSeq: frame + uint64(s.Last),
	}
	pc := piece{Events: s.Events, frame: frame}
	if stat.FirstSeq <= p.sealed {
		pc.from = p.sealed + 1
		stat = a.statOf(p.collection, &pc)
	}
	b := p.growing()
	if b == nil || !a.takes(b, s, stat.Rows, pc.size()) {
		if b != nil {
			a.close(b)
			a.askToSeal() // which packs it
		}
		b = &headBlock{stat: stat, since: a.o.Now(), shapes: map[string]string{}, names: map[string]struct{}{}, view: &view{}}
		b.stat.Rows = 0
		p.head = append(p.head, b)
		a.heads[p] = struct{}{}
		a.learn(b, s)
	}
	if len(s.Shapes) > 0 {
		s.Share(b.shapes[s.Shapes[0]])
	}
	pc.Events = s.Events
	b.pieces = append(b.pieces, pc)
	b.stat = both(b.stat, stat)
	b.bytes += pc.size()
	b.logged += pc.Bytes()
	a.headSize += pc.size()
}

// growing returns the block of a part to which events may be added, or nil.
func (p *part) growing() *headBlock {
	if n := len(p.head); n > 0 && !p.head[n-1].full {
		return p.head[n-1]
	}
	return nil
}

// takes reports whether a block has room for a section, whose shapes it learns.
func (a *Archive) takes(b *headBlock, s *wal.Section, rows, bytes int) bool {
	rows += b.stat.Rows
	if rows > a.o.BlockRows || b.bytes+bytes > int(a.o.BlockSize) {
		return false
	}
	a.learn(b, s)
	return rows*len(b.names) <= column.MaxCells
}

// learn adds the shapes of a section to those that a block has, and its names.
func (a *Archive) learn(b *headBlock, s *wal.Section) {
	taken := 0
	for _, definition := range s.Shapes {
		if _, known := b.shapes[definition]; known {
			continue
		}
		definition = strings.Clone(definition) // or it would keep a whole section
		b.shapes[definition] = definition
		taken += bytesOfEntry + len(definition)
		for name := range wal.NamesIn(definition) {
			taken += b.name(name)
		}
	}
	for _, name := range s.Names {
		taken += b.name(name)
	}
	b.bytes += taken
	a.headSize += taken
}

// name adds a name to those that a block has, and returns how much memory that takes.
func (b *headBlock) name(name string) int {
	if _, known := b.names[name]; known {
		return 0
	}
	name = strings.Clone(name) // or it would keep a batch
	b.names[name] = struct{}{}
	return bytesOfEntry + len(name)
}

// close ends a block's growth, and drops what only that needs.
func (a *Archive) close(b *headBlock) {
	if b.full {
		return
	}
	freed := bytesOfEntry * len(b.shapes)
	for name := range b.names {
		freed += bytesOfEntry + len(name)
	}
	b.full, b.shapes, b.names = true, nil, nil
	b.bytes -= freed
	a.headSize -= freed
}

// statOf reads a piece of which only a part is new.
func (a *Archive) statOf(collection string, p *piece) (stat column.Stat) {
	stat.Collection = collection
	if err := readPieces(&a.shapes, []piece{*p}, func(r *column.Row) {
		stat = both(stat, column.Stat{Collection: collection, Rows: 1, MinTime: r.Time, MaxTime: r.Time, FirstSeq: r.Seq, LastSeq: r.Seq})
	}); err != nil {
		panic(fmt.Sprintf("archive: a frame that was read cannot be read again: %v", err))
	}
	return stat
}

// both returns what is known of two runs of events, the second of which came later.
func both(x, y column.Stat) column.Stat {
	if x.Rows == 0 {
		return y
	}
	x.Rows += y.Rows
	x.MinTime, x.MaxTime = min(x.MinTime, y.MinTime), max(x.MaxTime, y.MaxTime)
	x.LastSeq = y.LastSeq
	return x
}

// readPieces calls fn with each event of pieces, in the order of arrival. The row is
// fn's until it returns.
func readPieces(shapes *wal.Shapes, pieces []piece, fn func(*column.Row)) error {
	r := wal.NewReader(shapes)
	for i := range pieces {
		p := &pieces[i]
		r.Read(p.Events, p.frame)
		for row := r.Next(); row != nil; row = r.Next() {
			if row.Seq >= p.from {
				fn(row)
			}
		}
		if err := r.Err(); err != nil {
			return fmt.Errorf("read events from memory, of the frame that begins with %d: %w", p.frame, err)
		}
	}
	return nil
}

// part returns a part, which is made when there is none.
func (a *Archive) part(key partKey) *part {
	p := a.parts[key]
	if p == nil {
		key.collection = strings.Clone(key.collection) // it may be of a batch
		p = &part{partKey: key, sealed: a.removed(key)}
		a.parts[key] = p
		a.bare[p] = struct{}{}
	}
	return p
}

// setSegments gives a part other segments. The caller holds mu. One that was destroyed
// meanwhile is in no set.
func (a *Archive) setSegments(p *part, segments []*stored) {
	p.segments = segments
	a.catalog = nil
	delete(a.bare, p)
	delete(a.several, p)
	if a.parts[p.partKey] != p {
		return
	}
	switch len(segments) {
	case 0:
		a.bare[p] = struct{}{}
	case 1:
	default:
		a.several[p] = struct{}{}
	}
}
