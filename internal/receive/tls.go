package receive

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"

	"github.com/llama-logs/llama/internal/config"
)

// TLSOptions are the certificate a receiver shows and whom it lets in.
type TLSOptions struct {
	Cert     string `yaml:"cert" doc:"File with the certificate and those that signed it, PEM."`
	Key      string `yaml:"key" doc:"File with the certificate's key, PEM."`
	ClientCA string `yaml:"client_ca" doc:"File with the authorities whose client certificates are let in, PEM. Without it any client is."`
}

// Validate says which file is missing.
func (o *TLSOptions) Validate() error {
	switch {
	case o.Cert == "":
		return config.Wrong("cert", "is missing; a PEM file")
	case o.Key == "":
		return config.Wrong("key", "is missing; a PEM file")
	}
	return nil
}

// load reads the files.
func (o *TLSOptions) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return nil, fmt.Errorf("load certificate %s and key %s: %w", o.Cert, o.Key, err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if o.ClientCA == "" {
		return c, nil
	}
	pem, err := os.ReadFile(o.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("load client authorities: %w", err)
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("load client authorities: %s holds no certificate", o.ClientCA)
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	return c, nil
}

// A tlsStream reads a TLS connection in large pieces. One Read of a tls.Conn
// gives one record, 16 KiB at most, which would be one batch, and one sync of
// the archive. So the bytes beneath are buffered, and records that have come
// whole are read together.
type tlsStream struct {
	*tls.Conn
	raw *bufferedConn
}

type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

const (
	tlsBuffer = 256 << 10
	tlsHeader = 5 // bytes before a record: its type, two of version, two of length
)

func newTLSStream(conn net.Conn, c *tls.Config) *tlsStream {
	raw := &bufferedConn{conn, bufio.NewReaderSize(conn, tlsBuffer)}
	return &tlsStream{tls.Server(raw, c), raw}
}

// Read waits for one record and takes those with it that will not make it wait.
func (s *tlsStream) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	for err == nil && n < len(p) && s.raw.recordReady() {
		var more int
		more, err = s.Conn.Read(p[n:])
		n += more
	}
	return n, err
}

func (c *bufferedConn) recordReady() bool {
	if c.in.Buffered() < tlsHeader {
		return false
	}
	header, err := c.in.Peek(tlsHeader)
	return err == nil && c.in.Buffered() >= tlsHeader+int(header[3])<<8+int(header[4])
}
