package archive

import (
	"errors"
	"io/fs"
)

// readers knows which snapshots are open, and which files wait for them to be
// closed. Archive.mu guards it.
type readers struct {
	last uint64 // id of the newest snapshot
	ids  map[uint64]struct{}
	dead []deadFile // oldest first
}

// A deadFile is one that no snapshot after until refers to.
type deadFile struct {
	path  string
	until uint64 // 0: removing it has failed, and will be tried again
}

func (r *readers) open() uint64 {
	r.last++
	if r.ids == nil {
		r.ids = map[uint64]struct{}{}
	}
	r.ids[r.last] = struct{}{}
	return r.last
}

// close forgets a snapshot and returns the files that can go.
func (r *readers) close(id uint64) []string {
	delete(r.ids, id)
	return r.free()
}

// drop returns those of paths, to which no later snapshot refers, that can go now.
func (r *readers) drop(paths ...string) []string {
	for _, path := range paths {
		r.dead = append(r.dead, deadFile{path, r.last})
	}
	return r.free()
}

func (r *readers) free() (paths []string) {
	if len(r.dead) == 0 {
		return nil
	}
	oldest := r.last + 1
	for id := range r.ids {
		oldest = min(oldest, id)
	}
	for len(r.dead) > 0 && r.dead[0].until < oldest {
		paths = append(paths, r.dead[0].path)
		r.dead = r.dead[1:]
	}
	return paths
}

// removeFiles removes files that nothing refers to. One that cannot be removed is
// kept among the dead, and so is the key of its day.
func (a *Archive) removeFiles(paths []string) {
	var stay []deadFile
	for _, path := range paths {
		if err := a.disk.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			a.o.Logger.Warn("a file that is no longer needed cannot be removed", "file", path, "error", err)
			stay = append(stay, deadFile{path: path})
		}
	}
	a.handles.Forget(paths...)
	if len(stay) > 0 {
		a.mu.Lock()
		a.readers.dead = append(stay, a.readers.dead...)
		a.mu.Unlock()
	}
}
