//go:build !linux

package receive

import (
	"net"
	"syscall"

	"github.com/llama-logs/llama"
)

// datagrams reads one datagram after another, where many at once cannot be had.
type datagrams struct {
	conn    *net.UDPConn
	text    []byte
	packets []packet
	buf     []byte
	max     int
}

func newDatagrams(conn *net.UDPConn, max int) (*datagrams, error) {
	return &datagrams{conn: conn, buf: make([]byte, max+1), max: max}, nil
}

func (d *datagrams) wait() error {
	n, from, err := d.conn.ReadFromUDPAddrPort(d.buf)
	if err != nil {
		return err
	}
	d.text = append(d.text, d.buf[:min(n, d.max)]...)
	d.packets = append(d.packets, packet{span{0, len(d.text), n > d.max}, from.Addr().Unmap()})
	return nil
}

func (d *datagrams) more() {}

func (d *datagrams) reset() { d.text, d.packets = d.text[:0], d.packets[:0] }

func (d *datagrams) kernelDrops() uint64 { return 0 }

func sharePort(_, _ string, _ syscall.RawConn) error {
	return llama.Errorf(llama.Invalid, "several sockets on one port work on Linux only; set sockets to 1")
}

// enlarge returns that the buffer is small: as datagrams are read one by one, nothing may wait.
func enlarge(conn *net.UDPConn, bytes int) int {
	conn.SetReadBuffer(bytes) // best effort: the kernel cuts it to its limit
	return 0
}
