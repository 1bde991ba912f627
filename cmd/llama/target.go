package main

import (
	"context"
	"net/url"

	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

func newTarget() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "target",
		Short:   "Add, list and group targets",
		Long:    `A target is one site: what questions are addressed to, and what users may see.`,
		Example: "  llama target add plant-7\n  llama target list\n  llama target group put branches plant-7 plant-8",
		Args:    noArgs,
	}
	cmd.AddCommand(newTargetAdd(), newTargetCodes(), newTargetList(), newGroup(), newTargetLogLevel(), newTargetReload(), newTargetRotate(), newTargetStatus())
	return cmd
}

func newTargetList() *cobra.Command {
	return newMatchList("list", "List targets, their nodes and who is online", "  llama target list --match plant", "/targets")
}

// newMatchList is newList for one that can be asked for those with a name.
func newMatchList(use, short, example, path string) *cobra.Command {
	var match string
	cmd := newList(use, short, example, path, func() url.Values {
		params := url.Values{}
		set(params, "match", match)
		return params
	})
	cmd.Flags().StringVar(&match, "match", "", "only those whose name, or target's name, holds `TEXT`")
	return cmd
}

func newGroup() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "group",
		Short:   "Group targets, to grant roles on many at once",
		Example: "  llama target group put branches plant-7 plant-8\n  llama target group list",
		Args:    noArgs,
	}
	put := &cobra.Command{
		Use:     "put NAME [TARGET]...",
		Short:   "Make a group, or replace its targets",
		Example: "  llama target group put branches plant-7 plant-8",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				_, err := c.Put(ctx, "/target-groups"+client.PathOf(args[0]), map[string]any{"targets": args[1:]})
				return err
			})
		},
	}
	cmd.AddCommand(
		newList("list", "List groups and their targets", "  llama target group list", "/target-groups", nil),
		put,
		newRemove("remove NAME", "Remove a group, and what was granted on it", "  llama target group remove branches", "/target-groups"),
	)
	return cmd
}

func newTargetLogLevel() *cobra.Command {
	return &cobra.Command{
		Use:     "log-level NAME LEVEL",
		Short:   "Have a target's nodes log more or less, until they are restarted or reloaded",
		Long:    "Changes what the nodes of a target say of themselves, on their own stderr: debug, info, warn\nor error, until they are restarted or read their configuration again. All of them have to\nbe online. It is in their ledgers and in the audit log.",
		Example: "  llama target log-level plant-7 debug",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				_, err := c.Put(ctx, "/targets"+client.PathOf(args[0])+"/log-level", map[string]string{"level": args[1]})
				return err
			})
		},
	}
}

func newTargetRotate() *cobra.Command {
	return &cobra.Command{
		Use:     "rotate NAME",
		Short:   "Have a target's nodes change their keys, while they go on working",
		Long:    "All nodes of the target have to be online. Old copies of their data are shut out then. What\n'llama node rotate' does on one node's machine.",
		Example: "  llama target rotate plant-7",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				_, err := c.Add(ctx, "/targets"+client.PathOf(args[0])+"/rotate", nil)
				return err
			})
		},
	}
}
