package main

import "github.com/spf13/cobra"

func newNode() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "node",
		Short:   "Look after the node on this machine",
		Example: "  llama node ledger",
		Args:    noArgs,
	}
	cmd.AddCommand(newNodeLedger(), newNodeMetrics())
	return cmd
}
