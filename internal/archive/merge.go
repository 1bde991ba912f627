package archive

import (
	"errors"
	"fmt"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/segment"
)

const (
	// mergeAtOnce is how many segments of a day that still grows are worth merging:
	// each event is then rewritten by the logarithm of their number.
	mergeAtOnce = 4
	// maxJoined bounds the bytes on disk of blocks that are joined to one.
	maxJoined = 4 << 20
)

// errLeft says that merging would make a segment that is too wide.
var errLeft = errors.New("too many names for one segment")

// mergeOne merges adjacent segments of one part, if there are some worth it, and
// reports whether there were. It stops neither Put nor readers: those who read the
// old segments keep them.
func (a *Archive) mergeOne() (bool, error) {
	a.merging <- struct{}{}
	defer func() { <-a.merging }()
	p, run := a.mergeable()
	if p == nil || !a.mayMerge(run) {
		return false, nil
	}
	merged, err := a.merge(p, run)
	if errors.Is(err, errLeft) {
		a.leave(run)
		return true, nil
	} else if err != nil {
		if _, corrupt := errors.AsType[*segment.CorruptError](err); corrupt {
			a.leave(run)
		}
		return false, fmt.Errorf("merge segments of %s: %w", p.folder(), err)
	}
	a.mergeAnswers(p, run, merged)
	a.replace(p, run, merged)
	a.metrics.merges.Inc()
	return true, nil
}

// mayMerge reports whether there is disk enough for both the old and the new.
func (a *Archive) mayMerge(run []*stored) bool {
	free, total, err := a.disk.Free()
	for _, s := range run {
		free -= s.Bytes
	}
	return err == nil && free >= a.o.floor(total)
}

// leave has segments stay as they are until the next start.
func (a *Archive) leave(run []*stored) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range run {
		s.left = true
	}
}

// mergeable chooses adjacent segments.
func (a *Archive) mergeable() (*part, []*stored) {
	today := wal.DayOf(llama.At(a.o.Now()))
	a.mu.RLock()
	defer a.mu.RUnlock()
	for p := range a.several {
		grows := p.day >= today || len(p.head) > 0
		if run := choose(p.segments, grows, uint64(a.o.MergedRows)); run != nil {
			return p, run
		}
	}
	return nil, nil
}

// choose returns adjacent segments that together have at most maxRows. While the
// part grows they are some, and none is larger than all others together, or a large
// one would be rewritten for each small one.
func choose(segments []*stored, grows bool, maxRows uint64) []*stored {
	for i := range segments {
		var sum, largest uint64
		best := 0
		for j, s := range segments[i:] {
			if s.Segment == nil || s.left || sum+s.Rows > maxRows {
				break
			}
			sum += s.Rows
			largest = max(largest, s.Rows)
			if !grows && j > 0 || j+1 >= mergeAtOnce && largest <= sum-largest {
				best = j + 1
			}
		}
		if best > 0 {
			return segments[i : i+best : i+best]
		}
	}
	return nil
}

// merge writes one segment of several.
func (a *Archive) merge(p *part, run []*stored) (*stored, error) {
	key, ok := a.keyring.Find(p.keyID())
	if !ok {
		return nil, fmt.Errorf("the keyring has no key %s", p.keyID())
	}
	w, err := a.createSegment(p, key)
	if err != nil {
		return nil, err
	}
	m := merger{codec: a.codec, w: w, small: a.o.BlockRows / 2, rows: a.o.BlockRows}
	generation := 0
	for _, s := range run {
		if err = m.add(s); err != nil {
			break
		}
		generation = max(generation, s.Generation)
	}
	if err == nil {
		err = m.flush()
	}
	if err != nil {
		w.Abort()
		return nil, err
	}
	merged, err := a.closeSegment(p, key, w, generation+1)
	if err == nil {
		a.carry(run, merged, w)
	}
	return merged, err
}

