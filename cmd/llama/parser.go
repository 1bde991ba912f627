package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/llama-logs/llama/internal/parse"
	"github.com/spf13/cobra"
)

func newParser() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "parser",
		Short:   "List and test parser modules",
		Example: "  llama parser list\n  llama parser test --parsers ./parsers",
		Args:    noArgs,
	}
	var listed, tested parserOptions
	list := &cobra.Command{
		Use:     "list",
		Short:   "Print the names of all parsers",
		Example: "  llama parser list --parsers ./parsers",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			registry, err := loadParsers(listed)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(registry.Names(), "\n"))
			return err
		},
	}
	test := &cobra.Command{
		Use:     "test [NAME...]",
		Short:   "Run the examples of parser modules",
		Example: "  llama parser test sshd\n  llama parser test --parsers ./parsers",
		RunE: func(cmd *cobra.Command, names []string) error {
			registry, err := loadParsers(tested)
			if err != nil {
				return err
			}
			return testModules(registry, names)
		},
	}
	listed.flags(list)
	tested.flags(test)
	cmd.AddCommand(list, test)
	return cmd
}

func loadParsers(o parserOptions) (*parse.Registry, error) {
	options, err := o.parse()
	if err != nil {
		return nil, err
	}
	return parse.Load(options)
}

func testModules(registry *parse.Registry, names []string) error {
	for _, name := range names {
		if _, err := registry.Parser(name); err != nil {
			return err
		}
	}
	failed := 0
	for _, module := range registry.Modules() {
		if len(names) > 0 && !slices.Contains(names, module.Name) {
			continue
		}
		if err := module.Test(); err != nil {
			failed++
			words(os.Stderr, "%s: %v", module.Name, err)
			continue
		}
		words(os.Stderr, "%s: all examples pass", module.Name)
	}
	if failed > 0 {
		return silentError{}
	}
	return nil
}
