package central

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
)

// listen takes the page's port. Plain HTTP is for loopback only.
func (c *Central) listen(o Options) error {
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("central.listen: %w", err)
	}
	c.listener = listener
	c.opened = append(c.opened, closedListener{listener})
	local := listener.Addr().(*net.TCPAddr).IP.IsLoopback()
	if o.TLS == nil && local {
		return nil
	}
	settings, err := serverTLS(o, listener.Addr().(*net.TCPAddr).IP)
	if err != nil {
		return err
	}
	c.listener, c.secure = tls.NewListener(listener, settings), true
	return nil
}

// closedListener closes a listener that its server may have closed already.
type closedListener struct{ net.Listener }

func (l closedListener) Close() error {
	if err := l.Listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func serverTLS(o Options, bound net.IP) (*tls.Config, error) {
	if o.TLS != nil {
		pair, err := tls.LoadX509KeyPair(o.TLS.Cert, o.TLS.Key)
		if err != nil {
			return nil, llama.Errorf(llama.Invalid, "central.tls: %w", err)
		}
		return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}, nil
	}
	names, addresses, err := reachedBy(o, bound)
	if err != nil {
		return nil, err
	}
	ca, err := auth.OpenCA(o.Data, names, addresses)
	if err != nil {
		return nil, fmt.Errorf("open central's certificate authority: %w", err)
	}
	return ca.TLS(), nil
}

// reachedBy returns the names and addresses a certificate is to be for: those
// configured, and the address bound, or all of this machine's when that is none
// in particular.
func reachedBy(o Options, bound net.IP) (names []string, addresses []netip.Addr, err error) {
	names = append(names, o.Names...)
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if address, ok := netip.AddrFromSlice(bound); ok && !address.IsUnspecified() {
		return names, append(addresses, address.Unmap()), nil
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil, nil, fmt.Errorf("list this machine's addresses: %w", err)
	}
	for _, i := range interfaces {
		if network, ok := i.(*net.IPNet); ok {
			if address, ok := netip.AddrFromSlice(network.IP); ok {
				addresses = append(addresses, address.Unmap())
			}
		}
	}
	return names, addresses, nil
}
