package main

import (
	"errors"
	"os"

	"github.com/llama-logs/llama/internal/archive"
	"github.com/spf13/cobra"
)

func newArchiveNewHistory() *cobra.Command {
	var o keyOptions
	var yes bool
	cmd := &cobra.Command{
		Use:   "new-history",
		Short: "Set a damaged history aside and begin another",
		Long: `An archive whose history is missing, or damaged at its end, is not opened: 'llama
archive verify' says what is wrong, also of damage further back. This sets what is
there of it aside, beside the new one, and begins another history with the roots of
all events that are there. Nothing vouches for them from before, which verify says
until it is given a head of the new history. Heads that were kept are of no use any
more. The node has to be stopped.`,
		Example: "  llama archive new-history --yes && llama archive head > /media/usb/new.head",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.read(cmd)
			if err != nil {
				return err
			}
			asks := newAsker()
			if !yes {
				if err := confirm(asks.in, "Begin another history? Heads that were kept are of no use then. Type yes: "); err != nil {
					return err
				}
			}
			c.Node.Archive.NewHistory = true
			err = withArchive(cmd.Context(), &c, asks, func() error {
				return errors.New("a node runs on the data directory; stop it first")
			}, func(*archive.Archive) error { return nil })
			if err == nil {
				words(os.Stderr, "another history is begun; keep a head of it elsewhere, with 'llama archive head'")
			}
			return err
		},
	}
	o.flags(cmd)
	o.masterFlags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	return cmd
}
