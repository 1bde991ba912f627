package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/node"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/spf13/cobra"
)

// maxTokenFile bounds the file of ingest tokens in bytes.
const maxTokenFile = 4 << 20

func newIngestToken() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ingest-token",
		Short: "List, make and end tokens that add events on this machine's node",
		Long: `A sender shows a token to the node's ingest door: as Authorization: Bearer TOKEN, as
the password of HTTP Basic, or as an API key. A token can add and read nothing; the
one in DATA/ingest-token is for all collections, and these are for single ones.
What changes holds at once, without a restart.`,
		Example: "  llama ingest-token add web --collection nginx --collection apache\n  llama ingest-token list",
		Args:    noArgs,
	}
	cmd.AddCommand(newIngestTokenAdd(), newIngestTokenList(), newIngestTokenRemove())
	return cmd
}

func newIngestTokenAdd() *cobra.Command {
	var data string
	var collections []string
	cmd := &cobra.Command{
		Use:     "add NAME [--collection NAME]...",
		Short:   "Make a token and print it, once",
		Long:    `Prints the token alone on stdout; the node keeps a hash of it.`,
		Example: "  llama ingest-token add web --collection nginx",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := auth.CheckName("token", args[0]); err != nil {
				return err
			}
			text, line, err := receive.NewToken(args[0], collections)
			if err != nil {
				return llama.Errorf(llama.Invalid, "%w", err)
			}
			err = changeTokens(data, func(lines []string) ([]string, error) {
				if find(lines, args[0]) >= 0 {
					return nil, llama.Errorf(llama.Conflict, "there is an ingest token %q already", args[0])
				}
				return append(lines, line), nil
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&collections, "collection", nil, "`NAME` of a collection that it may add to; may be repeated (default: all)")
	dataFlag(cmd, &data)
	return cmd
}

func dataFlag(cmd *cobra.Command, data *string) {
	cmd.Flags().StringVar(data, "data", defaultData(), "`DIR` of the node's data")
}

func newIngestTokenList() *cobra.Command {
	var data, format string
	cmd := &cobra.Command{
		Use: "list", Short: "List the tokens for single collections", Example: "  llama ingest-token list", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			out, err := newRowWriter(format, os.Stdout)
			if err != nil {
				return err
			}
			err = eachToken(data, out.Write)
			return errors.Join(err, out.Close())
		},
	}
	dataFlag(cmd, &data)
	formatFlag(cmd, &format)
	return cmd
}

func eachToken(data string, emit func([]llama.Field) error) error {
	dir, err := fsys.Dir(data)
	if err != nil {
		return err
	}
	defer dir.Close()
	lines, err := tokenLines(dir)
	if err != nil {
		return err
	}
	for _, line := range lines {
		row := []llama.Field{{Name: "name", Value: wordOf(line, "name=")}}
		if collections := wordOf(line, "collections="); collections != "" {
			row = append(row, llama.Field{Name: "collections", Value: collections})
		}
		if err := emit(row); err != nil {
			return err
		}
	}
	return nil
}

func newIngestTokenRemove() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use: "remove NAME", Short: "End a token at once", Example: "  llama ingest-token remove web", Args: oneName,
		RunE: func(_ *cobra.Command, args []string) error {
			return changeTokens(data, func(lines []string) ([]string, error) {
				i := find(lines, args[0])
				if i < 0 {
					return nil, llama.Errorf(llama.NotFound, "there is no ingest token %q", args[0])
				}
				return append(lines[:i:i], lines[i+1:]...), nil
			})
		},
	}
	dataFlag(cmd, &data)
	return cmd
}

// changeTokens changes the lines of the file of tokens, one command at a time.
func changeTokens(data string, change func([]string) ([]string, error)) error {
	dir, err := fsys.Dir(data)
	if err != nil {
		return err
	}
	defer dir.Close()
	lock, err := dir.Lock(node.AddedTokens + ".lock")
	if errors.Is(err, fsys.ErrLocked) {
		return llama.Errorf(llama.Conflict, "another command changes the tokens of %s; try again", data)
	} else if err != nil {
		return err
	}
	defer lock.Close()
	lines, err := tokenLines(dir)
	if err != nil {
		return err
	}
	if lines, err = change(lines); err != nil {
		return err
	}
	return fsys.Replace(dir, node.AddedTokens, []byte(strings.Join(append(lines, ""), "\n")))
}

func tokenLines(dir fsys.FS) ([]string, error) {
	text, err := fsys.ReadFile(dir, node.AddedTokens, maxTokenFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

func find(lines []string, name string) int {
	for i, line := range lines {
		if wordOf(line, "name=") == name {
			return i
		}
	}
	return -1
}

// wordOf returns what follows head in the word of line that begins with it.
func wordOf(line, head string) string {
	for word := range strings.FieldsSeq(line) {
		if rest, ok := strings.CutPrefix(word, head); ok {
			return rest
		}
	}
	return ""
}
