package auth

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func openCA(t *testing.T, dir string) *CA {
	t.Helper()
	ca, err := OpenCA(dir, []string{"Logs.example.com"}, []netip.Addr{netip.MustParseAddr("192.0.2.7")})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestCAIsKeptAndCoversItsServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, again := openCA(t, dir), openCA(t, dir)
	if !first.cert.Equal(again.cert) {
		t.Error("a second start made another authority")
	}
	if info, err := os.Stat(filepath.Join(dir, "ca.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("ca.key: %v, %v; want mode 0600", info, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(first.Certificate())
	leaf, err := again.current()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"logs.example.com", "192.0.2.7", "localhost", "127.0.0.1", "::1"} {
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCACannotSpeakForOthers(t *testing.T) {
	t.Parallel()
	ca := openCA(t, t.TempDir())
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	for _, name := range []string{"bank.example.com", "198.51.100.1", "2001:db8::1"} {
		forged := CA{cert: ca.cert, key: ca.key}
		if ip := net.ParseIP(name); ip != nil {
			forged.ips = []net.IP{ip}
		} else {
			forged.names = []string{name}
		}
		leaf, err := forged.issue()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err == nil {
			t.Errorf("a certificate for %s is trusted", name)
		}
	}
}

func TestCASaysWhichNamesItDoesNotCover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openCA(t, dir)
	ca, err := OpenCA(dir, []string{"logs.example.com", "new.example.org"}, nil)
	if err != nil || !slices.Equal(ca.Missing, []string{"new.example.org"}) {
		t.Errorf("one of two names: %v, missing %v", err, ca.Missing)
	}
	if leaf, err := ca.current(); err != nil || slices.Contains(leaf.Leaf.DNSNames, "new.example.org") {
		t.Errorf("the leaf claims what nobody would believe: %v, %v", leaf.Leaf.DNSNames, err)
	}
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCA(dir, nil, nil); err == nil || !strings.Contains(err.Error(), "ca.key is not") {
		t.Errorf("without its key: %v", err)
	}
}

func TestLeafIsRenewedBeforeItIsOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ca := openCA(t, dir)
		get := func() *tls.Certificate {
			leaf, err := ca.TLS().GetCertificate(nil)
			if err != nil {
				t.Fatal(err)
			}
			return leaf
		}
		first := get()
		if get() != first {
			t.Error("each handshake makes a leaf")
		}
		time.Sleep(leafAge - leafRenew + time.Minute)
		if second := get(); second == first || time.Until(second.Leaf.NotAfter) < leafAge-time.Minute {
			t.Error("the leaf was not renewed")
		}
	})
}
