//go:build unix && !linux

package receive

import (
	"os"
	"syscall"
)

func idOf(path string, stat os.FileInfo) fileID {
	if sys, ok := stat.Sys().(*syscall.Stat_t); ok {
		return fileID{device: uint64(sys.Dev), inode: uint64(sys.Ino)}
	}
	return fileID{path: path}
}
