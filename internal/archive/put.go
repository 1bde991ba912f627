package archive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/column"
)

// maxGroup is how many bytes are written to the log at once, if it is more than one
// batch.
const maxGroup = 16 << 20

// Batches for which nobody waits are written together: at the earliest gatherFor after
// what was written last, or when gatherBytes are there. Senders that bring an event at a time
// would cause a write for each otherwise, as each is awaited for less time than another comes.
const (
	gatherFor   = 10 * time.Millisecond
	gatherBytes = 64 << 10
)

// A commit is a batch on its way into the log.
type commit struct {
	frame   *wal.Frame
	patient bool
	done    chan struct{} // closed when err is set
	err     error
}

// Put stores a batch: when it returns nil, its events are on disk and can be found,
// and have their Seq. Of a batch with a position, events that were stored before
// are left out and have Seq 0; a batch that leaves a gap is refused with a
// *llama.GapError. After any error nothing is stored.
//
// When the disk is full or fails, or memory is used up and cannot be freed, the
// error is a *llama.Error with code Unavailable; later is fine.
func (a *Archive) Put(ctx context.Context, b *llama.Batch) error { return a.PutPrepared(ctx, b) }

// A Prepare makes a run of events ready. It may say of which layout each is; see
// column.Layout.
type Prepare = func(run []llama.Event, layouts []*column.Layout) error

// PutPrepared is Put for events that are made ready on the way, run by run, right before
// they are written down: what a run refers to is still near then, and its fields need no
// memory beyond the next run. Each prepare is given a share of the batch in its order, by
// a goroutine of its own; events that were stored before are given to none. An error of
// one is returned as it is, and nothing is stored.
func (a *Archive) PutPrepared(ctx context.Context, b *llama.Batch, prepare ...Prepare) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(b.Events) == 0 && !b.Position.Named() {
		return nil
	}
	if err := a.check(b); err != nil {
		return err
	}
	a.flow.begin(b.InPace)
	rests := false
	defer func() { a.flow.end(rests) }()
	if err := a.relieve(ctx); err != nil {
		return err
	}
	if !b.Position.Named() {
		return a.store(b, b.Events, prepare, &rests)
	}
	key := positionKey{b.Position.Source, b.Position.Epoch}
	if err := a.positions.acquire(ctx, key); err != nil {
		return err
	}
	defer a.positions.release(key)
	events, err := a.unknown(b)
	if err != nil {
		return err
	}
	if events == nil { // all is stored, as far as the disk is not too full for it
		if err := a.log.Settle(); err != nil {
			return a.refuse(err)
		}
		return nil
	}
	return a.store(b, events, prepare, &rests)
}

// check refuses positions and places that cannot be. What else is wrong with events shows
// when they are encoded.
func (a *Archive) check(b *llama.Batch) error {
	p := &b.Position
	if p.Named() {
		if len(p.Source) > maxNameBytes || len(p.Epoch) > maxNameBytes {
			return llama.Errorf(llama.TooLarge, "a position's source or epoch is longer than %d bytes", maxNameBytes)
		}
		if p.First > p.Last || p.Last == math.MaxUint64 {
			return llama.Errorf(llama.Invalid, "source %q: a position cannot go from %d to %d", p.Source, p.First, p.Last)
		}
	}
	last := p.First
	for i := range b.Events {
		e := &b.Events[i]
		e.Seq = 0
		if p.Named() {
			if e.Place < last || e.Place > p.Last {
				return llama.Errorf(llama.Invalid, "source %q: place %d of event %d is not from %d to %d", p.Source, e.Place, i, last, p.Last)
			}
			last = e.Place
		}
	}
	return nil
}

// unknown returns the events of a batch that are not stored, or nil when all of the
// batch is. The caller has the source's turn.
func (a *Archive) unknown(b *llama.Batch) ([]llama.Event, error) {
	p := b.Position
	next := a.positions.next(positionKey{p.Source, p.Epoch})
	switch {
	case p.First > next:
		return nil, &llama.GapError{Source: p.Source, Epoch: p.Epoch, Want: next, First: p.First}
	case p.Last < next:
		return nil, nil
	}
	events := b.Events
	for len(events) > 0 && events[0].Place < next {
		events = events[1:]
	}
	if events == nil {
		events = []llama.Event{} // only blank lines: there is still the position to store
	}
	return events, nil
}

