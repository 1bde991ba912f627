package main

import (
	"context"
	"net/url"

	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

func newStatistics() *cobra.Command {
	var by, user, target, from, to, format string
	cmd := &cobra.Command{
		Use:   "statistics [--by target|user|hour|day] [--user NAME] [--target NAME]",
		Short: "Sum up what central knows, or what was asked",
		Long: `Without --by, one row: events, queries and nodes of all targets. With it, a row for
each target, user, hour or day: queries, those of schedules, those without a complete
answer, rows, and what was read for them; of one user, one target or both if they are
given.`,
		Example: "  llama statistics\n  llama statistics --by user --from -7d\n  llama statistics --by day --user ana --target plant-7",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if by != "" {
				params := url.Values{"by": {by}}
				set(params, "user", user)
				set(params, "target", target)
				set(params, "from", from)
				set(params, "to", to)
				return printList(cmd, format, "/statistics/usage", params)
			}
			for name, given := range map[string]string{"user": user, "target": target, "from": from, "to": to} {
				if given != "" {
					return usagef("--%s is of what was asked, which --by sums up", name)
				}
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
	flags.StringVar(&user, "user", "", "with --by: only what the user `NAME` asked")
	flags.StringVar(&target, "target", "", "with --by: only of the target `NAME`")
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
