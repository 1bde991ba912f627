package receive

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/llama-logs/llama"
)

// A token may add to collections, to all when none is named, and can read nothing.
type token struct {
	sum         [sha256.Size]byte
	collections []string
}

// check refuses a collection that t is not for.
func (t *token) check(collection string) error {
	if t == nil || len(t.collections) == 0 || slices.Contains(t.collections, collection) {
		return nil
	}
	return llama.Errorf(llama.Forbidden, "the token is not for the collection %q; it is for %s", collection, strings.Join(t.collections, ", "))
}

// tokens are those of a door's file, and those of a second file that commands
// write: it need not be there, and is read again when it has changed.
type tokens struct {
	fixed []token
	added string // the second file; "" for none
	log   *slog.Logger

	mu    sync.Mutex
	more  []token
	state fileState // of the second file when it was read
}

// fileState tells whether a file has changed.
type fileState struct {
	modified time.Time
	size     int64
}

func openTokens(path, added string, log *slog.Logger) (*tokens, error) {
	fixed, err := readTokens(path)
	if err != nil {
		return nil, err
	}
	if len(fixed) == 0 {
		return nil, llama.Errorf(llama.Invalid, "token file %s holds no token", path)
	}
	t := &tokens{fixed: fixed, added: added, log: log}
	return t, t.renew()
}

// renew reads the second file if it has changed.
func (t *tokens) renew() error {
	if t.added == "" {
		return nil
	}
	stat, err := os.Stat(t.added)
	if errors.Is(err, fs.ErrNotExist) {
		t.more, t.state = nil, fileState{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read tokens: %w", err)
	}
	is := fileState{stat.ModTime(), stat.Size()}
	if is == t.state {
		return nil
	}
	more, err := readTokens(t.added)
	if err != nil {
		return err
	}
	t.more, t.state = more, is
	return nil
}

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

// hashPrefix stands before a token's SHA-256 where a file has that in its stead.
const hashPrefix = "sha256:"

// readTokens reads one token, or its hash, a line; blank lines and those that start
// with # do not count. Behind it may stand collections=a,b, and more that is for
// people. Whoever else may read the file could add events.
func readTokens(path string) ([]token, error) {
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
	var all []token
	scanner := bufio.NewScanner(file)
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimSpace(scanner.Text())
		switch {
		case line == "" || line[0] == '#':
		default:
			t, err := readToken(line)
			if err != nil {
				return nil, llama.Errorf(llama.Invalid, "token file %s:%d: %w", path, n, err)
			}
			all = append(all, t)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read tokens %s: %w", path, err)
	}
	return all, nil
}

func readToken(line string) (t token, err error) {
	words := strings.Fields(line)
	if hash, ok := strings.CutPrefix(words[0], hashPrefix); ok {
		sum, err := hex.DecodeString(hash)
		if err != nil || len(sum) != sha256.Size {
			return t, fmt.Errorf("what follows %s is no hash of 64 hexadecimal digits", hashPrefix)
		}
		t.sum = [sha256.Size]byte(sum)
	} else if len(words[0]) < minToken {
		return t, fmt.Errorf("token is shorter than %d characters", minToken)
	} else {
		t.sum = sha256.Sum256([]byte(words[0]))
	}
	for _, word := range words[1:] {
		names, ok := strings.CutPrefix(word, "collections=")
		if !ok {
			continue
		}
		t.collections = strings.Split(names, ",")
		for _, name := range t.collections {
			if !ValidCollection(name) {
				return t, fmt.Errorf("%q is not the name of a collection; 1 to 64 of a-z 0-9 _ . -", name)
			}
		}
	}
	return t, nil
}

// find returns the token that r carries, nil for none. How long it takes does not
// depend on which, nor on how much of it is right.
func (t *tokens) find(r *http.Request) *token {
	text, ok := tokenOf(r)
	if !ok {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.renew(); err != nil {
		t.log.Warn("a file of tokens cannot be read; those of before go on", "error", err)
	}
	sum := sha256.Sum256([]byte(text))
	var found *token
	for _, all := range [][]token{t.fixed, t.more} {
		for i := range all {
			if subtle.ConstantTimeCompare(sum[:], all[i].sum[:]) == 1 {
				found = &all[i]
			}
		}
	}
	return found
}

// NewToken draws a token for collections, all when there are none. The line is
// what a file of tokens holds of it: its hash.
func NewToken(name string, collections []string) (text, line string, err error) {
	text = rand.Text()
	line = fmt.Sprintf("%s%x name=%s", hashPrefix, sha256.Sum256([]byte(text)), name)
	if len(collections) > 0 {
		line += " collections=" + strings.Join(collections, ",")
	}
	_, err = readToken(line)
	return text, line, err
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
