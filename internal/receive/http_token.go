package receive

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/llama-logs/llama"
)

// tokens are the hashes of the tokens that may add.
type tokens [][sha256.Size]byte

// CreateTokenFile makes a file with one new token, unless the file is there.
func CreateTokenFile(path string) (created bool, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("create token: %w", err)
	}
	_, err = fmt.Fprintln(file, rand.Text())
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		os.Remove(path) // best effort: an empty token file would be refused anyway
		return false, fmt.Errorf("create token in %s: %w", path, err)
	}
	return true, nil
}

// minToken keeps tokens from being guessed, and passwords from being used.
const minToken = 16

// readTokens reads one token a line; blank lines and those that start with # do
// not count. Whoever else may read the file could add events.
func readTokens(path string) (tokens, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	defer file.Close()
	if stat, err := file.Stat(); err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	} else if stat.Mode().Perm()&0o077 != 0 {
		return nil, llama.Errorf(llama.Invalid, "token file %s may be read by others than its owner; chmod 600 it", path)
	}
	var t tokens
	scanner := bufio.NewScanner(file)
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimSpace(scanner.Text())
		switch {
		case line == "" || line[0] == '#':
		case len(line) < minToken:
			return nil, llama.Errorf(llama.Invalid, "token file %s:%d: token is shorter than %d characters", path, n, minToken)
		default:
			t = append(t, sha256.Sum256([]byte(line)))
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read tokens %s: %w", path, err)
	}
	if len(t) == 0 {
		return nil, llama.Errorf(llama.Invalid, "token file %s holds no token", path)
	}
	return t, nil
}

// allow reports whether r carries one of the tokens. How long it takes does not
// depend on which, nor on how much of it is right.
func (t tokens) allow(r *http.Request) bool {
	token, ok := tokenOf(r)
	if !ok {
		return false
	}
	sum, found := sha256.Sum256([]byte(token)), 0
	for i := range t {
		found |= subtle.ConstantTimeCompare(sum[:], t[i][:])
	}
	return found == 1
}

// tokenOf takes the token out of the ways in which senders can be told to send
// one: Bearer TOKEN, Basic with it as password, ApiKey with it or with the
// base64 of id:token.
func tokenOf(r *http.Request) (string, bool) {
	scheme, rest, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok {
		return "", false
	}
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "bearer":
		return rest, true
	case "basic":
		_, password, ok := r.BasicAuth()
		return password, ok
	case "apikey":
		if plain, err := base64.StdEncoding.DecodeString(rest); err == nil {
			if _, token, ok := strings.Cut(string(plain), ":"); ok {
				return token, true
			}
		}
		return rest, true
	}
	return "", false
}
