package history

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Head says how long a history was at some moment, and the hash of its tree.
type Head struct {
	Size int64 // records
	Hash tlog.Hash
}

// ErrHead says that a text is not a head of this history.
var ErrHead = errors.New("not a head of this archive's history")

// origin returns the name of a history, which begins its heads.
func origin(salt [saltSize]byte) string { return "llama.archive/" + hex.EncodeToString(salt[:]) }

func (h Head) text(origin string) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, h.Size, h.Hash)
}

// parseHead reads a head's text; lines that follow are for others.
func parseHead(text, origin string) (h Head, err error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 || lines[0] != origin {
		return h, fmt.Errorf("%w: it begins with %.80q, not %q", ErrHead, lines[0], origin)
	}
	h.Size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || h.Size < 0 || strconv.FormatInt(h.Size, 10) != lines[1] {
		return h, fmt.Errorf("%w: %.40q is no number of records", ErrHead, lines[1])
	}
	if h.Hash, err = tlog.ParseHash(lines[2]); err != nil {
		return h, fmt.Errorf("%w: %.80q is no hash", ErrHead, lines[2])
	}
	return h, nil
}

// A signer signs heads, in the form of C2SP's signed notes.
type signer struct {
	note.Verifier
	key crypto.Signer
}

func newSigner(name string, key crypto.Signer) (*signer, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("heads are signed by Ed25519 keys, not %T", key.Public())
	}
	text, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(text)
	return &signer{v, key}, err
}

func (s *signer) Sign(message []byte) ([]byte, error) {
	return s.key.Sign(nil, message, crypto.Hash(0))
}

// VerifierKey returns the public key that heads are signed by, as signed notes have it.
func (h *History) VerifierKey() string {
	public := h.signers[0].key.Public().(ed25519.PublicKey)
	return fmt.Sprintf("%s+%08x+%s", h.signers[0].Name(), h.signers[0].KeyHash(),
		base64.StdEncoding.EncodeToString(append([]byte{1}, public...))) // 1: Ed25519
}

// ParseHead reads a signed head. It is ErrHead if the archive's key has not signed it.
func (h *History) ParseHead(text []byte) (Head, error) {
	n, err := note.Open(text, note.VerifierList(h.signers[0]))
	if err != nil {
		return Head{}, fmt.Errorf("%w: %w", ErrHead, err)
	}
	for _, sig := range slices.Concat(n.Sigs, n.UnverifiedSigs) {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return Head{}, fmt.Errorf("%w: a signature: %w", ErrHead, err)
		}
	}
	return parseHead(n.Text, h.signers[0].Name())
}

// sign returns the signed form of a head.
func (h *History) sign(head Head) ([]byte, error) {
	signers := make([]note.Signer, len(h.signers))
	for i, s := range h.signers {
		signers[i] = s
	}
	return note.Sign(&note.Note{Text: head.text(h.signers[0].Name())}, signers...)
}

// signedByAll reports whether all signers have signed a head.
func (h *History) signedByAll(text []byte) bool {
	verifiers := make([]note.Verifier, len(h.signers))
	for i, s := range h.signers {
		verifiers[i] = s
	}
	n, err := note.Open(text, note.VerifierList(verifiers...))
	return err == nil && len(n.Sigs) == len(h.signers)
}

// OpenHead reads a signed head with nothing but the public key.
func OpenHead(text []byte, verifierKey string) (Head, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return Head{}, fmt.Errorf("%w: the key: %w", ErrHead, err)
	}
	n, err := note.Open(text, note.VerifierList(v))
	if err != nil {
		return Head{}, fmt.Errorf("%w: %w", ErrHead, err)
	}
	return parseHead(n.Text, v.Name())
}
