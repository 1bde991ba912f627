package envelope

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// A Code is what central gives to whoever sets a node up: whom the node may trust,
// and a secret by which central knows it. As text it is "llama1_" and, in URL-safe
// base64:
//
//	0      1            33        97    105      121        125
//	+------+------------+---------+-----+--------+----------+
//	| kind | authority  | central | id  | secret | checksum |
//	+------+------------+---------+-----+--------+----------+
//
// Kind is 1. Authority is the SHA-256 of the certificate that central's is signed by,
// zeros when any authority will do that the machine trusts. Central is its public keys, id and
// secret are random, and the checksum is the first bytes of the SHA-256 of all before.
type Code struct {
	Authority [sha256.Size]byte
	Central   Public
	ID        string // 16 hexadecimal digits: names the code and gives nothing away
	Secret    []byte
}

const (
	codePrefix = "llama1_"
	codeKind   = 1
	codeIDSize = 8
	secretLen  = 16
	sumSize    = 4
	codeSize   = 1 + sha256.Size + publicSize + codeIDSize + secretLen + sumSize
)

var errCode = errors.New("this is no enrolment code, or it is not whole: copy it again, from llama1_ to its end")

// NewCode draws a code.
func NewCode(authority [sha256.Size]byte, central Public) Code {
	drawn := make([]byte, codeIDSize+secretLen)
	rand.Read(drawn) // never fails
	return Code{Authority: authority, Central: central, ID: hex.EncodeToString(drawn[:codeIDSize]), Secret: drawn[codeIDSize:]}
}

// Text returns the code as people copy it.
func (c Code) Text() string {
	b := append(make([]byte, 0, codeSize), codeKind)
	b = append(append(b, c.Authority[:]...), c.Central.Bytes()...)
	id, err := hex.DecodeString(c.ID)
	if err != nil {
		panic("envelope: a code's id is hexadecimal: " + c.ID)
	}
	b = append(append(b, id...), c.Secret...)
	sum := sha256.Sum256(b)
	return codePrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:sumSize]...))
}

// ParseCode reads a code; white space around and within does not matter.
func ParseCode(text string) (Code, error) {
	text, ok := strings.CutPrefix(strings.Join(strings.Fields(text), ""), codePrefix)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil || len(b) != codeSize || b[0] != codeKind {
		return Code{}, errCode
	}
	body, sum := b[:codeSize-sumSize], sha256.Sum256(b[:codeSize-sumSize])
	if !bytes.Equal(sum[:sumSize], b[codeSize-sumSize:]) {
		return Code{}, errCode
	}
	var c Code
	rest := body[1:]
	rest = rest[copy(c.Authority[:], rest):]
	if c.Central, err = ParsePublic(rest[:publicSize]); err != nil {
		return Code{}, errCode
	}
	rest = rest[publicSize:]
	c.ID, c.Secret = hex.EncodeToString(rest[:codeIDSize]), bytes.Clone(rest[codeIDSize:])
	return c, nil
}

// Hash returns what central keeps of the secret. It is random and long, so that
// nothing slower than SHA-256 is needed.
func (c Code) Hash() []byte { return HashSecret(c.Secret) }

// HashSecret is Hash for a secret that came alone.
func HashSecret(secret []byte) []byte {
	hash := sha256.Sum256(append([]byte("llama enrolment 1\x00"), secret...))
	return hash[:]
}
