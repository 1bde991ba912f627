package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// MasterOptions say what opens the keyrings: a key file, unless another way is named.
type MasterOptions struct {
	MasterKey      string `yaml:"master_key" doc:"File with the key that opens the keyrings. It is made at the first start; keep it apart from the data, and keep a copy."`
	PassphraseFile string `yaml:"passphrase_file" doc:"File with a passphrase that opens the keyrings instead of master_key; - asks for it on the terminal, or reads a line of standard input. At the first start it has to have 12 characters."`
	Credential     string `yaml:"credential" doc:"Name of a systemd credential that opens the keyrings instead of master_key: what a key file holds, given by LoadCredential= or LoadCredentialEncrypted= in the unit."`
}

// Validate says which option is wrong.
func (o *MasterOptions) Validate() error {
	if o.PassphraseFile != "" && o.Credential != "" {
		return config.Wrong("credential", "passphrase_file is given, too; only one of them opens the keyrings")
	}
	return nil
}

// masterFlags are the flags that name a master key.
var masterFlags = []string{"master-key", "passphrase-file", "credential"}

// flags adds those that name the master key.
func (o *MasterOptions) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.String("master-key", o.MasterKey, "`FILE` with the key that opens the keyrings, outside the data directory")
	flags.String("passphrase-file", "", "`FILE` with a passphrase that opens them instead; - asks for it")
	flags.String("credential", "", "`NAME` of a systemd credential that opens them instead")
	cmd.MarkFlagsMutuallyExclusive(masterFlags...)
}

// overlay puts the flags over what the configuration file says: one that is given
// is the only way.
func (o *MasterOptions) overlay(cmd *cobra.Command) {
	given := func(name string) bool { f := cmd.Flags().Lookup(name); return f != nil && f.Changed }
	for _, name := range masterFlags {
		if given(name) {
			o.PassphraseFile, o.Credential = "", ""
		}
	}
	overlay(cmd, "master-key", &o.MasterKey)
	overlay(cmd, "passphrase-file", &o.PassphraseFile)
	overlay(cmd, "credential", &o.Credential)
}

// String says where the master key lies.
func (o *MasterOptions) String() string {
	switch {
	case o.Credential != "":
		return "the systemd credential " + o.Credential
	case o.PassphraseFile == "-":
		return "the passphrase that was given"
	case o.PassphraseFile != "":
		return "the passphrase in " + o.PassphraseFile
	}
	return o.MasterKey
}

// open opens the master key for a data directory. It makes a key file only for new
// data: a new key for old data would open nothing and hide that the right one is
// missing.
func (o *MasterOptions) open(data string, asks *asker) (seal.Master, error) {
	rings, err := keyringsIn(data)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Credential != "":
		return seal.OpenCredential(credentialsDir(), o.Credential)
	case o.PassphraseFile != "":
		return asks.passphrase(o.PassphraseFile, "Passphrase of the master key", len(rings) == 0)
	}
	if o.MasterKey, err = filepath.Abs(o.MasterKey); err != nil {
		return nil, err
	}
	_, err = os.Stat(o.MasterKey)
	if errors.Is(err, fs.ErrNotExist) {
		if len(rings) > 0 {
			return nil, fmt.Errorf("%w: the data in %s was made with one, and %s is not there; name its file with --master-key%s", errNoKey, data, o.MasterKey, otherWays(data, rings))
		}
		if _, err := makeKeyFile(o.MasterKey); err != nil {
			return nil, err
		}
	}
	return seal.OpenKeyFile(o.MasterKey)
}

// makeKeyFile makes a key file unless there is one, and reports which.
func makeKeyFile(file string) (made bool, err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return false, fmt.Errorf("make the master key: %w", err)
	}
	if made, err = seal.CreateKeyFile(file); err != nil {
		return false, fmt.Errorf("make the master key: %w", err)
	}
	return made, nil
}

// otherWays says how else the keyrings of a data directory may be opened.
func otherWays(data string, rings []string) string {
	disk, err := fsys.Dir(data)
	if err != nil {
		return ""
	}
	defer disk.Close()
	slots, err := seal.ReadSlots(disk, rings[0])
	if err != nil {
		return "" // who opens it says what is wrong
	}
	for _, s := range slots {
		if s.Kind == seal.KindPassphrase {
			return ", or give a passphrase with --passphrase-file, - to be asked for it"
		}
	}
	return ""
}

// keyringsIn returns the keyrings of a data directory, by their names below it.
func keyringsIn(data string) ([]string, error) {
	var rings []string
	// A role has one, and each of its archives.
	for _, pattern := range []string{"*/keyring", "*/*/keyring"} {
		found, err := fs.Glob(os.DirFS(data), pattern)
		if err != nil {
			return nil, err
		}
		rings = append(rings, found...)
	}
	return rings, nil
}

// errNoKey says that data is there without its key.
var errNoKey = errors.New("the master key is missing")

func credentialsDir() string { return os.Getenv("CREDENTIALS_DIRECTORY") }

// An asker asks for secrets: on a terminal without showing them, else a line of
// standard input for each. A command has one, or what the first has read ahead is lost
// to the next.
type asker struct{ in *bufio.Reader }

func newAsker() *asker { return &asker{bufio.NewReader(os.Stdin)} }

// secret reads a password, code or token from a file, or asks for it when that is "-".
func (a *asker) secret(file, prompt string) (string, error) {
	if file != "-" {
		return readSecret(file)
	}
	text, err := a.ask(prompt)
	return string(text), err
}

// passphrase reads a passphrase from a file, or asks for it when that is "-"; twice if
// it is new, as a slip of the fingers would lock its owner out.
func (a *asker) passphrase(file, prompt string, isNew bool) (seal.Master, error) {
	if file != "-" {
		return seal.OpenPassphraseFile(file, credentialsDir())
	}
	text, err := a.ask(prompt)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	if isNew && onTerminal() {
		again, err := a.ask(prompt + ", again")
		if err != nil {
			return nil, err
		}
		defer clear(again)
		if !bytes.Equal(text, again) {
			return nil, errors.New("the two passphrases differ; nothing was changed")
		}
	}
	return seal.NewPassphrase("the passphrase that was given", text)
}

func (a *asker) ask(prompt string) ([]byte, error) {
	if !onTerminal() {
		line, err := a.in.ReadBytes('\n')
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("%s: nothing came from standard input: %w", prompt, err)
		}
		return line, nil
	}
	fmt.Fprint(os.Stderr, prompt+": ")
	text, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	return text, err
}

func onTerminal() bool { return term.IsTerminal(int(os.Stdin.Fd())) }
