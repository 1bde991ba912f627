package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/llama-logs/llama"
)

const (
	keysAge   = 10 * time.Minute // after that they are read again
	keysPause = 30 * time.Second // between two readings for keys that are not known
	keysTime  = 3 * time.Second  // one reading takes at most
	maxKeySet = 1 << 20          // bytes of a JWKS
)

// A keySet is the public keys of an issuer. They are read when they are first
// needed and again when they are old or a token names one that is not there, but
// not at every such token: anybody can name keys.
type keySet struct {
	name string
	load func(context.Context) ([]byte, error)
	log  *slog.Logger

	mu    sync.Mutex
	keys  jose.JSONWebKeySet
	read  time.Time // when they were read
	tried time.Time
}

func newKeySet(i Issuer, log *slog.Logger) (*keySet, error) {
	s := &keySet{name: i.Name, log: log}
	if i.JWKSFile != "" {
		s.load = func(context.Context) ([]byte, error) { return os.ReadFile(i.JWKSFile) }
		// A file that is wrong is said at the start; a server may come later.
		if err := s.renew(context.Background()); err != nil {
			return nil, llama.Errorf(llama.Invalid, "issuer %q: %w", i.Name, err)
		}
		return s, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if i.CA != "" {
		pem, err := os.ReadFile(i.CA)
		if err != nil {
			return nil, llama.Errorf(llama.Invalid, "issuer %q: ca: %w", i.Name, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, llama.Errorf(llama.Invalid, "issuer %q: ca: %s holds no certificate in PEM", i.Name, i.CA)
		}
	}
	client := &http.Client{Timeout: keysTime, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, IdleConnTimeout: time.Minute}}
	s.load = func(ctx context.Context) ([]byte, error) { return fetch(ctx, client, i.JWKSURL) }
	return s, nil
}

func fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err == nil && len(text) > maxKeySet {
		err = fmt.Errorf("%s answers more than %d KiB", url, maxKeySet>>10)
	}
	return text, err
}

// renew reads the keys. The caller holds the lock, or is alone.
func (s *keySet) renew(ctx context.Context) error {
	s.tried = time.Now()
	text, err := s.load(ctx)
	if err != nil {
		return fmt.Errorf("read its keys: %w", err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		return fmt.Errorf("read its keys: %w", err)
	}
	var keys []jose.JSONWebKey
	for _, k := range set.Keys {
		if k.Valid() && k.IsPublic() && k.KeyID != "" && (k.Use == "" || k.Use == "sig") {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return errors.New("read its keys: there is no public key with a kid to check signatures with")
	}
	s.keys, s.read = jose.JSONWebKeySet{Keys: keys}, s.tried
	return nil
}

// errNoKey refuses a token that names no key we have.
var errNoKey = errors.New("no such key")

// find returns the key that a token says it is signed with.
func (s *keySet) find(ctx context.Context, t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	if kid == "" {
		return nil, errNoKey
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.keys.Key(kid)
	if now := time.Now(); (len(found) == 0 || now.Sub(s.read) > keysAge) && now.Sub(s.tried) > keysPause {
		ctx, cancel := context.WithTimeout(ctx, keysTime)
		defer cancel()
		if err := s.renew(ctx); err != nil {
			s.log.Warn("the keys of an issuer cannot be read", "issuer", s.name, "error", err) // those of before go on
		}
		found = s.keys.Key(kid)
	}
	if len(s.keys.Keys) == 0 {
		return nil, llama.Errorf(llama.Unavailable, "the keys of %s cannot be read now; try again later", s.name)
	}
	for _, k := range found {
		if k.Algorithm == "" || k.Algorithm == t.Method.Alg() {
			return k.Key, nil
		}
	}
	return nil, errNoKey
}
