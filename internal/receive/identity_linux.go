package receive

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func idOf(path string, stat os.FileInfo) fileID {
	sys, ok := stat.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{path: path}
	}
	id := fileID{device: uint64(sys.Dev), inode: sys.Ino}
	var x unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME|unix.STATX_INO, &x)
	if err == nil && x.Mask&unix.STATX_BTIME != 0 && x.Ino == id.inode {
		id.birth = x.Btime.Sec*1e9 + int64(x.Btime.Nsec)
	}
	return id
}