// carry gives a merged segment what is known in memory of those it was made of, before
// somebody reads it: who asks all the time would read and decode it again after each merge.
func (a *Archive) carry(run []*stored, merged *stored, w *segment.Writer) {
	reader, used := a.filtersUsed(run...)
	holders := make([]*holder, len(run))
	for i, s := range run {
		holders[i] = &s.held
	}
	a.decoded.move(&merged.held, w.BlockIDs(), holders...)
	if used {
		a.keepFilters(merged, w, reader)
	}
	if a.directories.knows(run) {
		a.directories.of(merged) // best effort, likewise
	}
}

// replace puts a merged segment in the place of those it was made of.
func (a *Archive) replace(p *part, run []*stored, merged *stored) {
	a.mu.Lock()
	i := slices.Index(p.segments, run[0])
	a.setSegments(p, slices.Concat(p.segments[:i], []*stored{merged}, p.segments[i+len(run):]))
	gone := a.readers.drop(paths(run)...)
	a.mu.Unlock()
	for _, s := range run {
		a.directories.forget(s)
		a.forgetAnswers(s)
	}
	a.removeFiles(gone)
}

func paths(segments []*stored) (paths []string) {
	for _, s := range segments {
		paths = append(paths, s.path)
	}
	return paths
}

// A merger copies blocks as they are, and joins small ones that lie side by side.
type merger struct {
	codec *segment.Codec
	w     *segment.Writer
	small int // blocks with fewer rows are joined
	rows  int // up to so many

	pending []sealedBlock
	fields  int // of pending, at most
	waiting int // rows of pending
	bytes   int64
}

// A sealedBlock is a block of a segment.
type sealedBlock struct {
	of     *stored
	d      *segment.Directory
	number int
}

func (m *merger) add(s *stored) error {
	d, err := s.Directory()
	if err != nil {
		return err
	}
	for i, stat := range d.Blocks() {
		b := sealedBlock{s, d, i}
		if stat.Rows >= m.small || stat.Bytes >= maxJoined {
			if err := m.flush(); err != nil {
				return err
			}
			if err := m.copy(b); err != nil {
				return err
			}
			continue
		}
		if err := m.join(b, stat); err != nil {
			return err
		}
	}
	return nil
}

// copy writes a block as it is.
func (m *merger) copy(b sealedBlock) error {
	if !m.w.Fits(b.d.Fields(b.number)) {
		return errLeft
	}
	return m.w.Copy(b.of.Segment, b.d, b.number)
}

// join adds a small block to those that wait.
func (m *merger) join(b sealedBlock, stat column.Stat) error {
	rows, fields := m.waiting+stat.Rows, m.fields+b.d.Fields(b.number)
	if rows > m.rows || m.bytes+stat.Bytes > maxJoined || rows*fields > column.MaxCells {
		if err := m.flush(); err != nil {
			return err
		}
	}
	m.pending = append(m.pending, b)
	m.waiting += stat.Rows
	m.fields += b.d.Fields(b.number)
	m.bytes += stat.Bytes
	return nil
}

// flush writes the blocks that wait as one.
func (m *merger) flush() error {
	pending, fields := m.pending, m.fields
	m.pending, m.waiting, m.fields, m.bytes = nil, 0, 0, 0
	switch {
	case len(pending) == 0:
		return nil
	case len(pending) == 1:
		return m.copy(pending[0])
	case !m.w.Fits(fields):
		return errLeft
	}
	to := block.NewBuilder(pending[0].d.Collection())
	var roots []root.Root
	for _, p := range pending {
		b, err := p.of.Block(p.d, p.number)
		if err != nil {
			return err
		}
		if err := b.Each(func(r *column.Row) error { to.Add(r); return nil }); err != nil {
			return err
		}
		roots = append(roots, p.d.Roots(p.number)...)
	}
	packed, err := m.codec.Pack(to, roots...)
	if err != nil {
		return err
	}
	return m.w.Append(packed)
}
