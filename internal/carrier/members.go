package carrier

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-io/nkeys"

	"github.com/llama-logs/llama/internal/envelope"
)

// A Key proves who connects: the broker asks for a signature of what it has just
// drawn, so nothing that could be used again crosses the network. It is a key of
// its own, because the broker chooses what is signed and is not trusted.
type Key struct{ private ed25519.PrivateKey }

// SeedSize is the size of what a Key is made of.
const SeedSize = ed25519.SeedSize

// NewKey makes the key of a seed. It panics when the seed has not SeedSize bytes.
func NewKey(seed []byte) Key { return Key{ed25519.NewKeyFromSeed(seed)} }

// KeyOf returns the key that a party connects with.
func KeyOf(i *envelope.Identity) (Key, error) {
	seed, err := i.Derive("carrier")
	if err != nil {
		return Key{}, err
	}
	return NewKey(seed), nil
}

// Public returns what Members know the key by, 32 bytes.
func (k Key) Public() []byte { return slices.Clone(k.private.Public().(ed25519.PublicKey)) }

// Sign signs a text of ours, to prove that one has the key.
func (k Key) Sign(text []byte) []byte { return ed25519.Sign(k.private, text) }

// Verify reports whether Sign made the signature with the private half of public.
func Verify(public, text, signature []byte) bool {
	return len(public) == ed25519.PublicKeySize && ed25519.Verify(public, text, signature)
}

// name is how NATS writes a public key.
func name(prefix nkeys.PrefixByte, public []byte) string {
	text, err := nkeys.Encode(prefix, public)
	if err != nil {
		panic("carrier: " + err.Error()) // 32 bytes always encode
	}
	return string(text)
}

// central is the name that central connects under. No node's id looks so.
const central = "central"

// Members are those who may connect: central, and each node with one key or, while
// it changes that, two. What is new here is in force with the next connection; who is
// removed loses its connections.
type Members struct {
	mu    sync.Mutex
	byKey map[string]string // the name behind a key
	gone  func(name string) // tells of one whose keys have become fewer
}

// NewMembers knows central alone.
func NewMembers(centralKey []byte) *Members {
	return &Members{byKey: map[string]string{string(centralKey): central}, gone: func(string) {}}
}

// Put makes the keys those of a node, and no others.
func (m *Members) Put(node string, keys ...[]byte) error {
	if !token(node) || node == central {
		return fmt.Errorf("%q cannot be a node's id: it takes lower-case letters, digits and hyphens", node)
	}
	m.mu.Lock()
	fewer := false
	for key, who := range m.byKey {
		if who == node && !slices.ContainsFunc(keys, func(k []byte) bool { return string(k) == key }) {
			delete(m.byKey, key)
			fewer = true
		}
	}
	for _, key := range keys {
		if who, taken := m.byKey[string(key)]; taken && who != node {
			m.mu.Unlock()
			return fmt.Errorf("the key of node %s is that of %s", node, who)
		}
		m.byKey[string(key)] = node
	}
	gone := m.gone
	m.mu.Unlock()
	if fewer {
		gone(node) // those with a key that stays connect again
	}
	return nil
}

// Remove shuts a node out.
func (m *Members) Remove(node string) error { return m.Put(node) }

// watch sets who is told when a member's keys become fewer.
func (m *Members) watch(gone func(name string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.gone
	m.gone = func(name string) { before(name); gone(name) }
}

// who returns the member that signed the nonce.
func (m *Members) who(nkey, signature string, nonce []byte) (name string, ok bool) {
	prefix, public, err := decode(nkey)
	if err != nil || prefix != nkeys.PrefixByteUser || len(nonce) == 0 {
		return "", false
	}
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !Verify(public, nonce, sig) {
		return "", false
	}
	return m.named(public)
}

// behind returns the member that has a key, as NATS writes it.
func (m *Members) behind(nkey string) (name string, ok bool) {
	_, public, err := decode(nkey)
	if err != nil {
		return "", false
	}
	return m.named(public)
}

func (m *Members) named(public []byte) (name string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name, ok = m.byKey[string(public)]
	return name, ok
}

func decode(nkey string) (nkeys.PrefixByte, []byte, error) {
	prefix := nkeys.Prefix(nkey)
	raw, err := nkeys.Decode(prefix, []byte(nkey))
	return prefix, raw, err
}

// rights are the subjects that a member may publish to and subscribe.
type rights struct{ publish, subscribe []string }

func rightsOf(name string) rights {
	if name == central {
		return rights{[]string{"down.*.*"}, []string{"up.*.*", inbox(name) + ".>"}}
	}
	return rights{[]string{"up." + name + ".*"}, []string{"down." + name + ".*", inbox(name) + ".>"}}
}
