// Package seal encrypts and authenticates what lies on disk, under keys that can
// be destroyed.
//
// Three layers of keys, each random and of 256 bits:
//
//	master key   outside the data folder: a key file, a systemd credential, a passphrase
//	   └ root key of a keyring, wrapped under each master key that may open it
//	        └ keys, named by an id such as "collection/sshd/2026-11-20"
//	             └ one key for each file or blob, derived and never stored
//
// A Keyring keeps the keys of a data folder in one file. Destroying a key there
// makes everything under it unreadable for good, wherever copies of it lie. It
// does not reach copies of the keyring itself: whoever has an old copy, or finds
// its blocks on the disk, and has the master key, has the key.
//
// # Files
//
// Key.File derives a file's key with HKDF-SHA256: the key as input, no salt,
// and "llama file 1", a zero byte and the context as info. Each piece of the file
// is sealed by AES-256-GCM under that key. The nonce is the piece's number n in
// the file:
//
//	| 0 0 0 0 | n, 64 bits, big endian |      12 bytes
//
// The sealed piece is the ciphertext and a tag of 16 bytes. Neither nonce nor n is
// stored: the reader knows what piece it reads.
//
// # Blobs
//
// Key.SealBlob is for what is small, whole and written again and again. It
// derives the key of the blob with HKDF-SHA256 from a random salt and the info
// "llama blob 1", a zero byte and the context; the nonce is zero:
//
//	| salt, 24 bytes | ciphertext | tag, 16 bytes |
//
// # Tags
//
// Key.Tag names data without telling it: the first 16 bytes of HKDF-SHA256 with the key
// as input, no salt, and "llama tag 1", a zero byte, the context, a zero byte and the
// SHA-256 of the data as info.
//
// # Keyring file
//
// Numbers are big endian. A slot says how one master key opens the root key; each
// has a name of its own, of 1 to 64 bytes a-z, 0-9, _, . and -.
//
//	| "LLAMAKEY" | version 3 | id, 16 bytes | slots, 1 byte | slot ... | body | CRC |
//
//	slot   | length of name, 1 byte | name | length, 2 bytes | kind, 1 byte | ... |
//	body   | length, 4 bytes | blob of the root key, context "keyring body" |
//	CRC    | CRC-32C of all before, 4 bytes |
//
// The kind says what the rest of a slot is; slots of other kinds are kept as they
// are.
//
//	1 key file     | blob of the master key |
//	2 passphrase   | passes, 1 byte | memory in KiB, 4 bytes | threads, 1 byte | salt, 16 bytes | blob of the derived key |
//	3 credential   | blob of the master key |
//
// These blobs hold the root key, with context "keyring root" and the keyring's id as
// associated data. The derived key is Argon2id (version 0x13) of the passphrase and
// the salt. A systemd credential holds the same line of text as a key file, so either
// opens the slots of the other.
//
// The body's associated data is everything before it, so a slot cannot be exchanged
// or given another name. Inside, ids strictly ascending by their bytes, so that there
// is one form only:
//
//	| keys, 4 bytes | key ... |
//	key    | length of id, 2 bytes | id | key, 32 bytes |
//
// # Pages
//
// Keys whose ids have three parts or more, with slashes between, lie in pages, files of
// a folder beside the keyring. Which page says the last part; it is as the name of a
// slot, or there is no page. The file's name is that of the page, "@" and 16 random
// hexadecimal digits:
//
//	| "LLAMAKPG" | version 1 | blob, context "keyring page" |
//
// The blob is of a key that is in the keyring itself as "page/" and the file's name;
// its associated data are that name and the keyring's id. Inside it is as the body of
// the keyring.
//
// The body covers all keys at once: none can be exchanged, put back or taken out
// alone, and neither ids nor their number of days show. The CRC protects nothing;
// it tells damage from a wrong master key. The file is replaced whole and
// atomically for each change, also for a new root key. A reader refuses other
// versions but 1, of which the slots have no names and no length of name; they are
// called slot-1, slot-2 and so on.
//
// Testdata holds keyrings of both versions, and vectors.json for who writes another
// implementation; docs/format.md says how to use them.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
)

// Overhead is how much longer a sealed piece of a file is.
const Overhead = 16

const keySize = 32

// ErrSealed says that something does not open: it was damaged, forged or moved,
// or its key is another or destroyed. Which of them cannot be told.
var ErrSealed = errors.New("damaged, or sealed under another key")

