package envelope

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// publicSize is the size of a Public's bytes: an Ed25519 and an X25519 key.
const publicSize = 32 + 32

// A Public is what others know of a party. Its zero value is nobody.
type Public struct {
	id   string
	sign ed25519.PublicKey
	seal hpke.PublicKey
}

// ParsePublic reads what Bytes returned.
func ParsePublic(b []byte) (Public, error) {
	if len(b) != publicSize {
		return Public{}, fmt.Errorf("public keys have %d bytes, these %d", publicSize, len(b))
	}
	kem, _, _ := suite()
	seal, err := kem.NewPublicKey(b[32:])
	if err != nil {
		return Public{}, fmt.Errorf("parse public key: %w", err)
	}
	hash := sha256.Sum256(b)
	id := strings.ToLower(base32.StdEncoding.EncodeToString(hash[:10]))
	return Public{id: id, sign: ed25519.PublicKey(bytes.Clone(b[:32])), seal: seal}, nil
}

// ID returns the party's id: 16 lower-case letters and digits that its keys
// determine.
func (p Public) ID() string { return p.id }

// Bytes returns the public keys, 64 bytes.
func (p Public) Bytes() []byte { return append(bytes.Clone(p.sign), p.seal.Bytes()...) }

// An Identity is a party's private keys.
type Identity struct {
	public Public
	sign   ed25519.PrivateKey
	seal   hpke.PrivateKey
	epoch  uint64 // of this start
}

// NewIdentity makes keys that live as long as the process.
func NewIdentity() (*Identity, error) {
	secret := make([]byte, secretSize)
	rand.Read(secret)
	kem, _, _ := suite()
	seal, err := kem.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("make identity: %w", err)
	}
	private, err := seal.Bytes()
	if err != nil {
		return nil, fmt.Errorf("make identity: %w", err)
	}
	return parseIdentity(append(secret[:32], private...))
}

// Public returns the party's public keys.
func (i *Identity) Public() Public { return i.public }

// ID returns the party's id.
func (i *Identity) ID() string { return i.public.id }

// Signer signs what is not an envelope with the party's Ed25519 key. What an envelope
// signs begins with a text of its own, so that must begin with another.
func (i *Identity) Signer() crypto.Signer { return i.sign }

// Derive returns 32 bytes for one purpose, which the party's private keys determine and
// which say nothing of these: what another key is made of.
func (i *Identity) Derive(purpose string) ([]byte, error) {
	secret, err := i.secret()
	if err != nil {
		return nil, err
	}
	derived, err := hkdf.Key(sha256.New, secret, nil, "llama derived key 1 "+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key for %s: %w", purpose, err)
	}
	return derived, nil
}

// secretSize is the size of an identity's secret: an Ed25519 seed and an X25519
// key.
const secretSize = 32 + 32

func parseIdentity(secret []byte) (*Identity, error) {
	if len(secret) != secretSize {
		return nil, fmt.Errorf("secret keys have %d bytes, these %d", secretSize, len(secret))
	}
	kem, _, _ := suite()
	i := &Identity{sign: ed25519.NewKeyFromSeed(secret[:32])}
	var err error
	if i.seal, err = kem.NewPrivateKey(secret[32:]); err != nil {
		return nil, fmt.Errorf("parse secret key: %w", err)
	}
	if i.public, err = ParsePublic(append(bytes.Clone(i.sign.Public().(ed25519.PublicKey)), i.seal.PublicKey().Bytes()...)); err != nil {
		return nil, err
	}
	var epoch [8]byte
	rand.Read(epoch[:])
	i.epoch = binary.BigEndian.Uint64(epoch[:])
	return i, nil
}

// secret returns what parseIdentity reads.
func (i *Identity) secret() ([]byte, error) {
	private, err := i.seal.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode secret key: %w", err)
	}
	return append(bytes.Clone(i.sign.Seed()), private...), nil
}

// identityKey is the name of the key that identity files are sealed under.
const identityKey = "identity"

// maxFile bounds what is read of an identity file.
const maxFile = 1 << 10

// OpenIdentity reads the identity in the file called name, or makes one that is
// durable before it is returned. The file is sealed under the keyring: without it
// a copy is of no use.
func OpenIdentity(on fsys.FS, name string, keys *seal.Keyring) (*Identity, error) {
	sealed, err := fsys.ReadFile(on, name, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return createIdentity(on, name, keys)
	}
	if err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	key, err := keys.Key(identityKey)
	if err != nil {
		return nil, fmt.Errorf("open identity %s: %w", name, err)
	}
	secret, err := key.UnsealBlob(identityKey, sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("unseal identity %s: %w", name, err)
	}
	i, err := parseIdentity(secret)
	if err != nil {
		return nil, fmt.Errorf("open identity %s: %w", name, err)
	}
	return i, nil
}

func createIdentity(on fsys.FS, name string, keys *seal.Keyring) (*Identity, error) {
	i, err := NewIdentity()
	if err != nil {
		return nil, err
	}
	secret, err := i.secret()
	if err != nil {
		return nil, err
	}
	key, err := keys.Key(identityKey)
	if err != nil {
		return nil, fmt.Errorf("seal identity %s: %w", name, err)
	}
	if err := fsys.Replace(on, name, key.SealBlob(identityKey, secret, nil)); err != nil {
		return nil, fmt.Errorf("keep identity: %w", err)
	}
	return i, nil
}
