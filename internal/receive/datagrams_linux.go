package receive

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slots is how many datagrams one system call takes. The kernel fills the slots
// one after another, so pages of slots that are seldom used are never touched.
const slots = 64

// datagrams reads many datagrams at once with recvmmsg and packs them into one
// text.
type datagrams struct {
	raw     syscall.RawConn
	text    []byte
	packets []packet

	headers []mmsghdr
	vectors [slots]unix.Iovec
	names   [slots]unix.RawSockaddrInet6 // large enough for IPv4 as well
	slots   [][]byte
	zones   map[uint32]string
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	received uint32
}

func newDatagrams(conn *net.UDPConn, max int) (*datagrams, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	d := &datagrams{raw: raw, headers: make([]mmsghdr, slots), slots: make([][]byte, slots), zones: map[uint32]string{}}
	memory := make([]byte, slots*max)
	for i := range slots {
		d.slots[i] = memory[i*max : (i+1)*max]
		d.vectors[i].Base = &d.slots[i][0]
		d.vectors[i].SetLen(max)
		d.headers[i].Iov = &d.vectors[i]
		d.headers[i].SetIovlen(1)
		d.headers[i].Name = (*byte)(unsafe.Pointer(&d.names[i]))
	}
	return d, nil
}

// wait waits for datagrams and takes those there are, up to a full batch.
func (d *datagrams) wait() error {
	n, errno := 0, syscall.Errno(0)
	err := d.raw.Read(func(fd uintptr) bool {
		n, errno = d.receive(fd)
		return errno != unix.EAGAIN
	})
	if err != nil {
		return err
	}
	if errno != 0 && errno != unix.EINTR && errno != unix.ECONNREFUSED {
		return os.NewSyscallError("recvmmsg", errno)
	}
	if d.pack(n); n == slots {
		d.more()
	}
	return nil
}

// more takes the datagrams there are without waiting.
func (d *datagrams) more() {
	for n := slots; n == slots && len(d.packets)+slots <= maxBatchEvents && len(d.text) < maxBatchBytes; d.pack(n) {
		n = 0
		err := d.raw.Control(func(fd uintptr) { n, _ = d.receive(fd) }) // an error comes again in wait
		if err != nil {
			return
		}
	}
}

func (d *datagrams) receive(fd uintptr) (int, syscall.Errno) {
	for i := range d.headers {
		d.headers[i].Namelen = unix.SizeofSockaddrInet6
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&d.headers[0])), slots, unix.MSG_DONTWAIT, 0, 0)
	runtime.KeepAlive(d)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func (d *datagrams) pack(n int) {
	for i := range n {
		h, start := &d.headers[i], len(d.text)
		d.text = append(d.text, d.slots[i][:h.received]...)
		d.packets = append(d.packets, packet{span{start, len(d.text), h.Flags&unix.MSG_TRUNC != 0}, d.sender(i)})
	}
}

// sender reads the address that the kernel wrote. The zone of a link-local
// address is its interface's number.
func (d *datagrams) sender(i int) netip.Addr {
	name := &d.names[i]
	if name.Family == unix.AF_INET {
		return netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr)
	}
	addr := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id == 0 || addr.Is4() {
		return addr
	}
	zone, ok := d.zones[name.Scope_id]
	if !ok {
		zone = strconv.Itoa(int(name.Scope_id))
		d.zones[name.Scope_id] = zone
	}
	return addr.WithZone(zone)
}

func (d *datagrams) reset() { d.text, d.packets = d.text[:0], d.packets[:0] }

// kernelDrops asks the kernel how many datagrams it has dropped at this socket.
func (d *datagrams) kernelDrops() uint64 {
	var info [9]uint32 // SK_MEMINFO_VARS; the last is SK_MEMINFO_DROPS
	size := uint32(unsafe.Sizeof(info))
	d.raw.Control(func(fd uintptr) { // best effort: old kernels do not tell
		unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0)
	})
	return uint64(info[8])
}

// sharePort lets several sockets have the same port.
func sharePort(_, _ string, c syscall.RawConn) error {
	var option error
	err := c.Control(func(fd uintptr) {
		option = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt SO_REUSEPORT", option)
}

// enlarge asks for a large buffer, beyond the system's limit where we may, and returns how
// large it is.
func enlarge(conn *net.UDPConn, bytes int) (is int) {
	conn.SetReadBuffer(bytes) // best effort: the kernel cuts it to its limit
	if raw, err := conn.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) // needs CAP_NET_ADMIN
			if twice, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF); err == nil {
				is = twice / 2 // the kernel counts what it needs beside
			}
		})
	}
	return is
}
