package main

import (
	"context"
	"net/url"

	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

func newStatistics() *cobra.Command {
	var by, from, to, format string
	cmd := &cobra.Command{
		Use:   "statistics [--by target|user|hour|day]",
		Short: "Sum up what central knows, or what was asked",
		Long: `Without --by, one row: events, queries and nodes of all targets. With it, a row for
each target, user, hour or day: queries, those of schedules, those without a complete
answer, rows, and what was read for them.`,
		Example: "  llama statistics\n  llama statistics --by user --from -7d",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if by != "" {
				params := url.Values{"by": {by}}
				set(params, "from", from)
				set(params, "to", to)
				return printList(cmd, format, "/statistics/usage", params)
			}
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				item, err := c.Get(ctx, "/statistics")
				if err != nil {
					return err
				}
				return printOne(format, item)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&by, "by", "", "sum what was asked by `WHAT`: target, user, hour or day")
	flags.StringVar(&from, "from", "", "with --by: earliest `TIME`, as -7d")
	flags.StringVar(&to, "to", "", "with --by: `TIME` before which counts")
	formatFlag(cmd, &format)
	return cmd
}

// newQueryTasks lists what waits and runs, below 'llama query'.
func newQueryTasks() *cobra.Command {
	var target, node string
	cmd := newList("tasks", "List tasks that have not ended, and their place in each node's queue", "  llama query tasks --target plant-7", "/tasks", func() url.Values {
		params := url.Values{}
		set(params, "target", target)
		set(params, "node", node)
		return params
	})
	cmd.Flags().StringVar(&target, "target", "", "only those of the target `NAME`")
	cmd.Flags().StringVar(&node, "node", "", "only those of the node `ID`")
	return cmd
}
