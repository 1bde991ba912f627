package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/llama-logs/llama/internal/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A usageError is a mistake on the command line.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// mistyped refuses a word behind a command that only groups others: cobra would print
// its help and call that a success.
func mistyped(root *cobra.Command, args []string) (*cobra.Command, error) {
	cmd, rest, err := root.Find(args)
	if err != nil || cmd == root || cmd.Runnable() || len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
		return cmd, nil
	}
	return cmd, unknownCommand(cmd, rest[0])
}

// nearDistance is how many letters a word may be off to be suggested.
const nearDistance = 2

func unknownCommand(cmd *cobra.Command, word string) error {
	cmd.SuggestionsMinimumDistance = nearDistance
	near := cmd.SuggestionsFor(word)
	if len(near) == 0 {
		return usagef("'%s' has no command %q", cmd.CommandPath(), word)
	}
	return usagef("'%s' has no command %q; %s?", cmd.CommandPath(), word, strings.Join(near, ", "))
}

// flagProblem says what is wrong with a flag in words of this program.
func flagProblem(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, unknown)
	}
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return &usageError{err.Error()}
	}
	kind := "is " + wrong.Unwrap().Error()
	switch wrong.GetFlag().Value.Type() {
	case "int", "int64":
		kind = "is no whole number"
	case "bool":
		kind = "is neither true nor false"
	}
	return usagef("--%s: %q %s", wrong.GetFlag().Name, wrong.GetValue(), kind)
}

// unknownFlag names the flag that may be meant. A query may begin with - as a flag does,
// where it is the last word.
func unknownFlag(cmd *cobra.Command, unknown *pflag.NotExistError) error {
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		if strings.HasSuffix(cmd.Use, " LOGSQL") || strings.HasSuffix(cmd.Use, " [LOGSQL]") {
			before := cmd.CommandPath()
			if strings.HasPrefix(cmd.Use, cmd.Name()+" NAME ") {
				before += " NAME"
			}
			return usagef("there is no flag -%s; a query that begins with - goes behind --, as in: %s -- '-error'", letters, before)
		}
		return usagef("there is no flag -%s", letters)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := config.Near(unknown.GetSpecifiedName(), names); near != "" {
		return usagef("there is no flag --%s; --%s?", unknown.GetSpecifiedName(), near)
	}
	return usagef("there is no flag --%s", unknown.GetSpecifiedName())
}

// cobraWords are the errors of cobra itself, for which it has no types.
var cobraWords = []struct {
	pattern *regexp.Regexp
	say     func(cmd *cobra.Command, m []string) string
}{
	{regexp.MustCompile(`^if any flags in the group \[.*\] are set none of the others can be; \[(.*)\] were all set$`), func(_ *cobra.Command, m []string) string {
		return "--" + strings.ReplaceAll(m[1], " ", " and --") + " do not go together"
	}},
	{regexp.MustCompile(`^at least one of the flags in the group \[(.*)\] is required$`), func(_ *cobra.Command, m []string) string {
		return "one of --" + strings.ReplaceAll(m[1], " ", ", --") + " is wanted"
	}},
	{regexp.MustCompile(`^(?:accepts|requires) .* arg\(s\), (?:only )?received (\d+)$`), func(cmd *cobra.Command, m []string) string {
		return "it is '" + cmd.UseLine() + "'; the words given were " + m[1]
	}},
	{regexp.MustCompile(`^required flag\(s\) "(.*)" not set$`), func(_ *cobra.Command, m []string) string {
		return "--" + strings.ReplaceAll(m[1], `", "`, ", --") + " is missing"
	}},
	{regexp.MustCompile(`(?s)^unknown command "(.*?)" for "llama"`), func(cmd *cobra.Command, m []string) string {
		return unknownCommand(cmd.Root(), m[1]).Error()
	}},
}

// plainly turns what cobra says of a command line into a usageError.
func plainly(cmd *cobra.Command, err error) error {
	for _, w := range cobraWords {
		if m := w.pattern.FindStringSubmatch(err.Error()); m != nil {
			return &usageError{w.say(cmd, m)}
		}
	}
	return err
}

// noArgs refuses words behind a command that takes flags only.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasSubCommands():
		return unknownCommand(cmd, args[0])
	}
	return usagef("'%s' takes flags only, and %q is none", cmd.CommandPath(), args[0])
}