// store makes a frame of those events of b that are new, has it written, and numbers the
// events. It sets rests once nothing is left but to wait for the disk.
func (a *Archive) store(b *llama.Batch, events []llama.Event, prepare []Prepare, rests *bool) error {
	encoders := make([]*wal.Encoder, max(1, len(prepare)))
	for i := range encoders {
		if encoders[i], _ = a.encoders.Get().(*wal.Encoder); encoders[i] == nil {
			encoders[i] = &wal.Encoder{}
		}
	}
	defer func() {
		for _, e := range encoders {
			e.Reset()
			if e.Size() <= maxGroup {
				a.encoders.Put(e)
			}
		}
	}()
	f, err := a.encode(encoders, b.Position, events, prepare)
	if err != nil {
		return err
	}
	for i := range f.Sections {
		if name := f.Sections[i].Collection; !ValidCollection(name) {
			return llama.Errorf(llama.Invalid, "%q is not the name of a collection; %s", name, collectionRule)
		}
	}
	a.flow.rest()
	*rests = true
	if err = a.commit(&commit{frame: f, patient: b.Patient, done: make(chan struct{})}); err != nil {
		return err
	}
	for i := range events {
		events[i].Seq = f.First + uint64(i)
	}
	return nil
}

// encode makes a frame, with one goroutine for each encoder.
func (a *Archive) encode(encoders []*wal.Encoder, p llama.Position, events []llama.Event, prepare []Prepare) (*wal.Frame, error) {
	n := len(encoders)
	errs := make([]error, n)
	share := (len(events) + n - 1) / n
	var others sync.WaitGroup
	for i := 1; i < n; i++ {
		from := min(i*share, len(events))
		others.Go(func() {
			errs[i] = a.encodeShare(encoders[i], events[from:min(from+share, len(events))], from, prepare[i])
		})
	}
	var first Prepare
	if len(prepare) > 0 {
		first = prepare[0]
	}
	errs[0] = a.encodeShare(encoders[0], events[:min(share, len(events))], 0, first)
	others.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return nil, errs[i]
	}
	encoders[0].Plain = a.log.Quick()
	return encoders[0].Frame(p, len(events), encoders[1:]...)
}

// encodeAtOnce is how many events are prepared before they are encoded. With their fields
// they are about 100 KiB, which stay near.
const encodeAtOnce = 64

// encodeShare encodes events, of which the first is numbered from in its frame. Those
// without a time of arrival are given one.
func (a *Archive) encodeShare(to *wal.Encoder, events []llama.Event, from int, prepare Prepare) error {
	var layouts [encodeAtOnce]*column.Layout
	for len(events) > 0 {
		run := events[:min(encodeAtOnce, len(events))]
		if prepare != nil {
			clear(layouts[:])
			if err := prepare(run, layouts[:len(run)]); err != nil {
				return err
			}
		}
		for i := range run {
			if run[i].Ingested == 0 {
				run[i].Ingested = llama.At(a.o.Now())
			}
		}
		if err := to.Add(run, from, layouts[:len(run)]); err != nil {
			return err
		}
		events, from = events[len(run):], from+len(run)
		if a.flow.keeps.Load() {
			a.giveWay.toAskers()
		}
	}
	return nil
}

// commit has a frame written, with those of others that wait. Whoever finds nobody
// at it writes for all, so a frame waits for one write under way at most, unless it is
// patient.
func (a *Archive) commit(c *commit) error {
	a.queueMu.Lock()
	a.queue = append(a.queue, c)
	a.queued += c.frame.Size()
	a.queueMu.Unlock()
	for {
		if c.patient {
			a.gather(c)
		}
		select {
		case <-c.done:
			return c.err
		case a.lead <- struct{}{}:
		}
		select {
		case <-c.done:
		default:
			if c.patient && a.early() > 0 { // somebody has written since it waited
				break
			}
			group := a.group()
			err := a.write(group)
			for _, member := range group {
				member.err = err
				close(member.done)
			}
		}
		<-a.lead
	}
}

