package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	caAge     = 10 * 365 * 24 * time.Hour
	leafAge   = 90 * 24 * time.Hour
	leafRenew = 30 * 24 * time.Hour // left when a new leaf is made
	clockSkew = 24 * time.Hour      // a peer's clock may be behind by this
)

// CA is a certificate authority for one server, for when nobody gave it a
// certificate. Whoever trusts its ca.pem trusts it for this server's names only:
// the certificate is constrained to them.
//
// The leaf's key lives in memory; a new leaf is made before the old one is over.
type CA struct {
	// Missing are names and addresses that were asked for and that the
	// constraints, made when ca.pem was, do not cover.
	Missing []string

	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	names []string
	ips   []net.IP

	mu   sync.Mutex
	leaf *tls.Certificate
}

// OpenCA reads dir/ca.pem and dir/ca.key, or makes them for the given names and
// addresses and for this machine's loopback. What an old ca.pem does not cover is
// in Missing. It fails when ca.pem is over: then both files have to be removed,
// and the new ca.pem be made known to who uses it.
func OpenCA(dir string, names []string, ips []netip.Addr) (*CA, error) {
	names, ips = withLoopback(names, ips)
	certFile, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")
	c := &CA{}
	err := c.read(certFile, keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		err = c.create(certFile, keyFile, names, ips)
	}
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	c.cover(names, ips)
	if !time.Now().Before(c.cert.NotAfter) {
		return nil, fmt.Errorf("%s was valid until %s; remove it and %s to make new ones", certFile, c.cert.NotAfter.Format(time.DateOnly), keyFile)
	}
	return c, nil
}

// Certificate returns the authority's certificate, which clients trust.
func (c *CA) Certificate() *x509.Certificate { return c.cert }

// TLS returns a server's configuration with a leaf of this authority.
func (c *CA) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current() },
	}
}

// current returns the leaf in force.
func (c *CA) current() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaf != nil && time.Until(c.leaf.Leaf.NotAfter) > leafRenew {
		return c.leaf, nil
	}
	leaf, err := c.issue()
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	c.leaf = leaf
	return leaf, nil
}

func (c *CA) issue() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificate("LLAMA central", leafAge)
	if template.NotAfter.After(c.cert.NotAfter) {
		template.NotAfter = c.cert.NotAfter
	}
	template.DNSNames, template.IPAddresses = c.names, c.ips
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, &key.PublicKey, c.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, c.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// create makes the authority. The key is written first: a certificate is
// published, and must not be without its key.
func (c *CA) create(certFile, keyFile string, names []string, ips []netip.Addr) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := certificate("LLAMA central's own authority", caAge)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	template.PermittedDNSDomainsCritical = true
	template.PermittedDNSDomains = names
	for _, ip := range ips {
		template.PermittedIPRanges = append(template.PermittedIPRanges, &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())})
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeSecret(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})); err != nil {
		return err
	}
	if err := writeSecret(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		return err
	}
	if err := os.Chmod(certFile, 0o644); err != nil {
		return err
	}
	return c.read(certFile, keyFile)
}

func (c *CA) read(certFile, keyFile string) error {
	public, err := os.ReadFile(certFile)
	if err != nil {
		return err
	}
	private, err := readSecret(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there, but %s is not", certFile, keyFile)
	} else if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(public, private)
	if err != nil {
		return fmt.Errorf("read %s and %s: %w", certFile, keyFile, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return fmt.Errorf("%s is not an authority of LLAMA's", certFile)
	}
	c.cert, c.key = pair.Leaf, key
	return nil
}

// cover sorts names and addresses into those the constraints allow and those
// they do not.
func (c *CA) cover(names []string, ips []netip.Addr) {
	for _, name := range names {
		if slices.Contains(c.cert.PermittedDNSDomains, name) {
			c.names = append(c.names, name)
		} else {
			c.Missing = append(c.Missing, name)
		}
	}
	for _, ip := range ips {
		allowed := slices.ContainsFunc(c.cert.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(ip.AsSlice()) })
		if allowed {
			c.ips = append(c.ips, ip.AsSlice())
		} else {
			c.Missing = append(c.Missing, ip.String())
		}
	}
}

// certificate is what all of ours have in common.
func certificate(name string, age time.Duration) *x509.Certificate {
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] &= 0x7f // a positive number
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-clockSkew),
		NotAfter:     time.Now().Add(age),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// withLoopback returns names and addresses in the one form certificates know,
// without repeats, and this machine's own.
func withLoopback(names []string, ips []netip.Addr) ([]string, []netip.Addr) {
	allNames, allIPs := []string{"localhost"}, []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	for _, name := range names {
		if name = strings.ToLower(name); !slices.Contains(allNames, name) {
			allNames = append(allNames, name)
		}
	}
	for _, ip := range ips {
		if ip = ip.Unmap().WithZone(""); !slices.Contains(allIPs, ip) {
			allIPs = append(allIPs, ip)
		}
	}
	return allNames, allIPs
}
