package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

type loginOptions struct {
	url, ca, user   string
	passwordFile    string
	newPasswordFile string
	dataDir         string
	out             bool
}

func newLogin() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login [flags]",
		Short: "Sign in at central for the commands that ask it",
		Long: `Signs in and keeps the session in a file that only you can read. The password is
asked for, or read from a file; - is standard input, a line each. LLAMA_URL,
LLAMA_CA and LLAMA_TOKEN win over what was kept.`,
		Example: `  llama login
  llama login --url https://logs.example.com --ca ca.pem --user ana
  llama login --user admin --password-file first --new-password-file mine
  llama login --out`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return login(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.url, "url", "", "`URL` of central (default: LLAMA_URL, the last one, or the one on this machine)")
	flags.StringVar(&o.ca, "ca", "", "`FILE` with the authority of its certificate (default: LLAMA_CA)")
	flags.StringVar(&o.user, "user", "admin", "`NAME` of who signs in")
	flags.StringVar(&o.passwordFile, "password-file", "", "`FILE` with the password (default: -, which asks for it)")
	flags.StringVar(&o.newPasswordFile, "new-password-file", "", "`FILE` with a new password to change to, - asks for it")
	flags.StringVar(&o.dataDir, "data", defaultData(), "`DIR` of the data of the process on this machine, for its address")
	flags.BoolVar(&o.out, "out", false, "sign out instead")
	return cmd
}

func login(ctx context.Context, o loginOptions) error {
	file, err := client.CredentialsFile()
	if err != nil {
		return err
	}
	credentials, err := loginTo(o, file)
	if err != nil {
		return err
	}
	c, err := credentials.Client(func(token string) { credentials.Token = token })
	if err != nil {
		return err
	}
	defer c.Close()
	if o.out {
		return logout(ctx, c, credentials, file)
	}
	asks := newAsker()
	password, err := asks.secret(orDefault(o.passwordFile, "-"), "Password of "+o.user)
	if err != nil {
		return err
	}
	session, err := c.SignIn(ctx, o.user, password)
	if err != nil {
		return err
	}
	credentials.User, credentials.Token, credentials.Expires = session.User, session.Token, session.Expires
	if session.MustChangePassword || o.newPasswordFile != "" {
		if err := renewPassword(ctx, c, asks, password, o); err != nil {
			return err
		}
	}
	if err := credentials.Write(file); err != nil {
		return err
	}
	words(os.Stderr, "signed in at %s as %s (%s)", credentials.URL, session.User, grantWords(session.Grants))
	return nil
}

// loginTo finds out whom to sign in at. The token of before is kept only to sign
// out with.
func loginTo(o loginOptions, file string) (client.Credentials, error) {
	kept, err := client.ReadCredentials(file)
	if err != nil {
		return kept, err
	}
	environment := func(name string) string {
		switch {
		case name == "LLAMA_URL" && o.url != "":
			return o.url
		case name == "LLAMA_CA" && o.ca != "":
			return o.ca
		}
		return os.Getenv(name)
	}
	credentials, err := kept.Overlay(environment)
	if err != nil {
		return credentials, err
	}
	at, err := readListening(o.dataDir)
	if credentials.URL == "" && err != nil {
		return credentials, fmt.Errorf("the address of central is not known; name it with --url: %w", err)
	}
	if credentials.URL == "" {
		credentials.URL = at.Page
	}
	if credentials.CA == "" && err == nil && credentials.URL == at.Page {
		return withLocalCA(credentials, o.dataDir)
	}
	return credentials, nil
}

// withLocalCA trusts the authority of the process on this machine.
func withLocalCA(c client.Credentials, dataDir string) (client.Credentials, error) {
	_, err := os.Stat(caFile(dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	return c.Overlay(func(name string) string {
		if name == "LLAMA_CA" {
			return caFile(dataDir)
		}
		return ""
	})
}

func logout(ctx context.Context, c *client.Client, credentials client.Credentials, file string) error {
	if credentials.Token == "" {
		return errors.New("nobody is signed in")
	}
	err := c.SignOut(ctx)
	credentials.Token = ""
	return errors.Join(err, credentials.Write(file))
}

func renewPassword(ctx context.Context, c *client.Client, asks *asker, old string, o loginOptions) error {
	if o.newPasswordFile == "" && !onTerminal() {
		return errors.New("the first password must be changed; give --new-password-file, or sign in at the page")
	}
	if o.newPasswordFile == "" {
		words(os.Stderr, "The first password must be changed.")
	}
	renewed, err := asks.secret(orDefault(o.newPasswordFile, "-"), "New password")
	if err != nil {
		return err
	}
	if onTerminal() && (o.newPasswordFile == "" || o.newPasswordFile == "-") {
		again, err := asks.secret("-", "New password, again")
		if err != nil {
			return err
		}
		if again != renewed {
			return errors.New("the two passwords differ; nothing was changed")
		}
	}
	return c.ChangePassword(ctx, old, renewed)
}
