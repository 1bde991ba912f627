package client

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
)

// JoinRequest is how a node asks to join, sealed to central.
type JoinRequest struct {
	Keys     []byte `json:"keys"`
	Envelope []byte `json:"envelope"`
}

// Join asks central to let a node in, and returns its sealed answer.
func (c *Client) Join(ctx context.Context, r JoinRequest) ([]byte, error) {
	var answer struct {
		Envelope []byte `json:"envelope"`
	}
	err := c.call(ctx, http.MethodPost, "/join", r, &answer)
	return answer.Envelope, err
}

// Pin makes the client trust who shows a certificate that an authority with this
// SHA-256 signed, and nobody else; for a first contact, when no file has the
// authority yet. Proxy is used instead of what the environment names; it may be nil.
func (c *Client) Pin(authority [sha256.Size]byte, proxy *url.URL) {
	transport := c.http.Transport.(*http.Transport)
	if proxy != nil {
		transport.Proxy = http.ProxyURL(proxy)
	}
	if authority == [sha256.Size]byte{} {
		return
	}
	config := transport.TLSClientConfig.Clone()
	config.MinVersion = tls.VersionTLS13
	config.InsecureSkipVerify = true // VerifyConnection does it
	config.VerifyConnection = func(s tls.ConnectionState) error { return verifyPinned(s, authority) }
	transport.TLSClientConfig = config
}

var errPinned = errors.New("the server is not the central that made the code: no authority signs its certificate that the code knows")

func verifyPinned(s tls.ConnectionState, authority [sha256.Size]byte) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range s.PeerCertificates {
		if sha256.Sum256(c.Raw) == authority {
			roots.AddCert(c)
			found = true
		} else {
			between.AddCert(c)
		}
	}
	if !found || len(s.PeerCertificates) == 0 {
		return errPinned
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: s.ServerName, Roots: roots, Intermediates: between})
	return err
}
