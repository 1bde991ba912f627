//go:build !linux

package node

import "net"

// peerID knows nobody where the kernel does not say it the Linux way.
func peerID(net.Conn) (uid uint32, ok bool) { return 0, false }
