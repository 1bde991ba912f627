package archive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"time"

	"github.com/llama-logs/llama/internal/archive/wal"
)

// sealEvery is how often the heads are looked at.
const sealEvery = time.Second

// runSealing seals what is due until ctx ends. Where somebody asks, it looks more often for
// blocks to be packed early; all else takes its time.
func (a *Archive) runSealing(ctx context.Context) error {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	failing := false
	every, waited := sealEvery, time.Duration(0) // since sealDue
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			waited += every
		case <-a.sealNow:
			waited = sealEvery
		}
		every = sealEvery
		if a.askedLately() {
			every = askedSealEvery
			a.closeEarly()
		}
		tick.Reset(every)
		var err error
		all := waited >= sealEvery
		if all {
			waited = 0
			err = a.sealDue(ctx)
		} else {
			err = a.packFull(ctx)
		}
		if err != nil && ctx.Err() == nil && !failing {
			a.o.Logger.Error("events stay in the log, as no segment can be written", "error", err)
		}
		failing = err != nil || failing && !all
	}
}

// packFull packs the blocks that are full.
func (a *Archive) packFull(ctx context.Context) error {
	if err := a.hold(ctx, a.sealing); err != nil {
		return err
	}
	defer func() { <-a.sealing }()
	return a.pack(ctx, a.unpacked())
}

// askToSeal has runSealing look at once.
func (a *Archive) askToSeal() {
	select {
	case a.sealNow <- struct{}{}:
	default:
	}
}

// sealDue seals the parts that are large or old enough, or in the way.
func (a *Archive) sealDue(ctx context.Context) error {
	if err := a.hold(ctx, a.sealing); err != nil {
		return err
	}
	defer func() { <-a.sealing }()
	var errs []error
	if err := a.pack(ctx, a.unpacked()); err != nil && ctx.Err() == nil {
		errs = append(errs, err)
	}
	due := a.due()
	if err := a.makeKeys(slices.Collect(maps.Keys(due))); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for p, blocks := range due {
		if ctx.Err() != nil {
			break
		}
		if err := a.sealPart(p, blocks); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, a.trim())...)
}

// sealAll seals everything.
func (a *Archive) sealAll(ctx context.Context) error {
	if err := a.hold(ctx, a.sealing); err != nil {
		return err
	}
	defer func() { <-a.sealing }()
	return errors.Join(a.sealHeads(), a.trim())
}

// sealHeads seals all that is in memory. The caller holds sealing.
func (a *Archive) sealHeads() error {
	a.mu.RLock()
	parts := slices.Collect(maps.Keys(a.heads))
	a.mu.RUnlock()
	if err := a.makeKeys(parts); err != nil {
		return err
	}
	var errs []error
	for _, p := range parts {
		if err := a.sealPart(p, allBlocks); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// makeKeys makes the keys of parts that have none.
func (a *Archive) makeKeys(parts []*part) error {
	if len(parts) == 0 {
		return nil
	}
	ids := make([]string, len(parts))
	for i, p := range parts {
		ids[i] = p.keyID()
	}
	return a.keyring.Make(ids...)
}

// relieve makes a Put wait while memory is used up, and do the work if nobody else
// does.
func (a *Archive) relieve(ctx context.Context) error {
	if !a.overfull() {
		return nil
	}
	if err := a.hold(ctx, a.sealing); err != nil {
		return err
	}
	defer func() { <-a.sealing }()
	for a.overfull() && ctx.Err() == nil {
		if err := a.shrink(); err != nil && a.overfull() {
			return a.refuse(err)
		}
	}
	return ctx.Err()
}

// shrink makes the heads take less memory: it packs a block, or seals a part when all are
// packed that can be. The caller holds sealing.
func (a *Archive) shrink() error {
	if blocks := a.unpacked(); len(blocks) > 0 {
		return a.pack(context.Background(), blocks[:1])
	}
	return a.sealPart(a.largest(), allBlocks)
}

func (a *Archive) overfull() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.headSize > int(a.o.HeadSize)
}

// largest returns the part that takes most memory.
func (a *Archive) largest() (largest *part) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	size := 0
	for p := range a.heads {
		if n := p.size(); n > size {
			largest, size = p, n
		}
	}
	return largest
}

// allBlocks stands for as many blocks as there are.
const allBlocks = math.MaxInt

// due returns the parts to be sealed now, and how many blocks of each.
func (a *Archive) due() map[*part]int {
	behind := a.log.Behind(int64(a.o.LogSize))
	a.mu.RLock()
	defer a.mu.RUnlock()
	due := map[*part]int{}
	var rest []*part
	size := a.headSize
	for p := range a.heads {
		n := p.begunUpTo(behind) // and so in the way
		switch {
		case a.o.Now().Sub(p.head[0].since) >= a.o.SealAfter:
			n = allBlocks
		case p.rows() >= a.o.SegmentRows:
			n = max(n, a.enough(p))
		}
		if n == 0 {
			rest = append(rest, p)
			continue
		}
		due[p] = n
		for _, b := range p.head[:min(n, len(p.head))] {
			size -= b.size()
		}
	}
	// Half of the memory is for what is being sealed.
	slices.SortFunc(rest, func(x, y *part) int { return y.size() - x.size() })
	for _, p := range rest {
		if size <= int(a.o.HeadSize)/2 {
			break
		}
		size -= p.size()
		due[p] = allBlocks
	}
	return due
}

