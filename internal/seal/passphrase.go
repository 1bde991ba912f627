package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// A Passphrase is a master key derived by Argon2id from what a person remembers.
// That takes a tenth of a second or so and 64 MiB for each salt it meets; a
// Passphrase that makes several slots gives them one salt.
type Passphrase struct {
	said string // where it came from, for errors
	text []byte
	cost cost // of new slots
	salt [kdfSaltSize]byte

	mu      sync.Mutex
	derived map[kdf]Key
}

// MinPassphrase is how many characters a new passphrase has at least: who has a copy
// of the keyring can try as many as they can pay for.
const MinPassphrase = 12

// A cost is what Argon2id is told to spend.
type cost struct {
	passes  uint8
	memory  uint32 // KiB
	threads uint8
}

// defaultCost is the second recommendation of RFC 9106, section 4.
var defaultCost = cost{passes: 3, memory: 64 << 10, threads: 4}

// Bounds on what a slot may ask for: who can write to a keyring's folder shall not
// have a start take all memory or for ever.
const (
	maxPasses  = 64
	maxMemory  = 1 << 20 // KiB
	maxThreads = 64

	kdfSaltSize   = 16
	kdfSize       = 1 + 4 + 1 + kdfSaltSize
	maxPassphrase = 4096 // bytes
)

// A kdf is how a slot's key is derived.
type kdf struct {
	cost
	salt [kdfSaltSize]byte
}

// NewPassphrase returns a master key of text; said tells in errors where that came
// from, as "the passphrase from the terminal". The text is not kept.
func NewPassphrase(said string, text []byte) (*Passphrase, error) {
	if len(text) == 0 || len(text) > maxPassphrase {
		return nil, fmt.Errorf("%s has %d bytes; 1 to %d are taken", said, len(text), maxPassphrase)
	}
	p := &Passphrase{said: said, text: bytes.Clone(text), cost: defaultCost, derived: map[kdf]Key{}}
	rand.Read(p.salt[:]) // never fails
	return p, nil
}

// OpenPassphraseFile reads a passphrase from a file, without the end of its line. It
// refuses one that others than its owner may use, unless systemd guards it:
// credentials is $CREDENTIALS_DIRECTORY or empty.
func OpenPassphraseFile(path, credentials string) (*Passphrase, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the passphrase file %s does not exist: %w", path, fs.ErrNotExist)
	} else if err != nil {
		return nil, fmt.Errorf("open the passphrase file: %w", err)
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the passphrase file: %w", err)
	}
	guarded := credentials != "" && filepath.Dir(path) == filepath.Clean(credentials)
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !guarded {
		return nil, fmt.Errorf("the passphrase file %s has mode %04o, so others than its owner may use it; chmod 600 it", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPassphrase+3)) // one byte more than is taken, and the line's end
	if err != nil {
		return nil, fmt.Errorf("read the passphrase file: %w", err)
	}
	defer clear(text)
	return NewPassphrase("the passphrase in "+path, bytes.TrimRight(text, "\r\n"))
}

// Kind is KindPassphrase.
func (p *Passphrase) Kind() Kind { return KindPassphrase }

// String says where the passphrase came from.
func (p *Passphrase) String() string { return p.said }

// Wrap seals plain for a new slot. It refuses a passphrase that is short.
func (p *Passphrase) Wrap(plain, ad []byte) ([]byte, error) {
	if n := utf8.RuneCount(p.text); n < MinPassphrase {
		return nil, fmt.Errorf("%s is too short: %d characters; at least %d are needed, and several words are easy to remember", p.said, n, MinPassphrase)
	}
	by := kdf{p.cost, p.salt}
	return append(by.append([]byte{byte(KindPassphrase)}), p.key(by).SealBlob(rootContext, plain, ad)...), nil
}

// Unwrap returns what Wrap sealed.
func (p *Passphrase) Unwrap(wrapped, ad []byte) ([]byte, error) {
	if len(wrapped) == 0 || Kind(wrapped[0]) != KindPassphrase {
		return nil, ErrSealed
	}
	by, blob, err := decodeKDF(wrapped[1:])
	if err != nil {
		return nil, err
	}
	return p.key(by).UnsealBlob(rootContext, blob, ad)
}

// key derives a key, once.
func (p *Passphrase) key(by kdf) Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, ok := p.derived[by]
	if !ok {
		b := argon2.IDKey(p.text, by.salt[:], uint32(by.passes), by.memory, by.threads, keySize)
		key = newKey(b)
		clear(b)
		p.derived[by] = key
	}
	return key
}

func (by kdf) append(dst []byte) []byte {
	dst = append(dst, by.passes)
	dst = binary.BigEndian.AppendUint32(dst, by.memory)
	return append(append(dst, by.threads), by.salt[:]...)
}

// decodeKDF reads the head of a passphrase's slot, behind the kind.
func decodeKDF(data []byte) (by kdf, blob []byte, err error) {
	if len(data) < kdfSize {
		return by, nil, errors.New("the slot of a passphrase is too short")
	}
	by.cost = cost{data[0], binary.BigEndian.Uint32(data[1:]), data[5]}
	copy(by.salt[:], data[6:])
	if by.passes < 1 || by.passes > maxPasses || by.threads < 1 || by.threads > maxThreads ||
		by.memory < 8*uint32(by.threads) || by.memory > maxMemory {
		return by, nil, fmt.Errorf("the slot of a passphrase asks for %d passes over %d KiB with %d threads, which is not taken", by.passes, by.memory, by.threads)
	}
	return by, data[kdfSize:], nil
}
