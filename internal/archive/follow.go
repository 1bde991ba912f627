package archive

import (
	"context"
	"math"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// maxFollowed is about how many bytes of events are handed on at once.
const maxFollowed = 1 << 20

// Follow calls fn with all events from the arrival number from on, or only with new
// ones when from is 0, each once and in order, until ctx ends, fn fails or the
// archive is closed. Events that expired before they were read are left out. The
// slices and events are fn's to keep.
//
// Follow never makes Put wait; one that is slow reads older events from segments.
// It returns nil when ctx ended or the archive was closed, and the error of fn or of
// a read otherwise.
func (a *Archive) Follow(ctx context.Context, from uint64, fn func([]llama.Event) error) error {
	f := follower{a: a, fn: fn, next: from}
	if from == 0 {
		a.mu.RLock()
		f.next = a.next
		a.mu.RUnlock()
	}
	for ctx.Err() == nil {
		frames, behind, woken := a.recentFrom(f.next)
		var err error
		switch {
		case frames != nil:
			err = f.recent(ctx, frames)
		case behind:
			err = f.catchUp(ctx)
		case a.closed.Load():
			return nil
		default:
			select {
			case <-woken:
			case <-ctx.Done():
			}
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// recentFrom returns frames from seq on, or says that there are events which are
// not in memory any more, or returns a channel that is closed when there are more.
func (a *Archive) recentFrom(seq uint64) (frames []recentFrame, behind bool, woken chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if seq < a.next {
		frames = a.recent.from(seq, maxFollowed)
		return frames, frames == nil, nil
	}
	if a.woken == nil {
		a.woken = make(chan struct{})
	}
	return nil, false, a.woken
}

// wake wakes those who follow. The caller holds mu.
func (a *Archive) wake() {
	if a.woken != nil {
		close(a.woken)
		a.woken = nil
	}
}

// A follower is one call of Follow.
type follower struct {
	a    *Archive
	fn   func([]llama.Event) error
	next uint64
}

// recent hands on frames from memory.
func (f *follower) recent(ctx context.Context, frames []recentFrame) error {
	for _, frame := range frames {
		if ctx.Err() != nil {
			return nil
		}
		events, err := frame.from(f.next, &f.a.shapes)
		if err != nil {
			return err
		}
		if err := f.hand(events); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) hand(events []llama.Event) error {
	if len(events) == 0 {
		return nil
	}
	f.next = events[len(events)-1].Seq + 1
	return f.fn(events)
}

// catchUp hands on events from a snapshot. Those of several collections and days
// are put in order: of each part one block is open at a time.
func (f *follower) catchUp(ctx context.Context) error {
	s := f.a.Snapshot()
	defer s.Close()
	return f.read(ctx, s, s.refs("", math.MinInt64, math.MaxInt64))
}

// read hands on the events of blocks of a snapshot.
func (f *follower) read(ctx context.Context, s *Snapshot, refs []column.Ref) error {
	slices.SortFunc(refs, func(x, y column.Ref) int {
		if x.FirstSeq < y.FirstSeq {
			return -1
		}
		return 1
	})
	for len(refs) > 0 && refs[0].LastSeq < f.next {
		refs = refs[1:]
	}
	var open []*cursor
	for len(refs) > 0 || len(open) > 0 {
		if ctx.Err() != nil {
			return nil
		}
		// What lies before the next block begins can be handed on.
		for len(refs) > 0 && (len(open) == 0 || refs[0].FirstSeq <= lowest(open)) {
			c, err := f.openCursor(ctx, refs[0])
			if err != nil {
				return err
			}
			if c != nil {
				open = append(open, c)
			}
			refs = refs[1:]
		}
		limit := s.next
		if len(refs) > 0 {
			limit = refs[0].FirstSeq
		}
		if err := f.merge(open, limit); err != nil {
			return err
		}
		open = slices.DeleteFunc(open, (*cursor).done)
	}
	f.next = max(f.next, s.next) // what is missing until there has expired
	return nil
}

// A cursor is a block that is being read.
type cursor struct {
	block *column.Block
	seqs  []uint64
	row   int
	// events are those of rows from start on.
	events []llama.Event
	start  int
}

// step is how many rows of a block are turned into events at once.
const step = 1024

func (c *cursor) done() bool  { return c.row == c.block.Rows() }
func (c *cursor) seq() uint64 { return c.seqs[c.row] }

// event returns the event at the cursor, and moves on.
func (c *cursor) event() (e llama.Event, err error) {
	if c.row >= c.start+len(c.events) {
		c.start = c.row
		if c.events, err = c.block.Events(nil, c.row, min(c.row+step, c.block.Rows())); err != nil {
			return e, err
		}
	}
	e = c.events[c.row-c.start]
	c.row++
	return e, nil
}

// openCursor reads a block, and returns nil when all of it is handed on already.
func (f *follower) openCursor(ctx context.Context, ref column.Ref) (*cursor, error) {
	if ref.LastSeq < f.next {
		return nil, nil
	}
	b, err := ref.Read(ctx)
	if err != nil {
		return nil, err
	}
	seqs, err := b.Seqs()
	if err != nil {
		return nil, err
	}
	row, _ := slices.BinarySearch(seqs, f.next)
	if row == b.Rows() {
		return nil, nil
	}
	return &cursor{block: b, seqs: seqs, row: row}, nil
}

// lowest returns the lowest arrival number at which a cursor is.
func lowest(open []*cursor) uint64 {
	low := uint64(math.MaxUint64)
	for _, c := range open {
		low = min(low, c.seq())
	}
	return low
}

// merge hands on the events of open blocks that come before limit, up to step.
func (f *follower) merge(open []*cursor, limit uint64) error {
	var events []llama.Event
	for len(events) < step {
		var first *cursor
		for _, c := range open {
			if !c.done() && (first == nil || c.seq() < first.seq()) {
				first = c
			}
		}
		if first == nil || first.seq() >= limit {
			break
		}
		e, err := first.event()
		if err != nil {
			return err
		}
		events = append(events, e)
	}
	return f.hand(events)
}

// Holds reports whether the event with an arrival number is still in the archive. It
// reads the numbers of the blocks among which it would be.
func (a *Archive) Holds(ctx context.Context, seq uint64) (bool, error) {
	s := a.Snapshot()
	defer s.Close()
	for _, ref := range s.refs("", math.MinInt64, math.MaxInt64) {
		if seq < ref.FirstSeq || ref.LastSeq < seq {
			continue
		}
		b, err := ref.Read(ctx)
		if err != nil {
			return false, err
		}
		seqs, err := b.Seqs()
		if err != nil {
			return false, err
		}
		if _, found := slices.BinarySearch(seqs, seq); found {
			return true, nil
		}
	}
	return false, nil
}
