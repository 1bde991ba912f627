package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

func newToken() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "List, make and end tokens of machines",
		Long: `A machine asks central with a token: as Authorization: Bearer TOKEN, or with HTTP
Basic, the token's name as the user and the token as the password. It may what it
was granted, until it is over. Tokens that add events are another kind: see
'llama ingest-token'.`,
		Example: "  llama token add reports --grant analyst:plant-7 --expires +30d\n  llama token list",
		Args:    noArgs,
	}
	cmd.AddCommand(
		newList("list", "List tokens of machines", "  llama token list", "/tokens", nil),
		newTokenAdd(),
		newRemove("remove NAME", "End a token at once", "  llama token remove reports", "/tokens"),
	)
	return cmd
}

func newTokenAdd() *cobra.Command {
	var grants, scopes []string
	var expires string
	cmd := &cobra.Command{
		Use:   "add NAME --grant GRANT [--scope PERMISSION]... [--expires TIME]",
		Short: "Make a token for a machine and print it, once",
		Long: `Prints the token alone on stdout. Central keeps a hash of it, so it cannot be shown
again. ` + grantsHelp + `
A scope narrows the token down: of what its roles allow, it may do only that.`,
		Example: "  llama token add reports --grant analyst:plant-7 --expires +30d\n  llama token add asker --grant analyst --scope submit-queries --scope read-queries",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(grants) == 0 {
				return usagef("--grant is missing: a token without one may do nothing")
			}
			granted, err := grantsOf(grants)
			if err != nil {
				return err
			}
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				answer, err := c.Add(ctx, "/tokens", map[string]any{"name": args[0], "grants": granted, "scopes": scopes, "expires": expires})
				if err != nil {
					return err
				}
				var made struct{ Token string }
				if err := json.Unmarshal(answer, &made); err != nil {
					return fmt.Errorf("read the answer: %w", err)
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), made.Token)
				return err
			})
		},
	}
	cmd.Flags().StringArrayVar(&grants, "grant", nil, "`GRANT`: ROLE, ROLE:TARGET or ROLE:@GROUP; may be repeated")
	cmd.Flags().StringArrayVar(&scopes, "scope", []string{}, "`PERMISSION` to narrow the token down to; may be repeated")
	cmd.Flags().StringVar(&expires, "expires", "+90d", "`TIME` when it is over: RFC 3339, a date, or from now, as +30d; two years at most")
	return cmd
}