// enough returns how many blocks of a part with enough events for a segment to seal: the
// full ones, if they are worth a segment. The one that grows would make a small block, which
// is encoded once more when segments are merged.
func (a *Archive) enough(p *part) int {
	blocks, rows := len(p.head), p.rows()
	if b := p.growing(); b != nil && blocks > 1 && rows-b.stat.Rows >= a.o.SegmentRows/2 {
		blocks--
	}
	return blocks
}

// sealPart writes the first blocks of a part's head into segments. Readers find the events
// in the head until they are in the segments. The caller holds sealing.
func (a *Archive) sealPart(p *part, first int) error {
	a.mu.Lock()
	blocks := p.head[:min(first, len(p.head))]
	if n := len(blocks); n > 0 {
		a.close(blocks[n-1]) // the next event begins a new block
	}
	a.mu.Unlock()
	if len(blocks) == 0 {
		return nil
	}
	began := a.o.Now()
	if err := a.pack(context.Background(), blocks); err != nil {
		return fmt.Errorf("seal %s: %w", p.folder(), err)
	}
	key, err := a.keyring.Key(p.keyID())
	if err != nil {
		return err
	}
	if err := a.makeFolder(p.partKey); err != nil {
		return err
	}
	for len(blocks) > 0 {
		w, err := a.createSegment(p, key)
		if err != nil {
			return err
		}
		n, err := a.fill(w, blocks)
		if err != nil {
			w.Abort()
			return fmt.Errorf("seal %s: %w", p.folder(), err)
		}
		s, err := a.closeSegment(p, key, w, 1)
		if err != nil {
			return fmt.Errorf("seal %s: %w", p.folder(), err)
		}
		a.recordSealed(p.partKey, w.Roots())
		a.carryPacked(blocks[:n], s, w)
		a.sealed(p, n, s)
		blocks = blocks[n:]
	}
	a.metrics.seal.Observe(a.o.Now().Sub(began).Seconds())
	return nil
}

// sealed puts a segment in the place of the first n blocks of a head.
func (a *Archive) sealed(p *part, n int, s *stored) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range p.head[:n] {
		a.headSize -= b.size()
		b.gone = true
	}
	if p.head = slices.Clone(p.head[n:]); len(p.head) == 0 {
		delete(a.heads, p)
	}
	a.setSegments(p, append(slices.Clip(p.segments), s))
	p.sealed = s.Last
}

// makeFolder makes the folder of a part, durably.
func (a *Archive) makeFolder(key partKey) error {
	if err := a.disk.MkdirAll(key.folder()); err != nil {
		return err
	}
	if err := a.disk.SyncDir(path.Dir(key.folder())); err != nil {
		return err
	}
	return a.disk.SyncDir(segmentsFolder)
}

// trim removes the log files that are no longer needed. What must outlive them is
// made durable before. The caller holds sealing.
func (a *Archive) trim() error {
	if err := a.history.Flush(); err != nil {
		return err
	}
	a.lead <- struct{}{} // so that all that is in the log is also in the heads
	c := a.checkpoint()
	next := a.next
	<-a.lead
	if err := a.keep(c); err != nil {
		return err
	}
	first := a.log.First()
	if first == 0 {
		first = next
	}
	if err := a.history.Advance(first); err != nil {
		return fmt.Errorf("write the edge of the history: %w", err)
	}
	return nil
}

// checkpoint returns what must outlive the log files that are no longer needed, or
// nil when there are none, and no keys of such. The caller leads.
func (a *Archive) checkpoint() *wal.Checkpoint {
	a.mu.RLock()
	c := &wal.Checkpoint{Next: a.next}
	oldest := a.next
	for p := range a.heads {
		oldest = min(oldest, p.firstUnsealed())
	}
	a.mu.RUnlock()
	c.Oldest = a.log.Oldest(oldest)
	if c.Oldest == a.trimmed && !a.oldLogKeys(c.Oldest) {
		return nil
	}
	c.Positions = a.positions.all()
	return c
}

// keep makes a checkpoint durable and removes what it makes needless. The caller
// holds sealing.
func (a *Archive) keep(c *wal.Checkpoint) error {
	if c == nil || a.keepLog {
		return nil
	}
	if err := c.Save(a.disk, a.logKeys.Newest()); err != nil {
		return fmt.Errorf("write the positions: %w", err)
	}
	if err := a.log.Remove(c.Oldest); err != nil {
		return err
	}
	a.trimmed = c.Oldest
	if a.oldLogKeys(c.Oldest) {
		return a.dropLogKeys()
	}
	return nil
}

// hold takes a token, or gives up with ctx.
func (a *Archive) hold(ctx context.Context, token chan struct{}) error {
	select {
	case token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
