package archive

import (
	"errors"
	"io/fs"
	"path"
	"slices"

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

// fill writes packed blocks until the segment has enough, and returns how many.
func (a *Archive) fill(w *segment.Writer, blocks []*headBlock) (n int, err error) {
	for i, b := range blocks {
		if !w.Fits(b.packed.Fields()) {
			return i, nil
		}
		if err := w.Append(b.packed.Packed); err != nil {
			return i, err
		}
	}
	return len(blocks), nil
}
