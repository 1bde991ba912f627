package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
)

// BlobOverhead is how much longer a sealed blob is.
const BlobOverhead = saltSize + Overhead

const saltSize = 24

// SealBlob seals a small whole thing: a file that is replaced, a value in a
// database, a chunk of a result. Unlike with File, a context may be used again and
// again: each blob has a random salt, long enough never to repeat. The context
// says what the blob is, the associated data ad which one; to unseal it, both must
// be the same.
func (k Key) SealBlob(context string, plain, ad []byte) []byte {
	blob := make([]byte, saltSize, len(plain)+BlobOverhead)
	rand.Read(blob) // never fails
	nonce := nonceOf(0)
	return k.blob(blob, context).Seal(blob, nonce[:], plain, ad)
}

// UnsealBlob returns what SealBlob sealed, or ErrSealed or ErrDestroyed.
func (k Key) UnsealBlob(context string, blob, ad []byte) ([]byte, error) {
	if k.secret != nil && k.secret.destroyed.Load() {
		return nil, ErrDestroyed
	}
	if len(blob) < BlobOverhead {
		return nil, ErrSealed
	}
	nonce := nonceOf(0)
	plain, err := k.blob(blob[:saltSize], context).Open(nil, nonce[:], blob[saltSize:], ad)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func (k Key) blob(salt []byte, context string) cipher.AEAD {
	return k.derive(salt, "llama blob 1\x00"+context)
}

// SealKey seals inner under k, for a file that carries its own key in its head. The
// context says which file. Inner dies when the file, or k, is destroyed.
func (k Key) SealKey(context string, inner Key) []byte {
	plain := inner.append(make([]byte, 0, keySize))
	defer clear(plain)
	return k.SealBlob("key\x00"+context, plain, nil)
}

// UnsealKey returns the key that SealKey sealed, or ErrSealed.
func (k Key) UnsealKey(context string, sealed []byte) (Key, error) {
	plain, err := k.UnsealBlob("key\x00"+context, sealed, nil)
	if err != nil {
		return Key{}, err
	}
	defer clear(plain)
	if len(plain) != keySize {
		return Key{}, ErrSealed
	}
	return newKey(plain), nil
}

// Tag returns a name for data under which who does not have the key learns nothing of
// it: the same for the same data, context and key, and another otherwise.
func (k Key) Tag(context string, data []byte) (tag [16]byte) {
	sum := sha256.Sum256(data)
	sub := k.sub(nil, "llama tag 1\x00"+context+"\x00"+string(sum[:]))
	copy(tag[:], sub)
	clear(sub)
	return tag
}
