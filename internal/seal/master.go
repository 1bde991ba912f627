package seal

import "fmt"

// A Master wraps the root keys of keyrings. What Wrap returns names its kind in
// the first byte and is at most 65535 bytes long. Unwrap returns ErrSealed for
// what this Master did not wrap. String says where the master key comes from, for
// errors; it never shows the key.
type Master interface {
	Kind() Kind
	Wrap(plain, ad []byte) ([]byte, error)
	Unwrap(wrapped, ad []byte) ([]byte, error)
	String() string
}

// A Kind says what sort of master key opens a slot. Its number is written to disk.
type Kind byte

// The kinds of slots. 4 is reserved for Tang, 5 for central.
const (
	KindKeyFile    Kind = 1
	KindPassphrase Kind = 2
	KindCredential Kind = 3
)

// String names a kind for people.
func (k Kind) String() string {
	switch k {
	case KindKeyFile:
		return "key file"
	case KindPassphrase:
		return "passphrase"
	case KindCredential:
		return "systemd credential"
	}
	return fmt.Sprintf("kind %d, which this program does not know", byte(k))
}

// slotName is what the first slot of a new keyring is called.
func (k Kind) slotName() string {
	switch k {
	case KindPassphrase:
		return "passphrase"
	case KindCredential:
		return "credential"
	}
	return "key-file"
}

// wrongWord is what is wrong when masters of a kind do not open a keyring.
func (k Kind) wrongWord() string {
	if k == KindPassphrase {
		return "passphrase"
	}
	return "master key"
}
