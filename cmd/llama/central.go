package main

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/client"
	"github.com/spf13/cobra"
)

// What the commands that ask central's API have in common.

// atCentral runs fn with a client of the central that one is signed in at.
func atCentral(cmd *cobra.Command, fn func(ctx context.Context, c *client.Client) error) error {
	c, err := openClient()
	if err != nil {
		return err
	}
	defer c.Close()
	return fn(cmd.Context(), c)
}

// formatFlag adds the flag that says in which form a list is printed.
func formatFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().Var((*rowForm)(format), "format", "`FORM` of the list: ndjson, csv or table (default: table on a terminal, else ndjson)")
}

// newList makes a command that prints the list at a path of the API, one row an
// item. The parameters are made of flags; nil is none.
func newList(use, short, example, path string, params func() url.Values) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var asked url.Values
			if params != nil {
				asked = params()
			}
			return printList(cmd, format, path, asked)
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

func printList(cmd *cobra.Command, format, path string, params url.Values) error {
	out, err := newRowWriter(format, os.Stdout)
	if err != nil {
		return err
	}
	err = atCentral(cmd, func(ctx context.Context, c *client.Client) error {
		return c.Each(ctx, path, params, func(item []byte) error {
			row, err := rowOf(item)
			if err == nil && forPeople(format) {
				row = plainRow(path, row)
			}
			if err != nil {
				return err
			}
			return out.Write(row)
		})
	})
	return errors.Join(out.Close(), err)
}

func rowOf(item []byte) ([]llama.Field, error) {
	return llama.AppendFields(nil, string(bytes.TrimSpace(item)))
}

// printOne prints one item that the API answered.
func printOne(format string, item []byte) error {
	out, err := newRowWriter(format, os.Stdout)
	if err != nil {
		return err
	}
	row, err := rowOf(item)
	if err == nil {
		err = out.Write(row)
	}
	return errors.Join(err, out.Close())
}

// set puts a parameter if it has a value.
func set(params url.Values, name, value string) {
	if value != "" {
		params.Set(name, value)
	}
}

// oneName refuses a command line without exactly one name.
func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("'%s' takes one name, and %d were given", cmd.CommandPath(), len(args))
	}
	return nil
}
