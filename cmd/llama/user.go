package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

const grantsHelp = `A grant is a role, viewer, analyst, operator or admin, on all targets; ROLE:TARGET
on one, ROLE:@GROUP on those of a group.`

// grant is what somebody may do, as the API has it.
type grant = client.Grant

// grantsOf reads grants from the command line. One that ends in its colon would be on
// all targets: an empty variable of a script must not come to that.
func grantsOf(texts []string) ([]grant, error) {
	grants := []grant{}
	for _, text := range texts {
		role, where, bound := strings.Cut(text, ":")
		g := grant{Role: role, Target: where}
		if group, ok := strings.CutPrefix(where, "@"); ok {
			g.Target, g.Group = "", group
		}
		if bound && g.Target == "" && g.Group == "" {
			return nil, usagef("the grant %q names no target; ROLE:TARGET, ROLE:@GROUP, or ROLE alone for all targets", text)
		}
		grants = append(grants, g)
	}
	return grants, nil
}

// grantWords writes grants as grantsOf reads them. What a grant on a group comes to
// for each of its targets is left out.
func grantWords(grants []grant) string {
	var all []string
	for _, g := range grants {
		switch {
		case g.Target != "" && g.Group != "":
		case g.Target != "":
			all = append(all, g.Role+":"+g.Target)
		case g.Group != "":
			all = append(all, g.Role+":@"+g.Group)
		default:
			all = append(all, g.Role)
		}
	}
	if len(all) == 0 {
		return "nothing is granted yet"
	}
	return strings.Join(all, ", ")
}

func newUser() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "List, add, change and remove users",
		Long: `Users sign in at central with a password. What one may do is granted.
` + grantsHelp,
		Example: "  llama user add ana --grant analyst:plant-7\n  llama user list",
		Args:    noArgs,
	}
	cmd.AddCommand(
		newList("list", "List users and what they may do", "  llama user list", "/users", nil),
		newUserAdd(), newUserGrant(), newUserPassword(), newUserRemove(),
	)
	return cmd
}

func newUserAdd() *cobra.Command {
	var grants []string
	var file string
	cmd := &cobra.Command{
		Use:   "add NAME [--grant GRANT]...",
		Short: "Add a user",
		Long: `Adds a user and prints the first password, which must be changed at the first
sign-in. ` + grantsHelp,
		Example: "  llama user add ana --grant analyst\n  llama user add bob --grant viewer:plant-7 --grant operator:@branches",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			granted, err := grantsOf(grants)
			if err != nil {
				return err
			}
			return firstPassword(cmd, file, func(ctx context.Context, c *client.Client, password string) ([]byte, error) {
				return c.Add(ctx, "/users", map[string]any{"name": args[0], "grants": granted, "password": password})
			})
		},
	}
	cmd.Flags().StringArrayVar(&grants, "grant", nil, "`GRANT`: ROLE, ROLE:TARGET or ROLE:@GROUP; may be repeated")
	passwordFlag(cmd, &file)
	return cmd
}

func passwordFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "password-file", "", "`FILE` with the first password, - asks for it (default: one is drawn and printed)")
}

// firstPassword does what gives a user a first password, and prints that if it
// was drawn.
func firstPassword(cmd *cobra.Command, file string, do func(context.Context, *client.Client, string) ([]byte, error)) error {
	given := ""
	if file != "" {
		var err error
		if given, err = newAsker().secret(file, "First password"); err != nil {
			return err
		}
	}
	return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
		answer, err := do(ctx, c, given)
		if err != nil || given != "" {
			return err
		}
		var first struct{ Password string }
		if err := json.Unmarshal(answer, &first); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), first.Password)
		return err
	})
}

func newUserGrant() *cobra.Command {
	return &cobra.Command{
		Use:   "grant NAME [GRANT]...",
		Short: "Replace what a user may do",
		Long: `Grants what is named and takes away all else; it holds from the user's next request
on. ` + grantsHelp,
		Example: "  llama user grant ana analyst:plant-7 viewer:@branches\n  llama user grant bob",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			granted, err := grantsOf(args[1:])
			if err != nil {
				return err
			}
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				_, err := c.Change(ctx, "/users"+client.PathOf(args[0]), map[string]any{"grants": granted})
				return err
			})
		},
	}
}

func newUserPassword() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "password NAME",
		Short:   "Give a user another first password",
		Long:    `Ends the user's sessions and prints a password that must be changed at the next sign-in.`,
		Example: "  llama user password ana",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return firstPassword(cmd, file, func(ctx context.Context, c *client.Client, password string) ([]byte, error) {
				return c.Add(ctx, "/users"+client.PathOf(args[0], "password"), map[string]any{"password": password})
			})
		},
	}
	passwordFlag(cmd, &file)
	return cmd
}

func newUserRemove() *cobra.Command {
	return newRemove("remove NAME", "Remove a user and end their sessions", "  llama user remove ana", "/users")
}

// newRemove makes a command that removes what is called NAME at a path of the API.
func newRemove(use, short, example, path string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example, Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				return c.Remove(ctx, path+client.PathOf(args[0]))
			})
		},
	}
}
