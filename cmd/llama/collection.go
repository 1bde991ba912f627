package main

import (
	"context"
	"net/url"

	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

func newCollection() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "collection",
		Short:   "List collections, make them, and say how long they are kept",
		Example: "  llama collection list --target plant-7\n  llama collection keep switch --target plant-7 --age 30d",
		Args:    noArgs,
	}
	var target, match string
	list := newList("list", "List collections and what they hold", "  llama collection list --target plant-7", "/collections", func() url.Values {
		params := url.Values{}
		set(params, "target", target)
		set(params, "match", match)
		return params
	})
	list.Flags().StringVar(&target, "target", "", "only those of the target `NAME`")
	list.Flags().StringVar(&match, "match", "", "only those whose name holds `TEXT`")
	cmd.AddCommand(list,
		newKeep("add NAME --target TARGET [--age AGE] [--size SIZE]", "Make a collection before its first event",
			"  llama collection add switch --target plant-7 --age 30d", func(ctx context.Context, c *client.Client, target, name string, keeping map[string]any) error {
				keeping["target"], keeping["name"] = target, name
				_, err := c.Add(ctx, "/collections", keeping)
				return err
			}),
		newKeep("keep NAME --target TARGET [--age AGE] [--size SIZE]", "Say how long a collection is kept; what is not given is as the node is configured",
			"  llama collection keep switch --target plant-7 --age 30d --size 10GiB", func(ctx context.Context, c *client.Client, target, name string, keeping map[string]any) error {
				_, err := c.Put(ctx, "/collections"+client.PathOf(target, name), keeping)
				return err
			}),
	)
	return cmd
}

// newKeep makes a command that tells the nodes of a target about a collection.
func newKeep(use, short, example string, do func(ctx context.Context, c *client.Client, target, name string, keeping map[string]any) error) *cobra.Command {
	var target, age, size string
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example, Args: oneName,
		Long: short + `.
All nodes of the target must be online; each keeps it in its ledger. What the site's own
configuration says of a collection stands.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if target == "" {
				return usagef("--target is missing: name the target whose nodes are to be told")
			}
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				return do(ctx, c, target, args[0], map[string]any{"age": age, "size": size})
			})
		},
	}
	cmd.Flags().StringVar(&target, "target", "", "`NAME` of the target")
	cmd.Flags().StringVar(&age, "age", "", "days that ended so long ago are removed, as 30d: `AGE`")
	cmd.Flags().StringVar(&size, "size", "", "beyond this size on disk the oldest days are removed, as 10GiB: `SIZE`")
	return cmd
}
