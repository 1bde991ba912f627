package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// upkeepEvery is how often there is a look at what to merge and what to remove.
const upkeepEvery = 10 * time.Second

// runUpkeep merges and expires until ctx ends.
func (a *Archive) runUpkeep(ctx context.Context) error {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	w := newWatch(a.o.Now())
	defer a.unsteady.Store(false)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		a.unsteady.Store(!w.steady(a.o.Now()))
		if err := a.upkeep(ctx); err != nil && ctx.Err() == nil {
			a.o.Logger.Error("upkeep of the archive", "error", err)
		}
	}
}

// upkeep expires what is due, and merges until nothing is left to merge. It rests
// as long as it merges, so that merging takes half of a processor at most.
func (a *Archive) upkeep(ctx context.Context) error {
	errs := []error{a.expire(ctx)}
	for ctx.Err() == nil {
		began := time.Now()
		more, err := a.mergeOne()
		errs = append(errs, err)
		if !more {
			break
		}
		rest(ctx, time.Since(began))
	}
	return errors.Join(append(errs, a.log.Rest())...)
}

func rest(ctx context.Context, span time.Duration) {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// expire removes what is over its age or beyond its collection's size or that of all,
// and destroys the keys of days of which nothing is left.
func (a *Archive) expire(ctx context.Context) error {
	gone, err := a.expired()
	if err != nil {
		return err
	}
	if err := a.recordExpired(gone); err != nil {
		return fmt.Errorf("remove what expired: %w", err)
	}
	a.mu.Lock()
	var dropped []*stored
	for p, segments := range gone {
		a.setSegments(p, slices.DeleteFunc(slices.Clone(p.segments), func(s *stored) bool { return slices.Contains(segments, s) }))
		dropped = append(dropped, segments...)
	}
	files := a.readers.drop(paths(dropped)...) // and those of before that could not be removed
	a.mu.Unlock()
	for _, s := range dropped {
		a.directories.forget(s)
		a.decoded.forget(&s.held)
		a.forgetAnswers(s)
		a.metrics.removed.Inc()
	}
	a.removeFiles(files)
	if len(dropped) > 0 {
		a.o.Logger.Info("segments expired", "segments", len(dropped))
	}
	return a.destroyKeys(ctx)
}

// expired returns what is over its age or beyond its collection's size, or that of
// all: of each part the oldest segments.
func (a *Archive) expired() (map[*part][]*stored, error) {
	now := a.o.Now()
	free, total, err := a.disk.Free()
	if err != nil {
		return nil, err
	}
	a.mu.RLock()
	o, waiting := a.o, len(a.readers.dead) > 0
	a.mu.RUnlock()
	collections := a.byCollection()
	going := map[*part]int{} // how many segments go
	for collection, parts := range collections {
		r := o.retention(collection)
		size := int64(0)
		for _, p := range parts { // newest day first
			keep := 0
			if a.unsteady.Load() || !ended(p.day, now.Add(-r.Age)) {
				keep = len(p.segments)
			}
			for i, s := range slices.Backward(p.segments[len(p.segments)-keep:]) {
				if size += s.size(); r.Size > 0 && size > int64(r.Size) {
					keep = len(p.segments) - 1 - i
					break
				}
			}
			if n := len(p.segments) - keep; n > 0 {
				going[p.part] = n
			}
		}
	}
	short := int64(0)
	if !waiting { // else their bytes will be free without more being removed
		short = o.short(free, total)
	}
	a.limit(collections, going, int64(o.Size), short)
	gone := map[*part][]*stored{}
	for _, parts := range collections {
		for _, p := range parts {
			if n := going[p.part]; n > 0 {
				gone[p.part] = p.segments[:n]
			}
		}
	}
	return gone, nil
}

// ended reports whether a day was over at t.
func ended(day int64, t time.Time) bool { return (day+1)*nanosOfDay <= int64(llama.At(t)) }

// A partNow is a part and the segments that it had at a time.
type partNow struct {
	*part
	segments []*stored
}

// byCollection returns the parts of each collection that have segments, the newest day
// first.
func (a *Archive) byCollection() map[string][]partNow {
	a.mu.RLock()
	all := make([]partNow, 0, len(a.parts))
	for _, p := range a.parts {
		if len(p.segments) > 0 {
			all = append(all, partNow{p, p.segments})
		}
	}
	a.mu.RUnlock() // there may be a million, and what comes now takes longer
	collections := map[string][]partNow{}
	for _, p := range all {
		collections[p.collection] = append(collections[p.collection], p)
	}
	for _, parts := range collections {
		slices.SortFunc(parts, func(x, y partNow) int { return cmp.Compare(y.day, x.day) })
	}
	return collections
}

// destroyKeys destroys the keys of parts that are gone, and their folders. A part
// is gone when it has no events, and no reader has any of its files.
func (a *Archive) destroyKeys(ctx context.Context) error {
	if err := a.hold(ctx, a.sealing); err != nil { // or a key could be destroyed as it is used
		return err
	}
	defer func() { <-a.sealing }()
	a.mu.RLock()
	parts := slices.Collect(maps.Values(a.parts))
	a.mu.RUnlock()
	for _, p := range parts {
		if err := a.removeFailed(p); err != nil {
			return fmt.Errorf("remove what is left of a segment that failed: %w", err)
		}
	}
	a.mu.Lock()
	waiting := map[string]bool{}
	for _, dead := range a.readers.dead {
		waiting[dead.path[:strings.LastIndexByte(dead.path, '/')]] = true
	}
	for p := range a.bare {
		if len(p.head) == 0 && !waiting[p.folder()] {
			delete(a.parts, p.partKey)
			delete(a.bare, p)
			a.keysFit = false
		}
	}
	if a.keysFit { // there may be a million
		a.mu.Unlock()
		return nil
	}
	held := make(map[string]bool, len(a.parts))
	for key := range a.parts {
		held[key.keyID()] = true
	}
	a.mu.Unlock()
	var gone []string
	for id := range a.keyring.All() {
		if strings.HasPrefix(id, keyPrefix) && !held[id] {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		a.keysFit = true
		return nil
	}
	// A power cut may bring back files whose removal was not synced. Without a key
	// they would look like damage.
	for _, id := range gone {
		folder := segmentsFolder + "/" + strings.TrimPrefix(id, keyPrefix)
		if err := a.disk.SyncDir(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove days that expired: %w", err)
		}
	}
	if len(a.logKeys) == 1 { // or it was changed not long ago
		// Copies of log files that are long gone die with the key that opens them.
		a.lead <- struct{}{}
		err := a.renewLogKey()
		<-a.lead
		if err != nil {
			return fmt.Errorf("change the log's key: %w", err)
		}
	}
	if err := a.keyring.Destroy(gone...); err != nil {
		return fmt.Errorf("destroy the keys of days that expired: %w", err)
	}
	a.keysFit = true
	for _, id := range gone {
		a.disk.Remove(segmentsFolder + "/" + strings.TrimPrefix(id, keyPrefix)) // best effort: an empty folder is harmless
	}
	return nil
}
