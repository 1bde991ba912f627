package central

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// listen takes the page's port. Plain HTTP is for loopback only.
func (c *Central) listen() error {
	listener, err := net.Listen("tcp", c.o.Listen)
	if err != nil {
		return fmt.Errorf("central.listen: %w", err)
	}
	c.listener = listener
	c.opened = append(c.opened, closedListener{listener})
	if c.o.TLS == nil && c.address().IP.IsLoopback() {
		return nil
	}
	settings, err := c.TLS()
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

func (c *Central) address() *net.TCPAddr { return c.listener.Addr().(*net.TCPAddr) }

// URL returns where the page is. One that is served on all addresses is named by
// the first name it was given, or else as this machine knows itself.
func (c *Central) URL() string {
	scheme := "http"
	if c.secure {
		scheme = "https"
	}
	at := c.address()
	host := at.IP.String()
	switch {
	case at.IP.IsUnspecified() && len(c.o.Names) > 0:
		host = c.o.Names[0]
	case at.IP.IsUnspecified():
		host = "localhost"
	}
	return fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(host, fmt.Sprint(at.Port)))
}
