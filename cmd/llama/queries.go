package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

// What may be done about queries that were asked, below 'llama query'.

func newQueryList() *cobra.Command {
	var state, user, target, text string
	cmd := newList("list", "List queries that were asked, newest first", "  llama query list --state running", "/queries", func() url.Values {
		params := url.Values{}
		set(params, "state", state)
		set(params, "user", user)
		set(params, "target", target)
		set(params, "match", text)
		return params
	})
	cmd.Flags().StringVar(&state, "state", "", "only those in `STATE`: queued, delivered, running, done, partial, failed, refused, cancelled or expired")
	cmd.Flags().StringVar(&user, "user", "", "only those that `NAME` asked")
	cmd.Flags().StringVar(&target, "target", "", "only those that ask the target `NAME`")
	cmd.Flags().StringVar(&text, "match", "", "only those whose name or text holds `TEXT`")
	return cmd
}

func newQueryShow() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show a query and how each of its targets fares",
		Example: "  llama query show 01890a5d-ac96-774b-bcce-b302099a8057",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				item, err := c.Get(ctx, "/query"+client.PathOf(args[0]))
				if err != nil {
					return err
				}
				if forPeople(format) {
					return printQuery(item)
				}
				return printOne(format, item)
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

// printQuery prints a query for people: itself as lists have it, how it ended, and a line
// for each of its tasks.
func printQuery(item []byte) error {
	row, err := rowOf(item)
	if err != nil {
		return err
	}
	var q struct {
		Error string            `json:"error"`
		Tasks []json.RawMessage `json:"tasks"`
	}
	if err := json.Unmarshal(item, &q); err != nil {
		return fmt.Errorf("read central's answer: %w", err)
	}
	if err := printTable(plainRow("/queries", row)); err != nil {
		return err
	}
	if q.Error != "" {
		fmt.Println(printable(q.Error))
	}
	fmt.Println()
	tasks := make([][]llama.Field, len(q.Tasks))
	for i, t := range q.Tasks {
		if tasks[i], err = rowOf(t); err != nil {
			return err
		}
		tasks[i] = plainRow(taskRows, tasks[i])
	}
	return printTable(tasks...)
}

func printTable(rows ...[]llama.Field) error {
	out, err := newRowWriter("table", os.Stdout)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := out.Write(row); err != nil {
			return err
		}
	}
	return out.Close()
}

func newQueryCancel() *cobra.Command {
	return newRemove("cancel ID", "Cancel a query; one that has ended is left as it is", "  llama query cancel 01890a5d-ac96-774b-bcce-b302099a8057", "/query")
}

func newQueryRows() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "rows ID",
		Short:   "Print the rows that a query has so far",
		Example: "  llama query rows 01890a5d-ac96-774b-bcce-b302099a8057 --format csv",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			out, err := newRowWriter(format, os.Stdout)
			if err != nil {
				return err
			}
			err = atCentral(cmd, func(ctx context.Context, c *client.Client) error {
				return printRows(ctx, c, args[0], out)
			})
			return errors.Join(out.Close(), err)
		},
	}
	formatFlag(cmd, &format)
	return cmd
}
