package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

const savedPath = "/saved-queries"

func newSaved() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "saved",
		Short:   "List, save, ask and remove queries under names",
		Example: "  llama saved add failures --from -1d 'event.outcome:failure'\n  llama saved ask failures",
		Args:    noArgs,
	}
	cmd.AddCommand(
		newList("list", "List saved queries", "  llama saved list", savedPath, nil),
		newShowNamed("show NAME", "Show a saved query", "  llama saved show failures", savedPath),
		newSavedAdd(), newSavedAsk(),
		newRemoveNamed("remove NAME", "Remove a saved query", "  llama saved remove failures", savedPath),
	)
	return cmd
}

// savedQuery is one as the API has it.
type savedQuery struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Query       string   `json:"query"`
	Targets     []string `json:"targets,omitempty"`
	From        string   `json:"from,omitempty"`
	To          string   `json:"to,omitempty"`
	Limit       int64    `json:"limit,omitempty"`
}

func newSavedAdd() *cobra.Command {
	var q savedQuery
	var replace bool
	cmd := &cobra.Command{
		Use:     "add NAME [flags] LOGSQL",
		Short:   "Save a query under a name",
		Example: "  llama saved add failures --target plant-7 --from -1d 'event.outcome:failure | top 10 by (source.ip)'",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Name, q.Query = args[0], args[1]
			return explained(atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				if !replace {
					_, err := c.Add(ctx, savedPath, q)
					return err
				}
				id, err := idOf(ctx, c, savedPath, q.Name)
				if err != nil {
					return err
				}
				_, err = c.Put(ctx, savedPath+client.PathOf(id), q)
				return err
			}), args[1])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.Description, "description", "", "`TEXT` that says what it is for")
	flags.StringArrayVar(&q.Targets, "target", nil, "`NAME` of a target to ask; may be repeated (default: all)")
	flags.StringVar(&q.From, "from", "", "earliest `TIME` asked for, as -1d")
	flags.StringVar(&q.To, "to", "", "`TIME` before which is asked for")
	flags.Int64Var(&q.Limit, "limit", 0, "at most `N` rows")
	flags.BoolVar(&replace, "replace", false, "replace the one of that name")
	return cmd
}

func newSavedAsk() *cobra.Command {
	var o queryOptions
	cmd := &cobra.Command{
		Use:     "ask NAME",
		Short:   "Ask a saved query",
		Example: "  llama saved ask failures --format csv",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			var q savedQuery
			err := atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				id, err := idOf(ctx, c, savedPath, args[0])
				if err != nil {
					return err
				}
				item, err := c.Get(ctx, savedPath+client.PathOf(id))
				if err == nil {
					err = json.Unmarshal(item, &q)
				}
				if err != nil {
					return fmt.Errorf("read the saved query: %w", err)
				}
				return nil
			})
			if err != nil {
				return err
			}
			o.targets, o.from, o.to, o.limit = q.Targets, q.From, q.To, q.Limit
			return explained(runQuery(cmd, q.Query, o), q.Query)
		},
	}
	formatFlag(cmd, &o.format)
	return cmd
}