// early returns how long it is until what is patient should be written; 0: it is time.
func (a *Archive) early() time.Duration {
	a.queueMu.Lock()
	defer a.queueMu.Unlock()
	last := a.wrote.Load()
	if last == nil || a.queued >= gatherBytes {
		return 0
	}
	return max(0, gatherFor-time.Since(*last))
}

// gather waits for others until it is time to write, or somebody has written for all.
func (a *Archive) gather(c *commit) {
	left := a.early()
	if left == 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
	}
}

// group takes frames from the queue.
func (a *Archive) group() []*commit {
	a.queueMu.Lock()
	defer a.queueMu.Unlock()
	n, bytes := 0, 0
	for n < len(a.queue) && (n == 0 || bytes+a.queue[n].frame.Size() <= maxGroup) {
		bytes += a.queue[n].frame.Size()
		n++
	}
	group := a.queue[:n:n]
	a.queue = a.queue[n:]
	a.queued -= bytes
	if len(a.queue) == 0 {
		a.queue = nil
	}
	return group
}

// write makes a group durable, and then lets it be found. The caller leads.
func (a *Archive) write(group []*commit) error {
	if a.closed.Load() {
		return errClosed
	}
	if err := a.room(); err != nil {
		return err
	}
	frames := make([]*wal.Frame, len(group))
	next := a.next // only the leader changes it
	for i, c := range group {
		c.frame.First = next
		next += uint64(c.frame.Events)
		frames[i] = c.frame
	}
	began := a.o.Now()
	if err := a.log.Write(frames); err != nil {
		return a.refuse(err)
	}
	ended := time.Now()
	a.wrote.Store(&ended)
	a.metrics.wrote(len(group), int(next-a.next), a.o.Now().Sub(began))
	a.failing.Store(false)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range frames {
		a.add(f)
	}
	a.wake()
	if a.headSize > int(a.o.HeadSize)/2 || a.log.Bytes() > int64(a.o.LogSize) {
		a.askToSeal()
	}
	return nil
}

// errClosed says that the archive was closed.
var errClosed = llama.Errorf(llama.Unavailable, "the archive is closed")

// room refuses to write when the disk's floor is reached, also without files that are kept for
// the log.
func (a *Archive) room() error {
	free, total, err := a.disk.Free()
	if err == nil && free < a.o.floor(total) {
		if files, _ := a.log.Release(); files > 0 { // best effort: what is left is not there yet
			free, total, err = a.disk.Free()
		}
	}
	if err != nil {
		return a.refuse(err)
	}
	if floor := a.o.floor(total); free < floor {
		return a.refuse(fmt.Errorf("%d MiB of disk are free, %d MiB are to stay so: %w", free>>20, floor>>20, syscall.ENOSPC))
	}
	return nil
}

// refuse turns trouble with the disk into what a sender is told, and tells the
// operator once.
func (a *Archive) refuse(err error) error {
	if !a.failing.Swap(true) {
		a.o.Logger.Error("the archive takes no events", "error", err)
	}
	a.metrics.refusals.Inc()
	message := "the archive cannot write to its disk"
	if errors.Is(err, syscall.ENOSPC) {
		message = "the archive's disk is full"
	}
	return &llama.Error{Code: llama.Unavailable, Message: message + "; try again later", Err: err}
}

// runPreparing makes files of the log before they are needed, until ctx ends. Where it
// fails, Put makes them, so there is no more to say than that.
func (a *Archive) runPreparing(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.log.Wanted():
		}
		free, total, err := a.disk.Free()
		if err == nil && free-int64(a.o.LogFileSize) > a.o.floor(total) {
			err = a.log.Prepare()
		}
		if err != nil {
			a.o.Logger.Debug("no file of the log was prepared", "error", err)
		}
	}
}
