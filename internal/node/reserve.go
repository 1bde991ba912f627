package node

import (
	"errors"
	"io/fs"
	"sync"

	"github.com/llama-logs/llama/internal/fsys"
)

// A reserve is disk that is set aside while there is some, so that the ledger can be
// written to when there is none: a node with a full disk still answers, and still says
// who asked. It is some hundred questions large.
type reserve struct {
	disk fsys.FS

	mu   sync.Mutex
	kept bool
}

const (
	reserveName  = "ledger.reserve"
	reserveBytes = 256 << 10
)

// keep sets the disk aside, if it is not and far more is free.
func (r *reserve) keep() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept {
		return nil
	}
	if info, err := r.disk.Stat(reserveName); err == nil && info.Size() == reserveBytes {
		r.kept = true
		return nil
	}
	if free, _, err := r.disk.Free(); err != nil || free < 16*reserveBytes {
		return err
	}
	if err := fsys.Replace(r.disk, reserveName, make([]byte, reserveBytes)); err != nil {
		return err
	}
	r.kept = true
	return nil
}

// release gives the disk back, and reports whether there was any.
func (r *reserve) release() (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = false
	err := r.disk.Remove(reserveName)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
