package main

import (
	"os"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
	"github.com/spf13/cobra"
)

func newTail() *cobra.Command {
	var targets []string
	var format, dataDir string
	var local bool
	cmd := &cobra.Command{
		Use:   "tail [flags] FILTER",
		Short: "Follow events live as they arrive",
		Long: `Prints the events that match a LogsQL filter as they arrive at the nodes, until
it is interrupted. A query with pipes cannot be followed. Where central is and who
asks is known as for 'llama query'.`,
		Example: `  llama tail 'error'
  llama tail --local '_collection:sshd event.outcome:failure'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("one filter is wanted and %d words were given; put it in single quotes, \"*\" is everything", len(args))
			}
			return explained(runTail(cmd, args[0], targets, format, local, dataDir), args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&targets, "target", nil, "`NAME` of a target to follow; may be repeated (default: all)")
	flags.StringVar(&format, "format", "", "`FORM` of the events: ndjson, or table for the time, the host, the program and the message (default: table on a terminal, else ndjson)")
	flags.BoolVar(&local, "local", false, "follow the node on this machine through its socket, without central")
	flags.StringVar(&dataDir, "data", defaultData(), "`DIR` of that node's data")
	cmd.MarkFlagsMutuallyExclusive("local", "target")
	return cmd
}

func runTail(cmd *cobra.Command, text string, targets []string, format string, local bool, dataDir string) error {
	ctx := cmd.Context()
	q, err := query.Parse(text, time.Now())
	if err != nil {
		return err
	}
	if _, err := q.Matcher(); err != nil {
		return err
	}
	out, err := newTailWriter(format, os.Stdout)
	if err != nil {
		return err
	}
	if local {
		return tailLocal(ctx, text, dataDir, out)
	}
	c, err := openClient()
	if err != nil {
		return err
	}
	defer c.Close()
	var row []llama.Field
	err = c.Tail(ctx, text, targets, func(line []byte) (err error) {
		if row, err = llama.AppendFields(row[:0], string(line)); err != nil {
			return err
		}
		return out(row)
	}, func(count int64) {
		words(os.Stderr, "llama: %d events came too fast and are left out here; a query finds them", count)
	})
	if ctx.Err() != nil {
		return nil // interrupted, as it should end
	}
	return err
}
