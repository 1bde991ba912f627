package fsys

import (
	"os"

	"golang.org/x/sys/unix"
)

// willNeed has the system begin to read a part of f into its memory, without waiting
// for it.
func willNeed(f *os.File, offset, length int64) {
	// Best effort: who reads without it waits a little longer.
	_ = control(f, func(fd int) error { return unix.Fadvise(fd, offset, length, unix.FADV_WILLNEED) })
}
