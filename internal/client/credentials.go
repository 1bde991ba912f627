package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/llama-logs/llama"
)

// Credentials are what a sign-in left behind for the next command.
type Credentials struct {
	URL     string    `json:"url"`
	User    string    `json:"user,omitempty"`
	Token   string    `json:"token,omitempty"`
	CA      string    `json:"ca,omitempty"`             // the authority's certificate in PEM
	CASum   string    `json:"ca_fingerprint,omitempty"` // of CA, for people
	Expires time.Time `json:"expires,omitzero"`
}

// CredentialsFile returns where credentials are kept: llama/credentials.json in
// the user's configuration folder.
func CredentialsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find configuration folder: %w", err)
	}
	return filepath.Join(dir, "llama", "credentials.json"), nil
}

// ReadCredentials reads a file of credentials; without one they are empty. A file
// that others may read is refused.
func ReadCredentials(file string) (Credentials, error) {
	var c Credentials
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	} else if err != nil {
		return c, fmt.Errorf("read credentials: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return c, llama.Errorf(llama.Forbidden, "%s has mode %04o; others may read it: chmod 600", file, mode)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return c, fmt.Errorf("read credentials: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, llama.Errorf(llama.Invalid, "%s is damaged (%v); sign in again", file, err)
	}
	return c, nil
}

// Write keeps c in a file of mode 0600.
func (c Credentials) Write(file string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode credentials: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".credentials-*.tmp") // mode 0600
	if err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	return nil
}

// Overlay returns c with what the environment says instead: LLAMA_URL,
// LLAMA_TOKEN, and LLAMA_CA, a file. A token belongs to the URL it was given by,
// so another URL drops it.
func (c Credentials) Overlay(getenv func(string) string) (Credentials, error) {
	if u := getenv("LLAMA_URL"); u != "" && u != c.URL {
		c = Credentials{URL: u}
	}
	if t := getenv("LLAMA_TOKEN"); t != "" {
		c.Token, c.User, c.Expires = t, "", time.Time{}
	}
	if file := getenv("LLAMA_CA"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return c, llama.Errorf(llama.Invalid, "LLAMA_CA: %w", err)
		}
		if c.CASum, err = Fingerprint(text); err != nil {
			return c, llama.Errorf(llama.Invalid, "LLAMA_CA: %s: %w", file, err)
		}
		c.CA = string(text)
	}
	return c, nil
}

// Client makes a client that uses c.
func (c Credentials) Client(keepToken func(string)) (*Client, error) {
	if c.URL == "" {
		return nil, llama.Errorf(llama.Unauthorized, "no central is known; llama login, or LLAMA_URL and LLAMA_TOKEN, name one")
	}
	return New(Options{URL: c.URL, Token: c.Token, CA: []byte(c.CA), KeepToken: keepToken})
}
