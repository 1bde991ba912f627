package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/llama-logs/llama"
	"golang.org/x/crypto/argon2"
)

// A cost is what Argon2id is told to spend.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// defaultCost is the second recommendation of RFC 9106, section 4, for machines
// that cannot spare 2 GiB for a sign-in.
var defaultCost = cost{memory: 64 << 10, passes: 3, threads: 4}

// Bounds on what a stored hash may ask for.
const (
	maxMemory = 1 << 20 // KiB
	maxPasses = 64
	saltBytes = 16
	hashBytes = 32
)

// A hasher makes and checks password hashes. It works on two at once only: each
// takes 64 MiB, and sign-ins cost a caller nothing.
type hasher struct {
	cost  cost
	slots chan struct{}
	dummy string // the hash of no password, of the same cost as the others
}

func newHasher(c cost) *hasher {
	h := &hasher{cost: c, slots: make(chan struct{}, 2)}
	h.dummy = c.text([]byte("no such user...."), make([]byte, hashBytes))
	return h
}

func (h *hasher) take(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hash returns password's hash as PHC text, which holds its parameters.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.take(ctx); err != nil {
		return "", err
	}
	defer func() { <-h.slots }()
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	return h.cost.text(salt, h.cost.key(password, salt, hashBytes)), nil
}

// matches reports whether password is the one stored was made of. An empty
// stored hash matches none and takes as long as any other, so that a stranger
// does not learn which users there are.
func (h *hasher) matches(ctx context.Context, stored, password string) (bool, error) {
	known := stored != ""
	if !known {
		stored = h.dummy
	}
	c, salt, want, err := parseHash(stored)
	if err != nil {
		return false, err
	}
	if err := h.take(ctx); err != nil {
		return false, err
	}
	defer func() { <-h.slots }()
	same := subtle.ConstantTimeCompare(c.key(password, salt, uint32(len(want))), want) == 1
	return same && known, nil
}

func (c cost) key(password string, salt []byte, size uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.threads, size)
}

func (c cost) text(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// parseHash reads what text has written.
func parseHash(stored string) (c cost, salt, key []byte, err error) {
	bad := fmt.Errorf("stored password is not an Argon2id hash")
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, bad
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.threads); err != nil {
		return c, nil, nil, bad
	}
	if c.memory == 0 || c.memory > maxMemory || c.passes == 0 || c.passes > maxPasses || c.threads == 0 {
		return c, nil, nil, bad
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	key, keyErr := base64.RawStdEncoding.DecodeString(parts[5])
	if saltErr != nil || keyErr != nil || len(salt) < 8 || len(salt) > 64 || len(key) < 16 || len(key) > 64 {
		return c, nil, nil, bad
	}
	return c, salt, key, nil
}

// rules refuses a new password that would be too easy. Length is what counts;
// asking for kinds of characters only makes people write them down.
func rules(user, old, new string, minLength int) error {
	switch {
	case !utf8.ValidString(new):
		return llama.Errorf(llama.Invalid, "the new password is not valid UTF-8")
	case utf8.RuneCountInString(new) < minLength:
		return llama.Errorf(llama.Invalid, "the new password has fewer than %d characters", minLength)
	case new == old:
		return llama.Errorf(llama.Invalid, "the new password is the old one")
	case strings.EqualFold(strings.Trim(new, " "), user):
		return llama.Errorf(llama.Invalid, "the new password is the user's name")
	}
	return nil
}
