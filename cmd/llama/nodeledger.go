package main

import (
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
)

// asksOfNode is what 'llama node ledger' shows without a query: a row a question, the
// newest first. One without an outcome is under way, or the node was stopped in it.
const asksOfNode = `* | stats by (transaction.id, user.name, _source, event.action, _msg)
  min(_time) asked, max(event.outcome) outcome, max(llama.rows) rows, max(llama.bytes) bytes
| sort by (asked desc) limit 100 | fields asked, user.name, _source, event.action, outcome, rows, bytes, _msg`

func newNodeLedger() *cobra.Command {
	var o recordsOptions
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Say what this node was asked, by whom, and how much left it",
		Long: `Every question that this node answers is in its ledger before anything of the answer
leaves it: those of central, with the user who asked there, and those of who sits at
this machine. When it has ended, so are the rows and bytes that left, and how it ended.

The ledger is an archive of its own, encrypted and signed, in which nothing can be
changed unseen. It stays on the node, and central cannot ask it. Without --query the
last hundred questions are shown; a query in LogsQL finds any, a row for the start
and one for the end of each. The node has to run.`,
		Example: `  llama node ledger
  llama node ledger --query 'event.type:end | stats by (user.name) sum(llama.rows) rows'
  llama node ledger --query '_source:central llama.rows:>100000'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.show(cmd.Context(), "/ledger/query") },
	}
	o.flags(cmd, asksOfNode, "the last hundred questions")
	cmd.AddCommand(newNodeLedgerHead(&o.data), newNodeLedgerVerify(&o.data))
	return cmd
}

func newNodeLedgerHead(data *string) *cobra.Command {
	return &cobra.Command{
		Use:     "head",
		Short:   "Print the signed head of the ledger, to keep elsewhere",
		Example: "  llama node ledger head > /media/usb/ledger.head",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := ask(cmd.Context(), *data, "/records/head", nil)
			if err != nil {
				return err
			}
			defer answer.Close() // it was only read
			_, err = io.Copy(cmd.OutOrStdout(), answer)
			return err
		},
	}
}

func newNodeLedgerVerify(data *string) *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Look whether the ledger was changed, cut or rolled back",
		Long: `Does for the ledger what 'llama archive verify' does for the archive: the exit code is
0 when all is as it was written, and 1 when something was found.`,
		Example: "  llama node ledger verify --head /media/usb/ledger.head",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var head []byte
			var err error
			if file != "" {
				if head, err = readFile(file); err != nil {
					return usagef("--head: %v", err)
				}
			}
			answer, err := ask(cmd.Context(), *data, "/records/verify", url.Values{"head": {string(head)}})
			if err != nil {
				return err
			}
			defer answer.Close() // it was only read
			v, err := readVerification(answer, func(int64, int64) {})
			if err != nil {
				return fmt.Errorf("verify the ledger: %w", err)
			}
			return showVerification(cmd.OutOrStdout(), v, file != "", asJSON)
		},
	}
	cmd.Flags().StringVar(&file, "head", "", "`FILE` with a head that was kept elsewhere; - is standard input")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was found as JSON")
	return cmd
}
