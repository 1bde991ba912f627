package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/spf13/cobra"
)

// keyOptions are what all commands about keys share.
type keyOptions struct {
	config string // file
	format string
}

func newKey() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Say what opens the data: key files, passphrases, systemd credentials",
		Long: `What lies in the data directory is encrypted, and the keys for it lie in keyrings
there. A keyring has slots, each with a name, and each is a way to open it: a key
file, a passphrase, or a systemd credential. These commands list and change the
slots of all keyrings of a data directory. All but list need that llama does not
run on it, and a way to open it.`,
		Example: "  llama key list\n  llama key add safe --new-key-file /media/usb/llama.key",
		Args:    noArgs,
	}
	cmd.AddCommand(newKeyList(), newKeyAdd(), newKeyRemove(), newKeyRekey())
	return cmd
}

func newKeyList() *cobra.Command {
	var o keyOptions
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the slots: what opens the data",
		Example: "  llama key list --data /srv/llama",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.read(cmd)
			if err != nil {
				return err
			}
			return listSlots(c.Data, o.format)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.format, "format", "", "`FORMAT`: ndjson, csv or table (default: table on a terminal)")
	return cmd
}

func newKeyAdd() *cobra.Command {
	var o keyOptions
	var added MasterOptions
	cmd := &cobra.Command{
		Use:   "add NAME (--new-key-file FILE | --new-passphrase-file FILE | --new-credential NAME)",
		Short: "Let one more key file, passphrase or credential open the data",
		Long: `Adds a slot of a new name. A key file that does not exist is made. A passphrase
has 12 characters at least; - asks for it. What opened the data before goes on to.`,
		Example: `  llama key add safe --new-key-file /media/usb/llama.key
  llama key add people --new-passphrase-file -
  llama key add new-people --passphrase-file old --new-passphrase-file new`,
		Args: oneSlot,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.change(cmd, func(rings *keyrings, asks *asker) error {
				m, err := openNew(&added, asks)
				if err != nil {
					return err
				}
				return rings.add(args[0], m)
			})
		},
	}
	o.flags(cmd)
	o.masterFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&added.MasterKey, "new-key-file", "", "`FILE` with a key to add; it is made if there is none")
	flags.StringVar(&added.PassphraseFile, "new-passphrase-file", "", "`FILE` with a passphrase to add; - asks for it")
	flags.StringVar(&added.Credential, "new-credential", "", "`NAME` of a systemd credential to add")
	cmd.MarkFlagsMutuallyExclusive("new-key-file", "new-passphrase-file", "new-credential")
	cmd.MarkFlagsOneRequired("new-key-file", "new-passphrase-file", "new-credential")
	return cmd
}

func newKeyRemove() *cobra.Command {
	var o keyOptions
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Let a key file, passphrase or credential open the data no more",
		Long: `Removes a slot. The data is opened with another one, so that it is sure that one is
left. Who has an old copy of the keyrings, and what the slot was for, can still open
the copy: change the root key then, with 'llama key rekey'.`,
		Example: "  llama key remove people\n  llama key remove key-file --passphrase-file -",
		Args:    oneSlot,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.change(cmd, func(rings *keyrings, _ *asker) error { return rings.remove(args[0]) })
		},
	}
	o.flags(cmd)
	o.masterFlags(cmd)
	return cmd
}

func newKeyRekey() *cobra.Command {
	var o keyOptions
	var keys, passphrases, credentials []string
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Change the root key, so that old copies of the keyrings help nobody",
		Long: `Gives each keyring a new root key. Who opened a copy of a keyring from before, by
a slot that is removed since, cannot open this one with what was in the copy. All
slots are renewed, so all that they are for has to be given. The data itself is not
written anew: the keys of days that were in the copy stay the same.`,
		Example: "  llama key rekey\n  llama key rekey --also-key-file /media/usb/llama.key --also-passphrase-file -",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.change(cmd, func(rings *keyrings, asks *asker) error {
				others, err := openAll(keys, passphrases, credentials, asks)
				if err != nil {
					return err
				}
				return rings.rekey(others)
			})
		},
	}
	o.flags(cmd)
	o.masterFlags(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&keys, "also-key-file", nil, "`FILE` with the key of another slot; may be repeated")
	flags.StringArrayVar(&passphrases, "also-passphrase-file", nil, "`FILE` with the passphrase of another slot, - asks for it; may be repeated")
	flags.StringArrayVar(&credentials, "also-credential", nil, "`NAME` of the systemd credential of another slot; may be repeated")
	return cmd
}