// ErrDestroyed says that something does not open since its key was destroyed in this
// process. It is also an ErrSealed.
var ErrDestroyed error = destroyedError{}

type destroyedError struct{}

func (destroyedError) Error() string        { return "its key was destroyed" }
func (destroyedError) Is(target error) bool { return target == ErrSealed }

// A Key is a key that never leaves memory in plain. Copies of a Key are the same
// key. When it is destroyed, all copies turn into a key that nobody knows: what
// they sealed does not open, what they seal from then on opens nowhere. The zero
// Key cannot be used.
type Key struct{ secret *secret }

// secret is a key's bytes, overwritten when it is destroyed.
type secret struct {
	destroyed atomic.Bool

	mu    sync.RWMutex
	bytes [keySize]byte
}

// NewKey returns a random key. It is lost with the process unless SealKey stores
// it.
func NewKey() Key {
	k := Key{new(secret)}
	rand.Read(k.secret.bytes[:]) // never fails
	return k
}

// newKey returns a key of the given bytes.
func newKey(b []byte) Key {
	k := Key{new(secret)}
	copy(k.secret.bytes[:], b)
	return k
}

// destroy makes k another, unknown key, and has its Sealers open nothing any more.
func (k Key) destroy() {
	k.secret.destroyed.Store(true)
	k.wipe()
}

// wipe overwrites k in memory. Zeros would be a key that anyone knows. Sealers go on.
func (k Key) wipe() {
	k.secret.mu.Lock()
	defer k.secret.mu.Unlock()
	rand.Read(k.secret.bytes[:])
}

// append appends the bytes of k to b.
func (k Key) append(b []byte) []byte {
	k.secret.mu.RLock()
	defer k.secret.mu.RUnlock()
	return append(b, k.secret.bytes[:]...)
}

// derive returns AES-256-GCM under a key derived from k.
func (k Key) derive(salt []byte, info string) cipher.AEAD {
	sub := k.sub(salt, info)
	defer clear(sub)
	block, err := aes.NewCipher(sub)
	if err != nil {
		panic("seal: " + err.Error()) // the same
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: " + err.Error()) // the same
	}
	return aead
}

// sub returns the bytes of a key derived from k.
func (k Key) sub(salt []byte, info string) []byte {
	if k.secret == nil {
		panic("seal: use of the zero Key")
	}
	k.secret.mu.RLock()
	sub, err := hkdf.Key(sha256.New, k.secret.bytes[:], salt, info, keySize)
	k.secret.mu.RUnlock()
	if err != nil {
		panic("seal: derive a key: " + err.Error()) // the length is constant and allowed
	}
	return sub
}

// File returns a Sealer for one file. The context names the file and must be
// another for every file that is ever written under the key: a file that was begun,
// lost in a crash and is begun again with other content is another file. Names
// that can recur so need a random part that is kept in the file's head, see
// NewSalt.
func (k Key) File(context string) *Sealer {
	return &Sealer{k.derive(nil, "llama file 1\x00"+context), k.secret}
}

// NewSalt returns 16 random bytes to make a file's context unique.
func NewSalt() (salt [16]byte) {
	rand.Read(salt[:]) // never fails
	return salt
}

// A Sealer seals and unseals the pieces of one file. It may be used by many at
// once. When its key is destroyed it unseals no more, and what it seals opens
// nowhere.
type Sealer struct {
	aead cipher.AEAD
	of   *secret
}

// Seal appends plain, sealed, to dst and returns the longer slice. The piece's
// number n must not be used twice in a file for different content: that would lay
// both open. The associated data ad is authenticated, not stored. Plain may be
// sealed in place with dst = plain[:0].
func (s *Sealer) Seal(dst, plain, ad []byte, n uint64) []byte {
	nonce := nonceOf(n)
	return s.aead.Seal(dst, nonce[:], plain, ad)
}

// Unseal appends what was sealed as piece n with ad to dst and returns the longer
// slice, or ErrSealed or ErrDestroyed.
func (s *Sealer) Unseal(dst, sealed, ad []byte, n uint64) ([]byte, error) {
	if s.of.destroyed.Load() {
		return nil, ErrDestroyed
	}
	nonce := nonceOf(n)
	plain, err := s.aead.Open(dst, nonce[:], sealed, ad)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func nonceOf(n uint64) (nonce [12]byte) {
	binary.BigEndian.PutUint64(nonce[4:], n)
	return nonce
}
