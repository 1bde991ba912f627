package central

import (
	"crypto/tls"
	"fmt"
	"log/slog"
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
	settings, ca, err := certificate(c.o.Data, "central.tls", c.o.TLS, c.names(), c.o.Log)
	if err != nil {
		return nil, err
	}
	c.ca, c.tls = ca, settings
	return c.tls.Clone(), nil
}

// certificate returns how a server shows who it is: with the certificate that it was
// given, or with one of an authority in its data directory, which is made when it is
// not there. The authority is nil for the first.
func certificate(data, key string, given *TLS, names []string, log *slog.Logger) (*tls.Config, *auth.CA, error) {
	if given != nil {
		pair, err := tls.LoadX509KeyPair(given.Cert, given.Key)
		if err != nil {
			return nil, nil, llama.Errorf(llama.Invalid, "%s: %w", key, err)
		}
		return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil, nil
	}
	addresses, err := ownAddresses()
	if err != nil {
		return nil, nil, err
	}
	ca, err := auth.OpenCA(data, names, addresses)
	if err != nil {
		return nil, nil, fmt.Errorf("open the certificate authority: %w", err)
	}
	if len(ca.Missing) > 0 {
		log.Warn("the certificate does not cover all names and addresses of this machine; remove ca.pem and ca.key to have new ones made", "missing", ca.Missing)
	}
	return ca.TLS(), ca, nil
}

// names returns the host names that central is reached by: those configured, and
// this machine's own.
func (c *Central) names() []string { return withHostname(c.o.Names) }

func withHostname(given []string) []string {
	names := append([]string{}, given...)
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
