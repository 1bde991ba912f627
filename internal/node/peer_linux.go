package node

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerID returns the user id that the kernel knows of the other end (SO_PEERCRED).
func peerID(conn net.Conn) (uid uint32, ok bool) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil || credErr != nil {
		return 0, false
	}
	return cred.Uid, true
}
