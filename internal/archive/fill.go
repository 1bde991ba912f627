package archive

import (
	"errors"
	"io/fs"
	"path"
	"runtime"
	"slices"

	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
)

// createSegment begins a segment of a part. What is left of those that failed is
// removed first, durably. Otherwise two could be found at a start that overlap, and
// none holds the other: one that failed and is not in use, and one that was merged
// of what the first should have replaced.
func (a *Archive) createSegment(p *part, key seal.Key) (*segment.Writer, error) {
	if err := a.removeFailed(p); err != nil {
		return nil, err
	}
	return segment.Create(a.disk, p.folder(), key, a.codec, p.collection, p.day)
}

// removeFailed removes what is left of a part's segments that failed, durably. One at
// a time: another could already be making a segment of the same name again.
func (a *Archive) removeFailed(p *part) error {
	a.tidying.Lock()
	defer a.tidying.Unlock()
	a.mu.RLock()
	failed := p.failed
	a.mu.RUnlock()
	for _, file := range failed {
		if err := a.disk.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(failed) == 0 {
		return nil
	}
	if err := a.disk.SyncDir(p.folder()); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	p.failed = slices.DeleteFunc(slices.Clone(p.failed), func(file string) bool { return slices.Contains(failed, file) })
	return nil
}

// closeSegment ends a segment and opens it for reading.
func (a *Archive) closeSegment(p *part, key seal.Key, w *segment.Writer, generation int) (*stored, error) {
	name, err := w.Close(generation)
	s := &stored{Name: name, path: path.Join(p.folder(), name.String())}
	if err == nil {
		a.handles.Forget(s.path) // one of that name may have failed at its end, and be gone
		s.Segment, err = segment.Open(a.handles, s.path, key, a.codec)
	}
	if err != nil {
		a.mu.Lock()
		p.failed = append(slices.Clone(p.failed), s.path)
		a.mu.Unlock()
		return nil, err
	}
	return s, nil
}

// yieldEvery is after how many events, some two milliseconds, sealing lets others
// go first. A Put that comes back from the disk would wait for ten milliseconds
// otherwise until it has a processor again.
const yieldEvery = 1024

// fill writes blocks until the segment has enough, and returns how many.
func (a *Archive) fill(w *segment.Writer, blocks []*headBlock) (n int, err error) {
	var hasher *root.Hasher
	defer func() {
		if err != nil {
			clear(a.builders) // one of them is not empty,
			a.slots.Reset()   // and has taken room
		}
	}()
	for i, b := range blocks {
		if !w.Fits(b.columns) {
			return i, nil
		}
		to := a.builder(b.stat.Collection)
		if hasher == nil {
			hasher = root.NewHasher(b.stat.Collection)
		}
		rows := 0
		if err := readPieces(&a.shapes, b.pieces, func(r *column.Row) {
			to.Add(r)
			hasher.Add(r)
			if rows++; rows%yieldEvery == 0 {
				runtime.Gosched()
			}
		}); err != nil {
			return i, err
		}
		packed, err := a.codec.Pack(to, hasher.Root())
		if err != nil {
			return i, err
		}
		if err := w.Append(packed); err != nil {
			return i, err
		}
		to.Reset()
		a.spareBuilders(to)
	}
	return len(blocks), nil
}

// maxBuilders bounds the collections whose templates are known from block to block, and
// maxSpare what is kept in memory for their blocks.
const (
	maxBuilders = 32
	maxSpare    = 64 << 20
)

// builder returns an empty builder for a block of a collection, if possible one that
// knows the templates of the block before. The caller holds sealing, and resets it.
func (a *Archive) builder(collection string) *block.Builder {
	if b := a.builders[collection]; b != nil {
		return b
	}
	if len(a.builders) == maxBuilders {
		for any := range a.builders {
			delete(a.builders, any)
			break
		}
	}
	b := block.NewBuilderIn(&a.slots, collection)
	a.builders[collection] = b
	return b
}

// spareBuilders drops builders that keep too much together, but for one.
func (a *Archive) spareBuilders(but *block.Builder) {
	spare := 0
	for _, b := range a.builders {
		spare += b.Spare()
	}
	for collection, b := range a.builders {
		if b != but && spare > maxSpare {
			spare -= b.Spare()
			delete(a.builders, collection)
		}
	}
}
