package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/spf13/cobra"
)

func newArchive() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "archive",
		Short:   "Look after the events that are kept on this machine",
		Example: "  llama archive stat\n  llama archive verify --head last-week.head\n  llama archive destroy sshd 2026-11-20",
		Args:    noArgs,
	}
	cmd.AddCommand(newArchiveStat(), newArchiveVerify(), newArchiveHead(), newArchiveExport(), newArchiveNewHistory(), newArchiveDestroy())
	return cmd
}

func newArchiveDestroy() *cobra.Command {
	var o keyOptions
	var yes bool
	cmd := &cobra.Command{
		Use:   "destroy COLLECTION DAY",
		Short: "Destroy the events of a collection that arrived on a day, for good",
		Long: `Destroys the key of a day (UTC, by arrival) of a collection, and its files. Nobody
can read its events any more: not who reads them now, not in the write-ahead log,
and not in copies of the files, unless an old copy of the keyring is among them.
What senders have sent is remembered, so it does not come in again.

The node that runs on the data directory does it. When none does, the archive is
opened for it, with the master key.`,
		Example: "  llama archive destroy sshd 2026-11-20\n  llama archive destroy sshd 2026-11-20 --yes --data /srv/llama",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("'%s' takes a collection and a day; e.g. sshd 2026-11-20", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.read(cmd)
			if err != nil {
				return err
			}
			asks := newAsker()
			if !yes {
				if err := confirm(asks.in, "Destroy all events of %s that arrived on %s? Nothing brings them back. Type yes: ", args[0], args[1]); err != nil {
					return err
				}
			}
			if err := destroyDay(cmd.Context(), &c, asks, args[0], args[1]); err != nil {
				return err
			}
			words(os.Stderr, "the events of %s that arrived on %s are destroyed", args[0], args[1])
			return nil
		},
	}
	o.flags(cmd)
	o.masterFlags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	return cmd
}

// confirm asks a person, and refuses when there is none.
func confirm(in *bufio.Reader, question string, args ...any) error {
	if !onTerminal() {
		return usagef("there is no terminal to ask on; say --yes")
	}
	fmt.Fprintf(os.Stderr, question, args...)
	line, err := in.ReadString('\n')
	if strings.TrimSpace(line) != "yes" {
		return errors.Join(errors.New("nothing was changed"), err)
	}
	return nil
}

// destroyDay has the node do it that runs on the data directory, or does it itself.
func destroyDay(ctx context.Context, c *Config, asks *asker, collection, day string) error {
	return withArchive(ctx, c, asks, func() error {
		answer, err := ask(ctx, c.Data, "/archive/destroy", url.Values{"collection": {collection}, "day": {day}})
		if err != nil {
			return err
		}
		return answer.Close()
	}, func(a *archive.Archive) error { return a.Destroy(ctx, collection, day) })
}

// withArchive calls running when a node runs on the data directory, or else stopped with
// the archive, which it opens with the master key.
func withArchive(ctx context.Context, c *Config, asks *asker, running func() error, stopped func(*archive.Archive) error) (err error) {
	if _, err := someKeyrings(c.Data); err != nil {
		return err
	}
	p := &process{log: c.Log.logger()}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.takeData(c); errors.Is(err, fsys.ErrLocked) {
		return running()
	} else if err != nil {
		return err
	}
	master, err := c.Master.open(c.Data, asks)
	if err != nil {
		return err
	}
	disk, err := fsys.Dir(filepath.Join(c.Data, "node", "archive"))
	if err != nil {
		return err
	}
	p.opened = append(p.opened, disk)
	options := c.Node.Archive
	options.Logger = p.log
	kept, err := archive.Open(disk, master, options)
	if err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	p.opened = append(p.opened, kept)
	return stopped(kept)
}
