package main

import (
	"io"

	"github.com/llama-logs/llama/internal/archive"
	"github.com/spf13/cobra"
)

func newArchiveHead() *cobra.Command {
	var o keyOptions
	cmd := &cobra.Command{
		Use:   "head",
		Short: "Print the signed head of the archive's history, to keep elsewhere",
		Long: `Prints a few lines, signed, that say how many records the archive's history has and
what they hash to. Keep them where who has this machine cannot change them: 'llama
archive verify --head FILE' shows then that nothing from before was changed, left
out or rolled back. It is a checkpoint of a transparency log in the form of C2SP.`,
		Example: "  llama archive head > /media/usb/2026-11-20.head\n  llama archive head --data /srv/llama | mail -s head audit@example.org",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.read(cmd)
			if err != nil {
				return err
			}
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			return withArchive(ctx, &c, newAsker(), func() error {
				answer, err := ask(ctx, c.Data, "/archive/head", nil)
				if err != nil {
					return err
				}
				defer answer.Close() // it was only read
				_, err = io.Copy(out, answer)
				return err
			}, func(a *archive.Archive) error {
				head, err := a.Head()
				if err != nil {
					return err
				}
				_, err = out.Write(head)
				return err
			})
		},
	}
	o.flags(cmd)
	o.masterFlags(cmd)
	return cmd
}