func oneSlot(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("'%s' takes the name of one slot; %d were given", cmd.CommandPath(), len(args))
	}
	if !seal.ValidSlot(args[0]) {
		return usagef("%q is not the name of a slot; 1 to 64 characters a-z, 0-9, _, . and -", args[0])
	}
	return nil
}

func (o *keyOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.config, "config", "c", "", "configuration `FILE`; flags win over it")
	cmd.Flags().String("data", defaultData(), "`DIR` that holds the data")
}

func (o *keyOptions) masterFlags(cmd *cobra.Command) {
	d := defaultConfig()
	d.Master.flags(cmd)
}

// read returns the configuration, with the flags over it.
func (o *keyOptions) read(cmd *cobra.Command) (Config, error) {
	c, err := readConfig(o.config)
	overlay(cmd, "data", &c.Data)
	c.Master.overlay(cmd)
	return c, err
}

// change opens the keyrings, and has fn change them.
func (o *keyOptions) change(cmd *cobra.Command, fn func(*keyrings, *asker) error) (err error) {
	c, err := o.read(cmd)
	if err != nil {
		return err
	}
	asks := newAsker()
	rings, err := openKeyrings(&c, asks)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rings.close()) }()
	return fn(rings, asks)
}

// openNew opens a master key that is to be added.
func openNew(o *MasterOptions, asks *asker) (seal.Master, error) {
	switch {
	case o.Credential != "":
		return seal.OpenCredential(credentialsDir(), o.Credential)
	case o.PassphraseFile != "":
		return asks.passphrase(o.PassphraseFile, "New passphrase", true)
	}
	made, err := makeKeyFile(o.MasterKey)
	if err != nil {
		return nil, err
	}
	if made {
		words(os.Stderr, "%s is made", o.MasterKey)
	}
	return seal.OpenKeyFile(o.MasterKey)
}

// openAll opens the master keys of other slots.
func openAll(keys, passphrases, credentials []string, asks *asker) ([]seal.Master, error) {
	var all []seal.Master
	for _, file := range keys {
		m, err := seal.OpenKeyFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	for _, name := range credentials {
		m, err := seal.OpenCredential(credentialsDir(), name)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	for i, file := range passphrases {
		m, err := asks.passphrase(file, fmt.Sprintf("Passphrase %d of another slot", i+1), false)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// listSlots prints the slots of all keyrings of a data directory.
func listSlots(data, format string) error {
	rings, err := someKeyrings(data)
	if err != nil {
		return err
	}
	disk, err := fsys.Dir(data)
	if err != nil {
		return err
	}
	defer disk.Close()
	var slots []seal.Slot
	in := map[seal.Slot][]string{}
	for _, ring := range rings {
		there, err := seal.ReadSlots(disk, ring)
		if err != nil {
			return err
		}
		for _, s := range there {
			if in[s] == nil {
				slots = append(slots, s)
			}
			in[s] = append(in[s], strings.TrimSuffix(ring, "/keyring"))
		}
	}
	out, err := newRowWriter(format, os.Stdout)
	if err != nil {
		return err
	}
	for _, s := range slots {
		row := []llama.Field{{Name: "name", Value: s.Name}, {Name: "kind", Value: s.Kind.String()}, {Name: "opens", Value: strings.Join(in[s], ", ")}}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	for _, s := range slots {
		if len(in[s]) < len(rings) {
			words(os.Stderr, "llama: slot %s is not in all keyrings, as when a change was cut off; add it again, or remove it", s.Name)
		}
	}
	return nil
}
