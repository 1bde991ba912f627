package central

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
)

// TLS returns how central shows who it is: with the certificate that it was
// given, or with one of its own authority, which is made when it is first asked
// for. Doors of the same process may show the same.
func (c *Central) TLS() (*tls.Config, error) {
	if c.tls != nil {
		return c.tls.Clone(), nil
	}
	if given := c.o.TLS; given != nil {
		pair, err := tls.LoadX509KeyPair(given.Cert, given.Key)
		if err != nil {
			return nil, llama.Errorf(llama.Invalid, "central.tls: %w", err)
		}
		c.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
		return c.tls.Clone(), nil
	}
	addresses, err := ownAddresses()
	if err != nil {
		return nil, err
	}
	ca, err := auth.OpenCA(c.o.Data, c.names(), addresses)
	if err != nil {
		return nil, fmt.Errorf("open central's certificate authority: %w", err)
	}
	if len(ca.Missing) > 0 {
		c.o.Log.Warn("the certificate does not cover all names and addresses of this machine; remove ca.pem and ca.key to have new ones made", "missing", ca.Missing)
	}
	c.ca, c.tls = ca, ca.TLS()
	return c.tls.Clone(), nil
}

// names returns the host names that central is reached by: those configured, and
// this machine's own.
func (c *Central) names() []string {
	names := append([]string{}, c.o.Names...)
	if host, err := os.Hostname(); err == nil { // without one there are the others
		names = append(names, host)
	}
	return names
}

// ownAddresses returns the addresses of this machine that others may use. An
// authority is made for all of them, so that another choice of central.listen
// needs no new one.
func ownAddresses() ([]netip.Addr, error) {
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list this machine's addresses: %w", err)
	}
	var addresses []netip.Addr
	for _, i := range interfaces {
		network, ok := i.(*net.IPNet)
		if !ok {
			continue
		}
		if address, ok := netip.AddrFromSlice(network.IP); ok && !address.IsLinkLocalUnicast() {
			addresses = append(addresses, address.Unmap())
		}
	}
	return addresses, nil
}
